import type { PersonId, Sha256Hex, TokenId } from "@darkbloom/protocol/ids";
import type { OperatorToken, OperatorTokens } from "../accounts/operator-tokens.ts";

/** Operators' tokens with nothing behind them: for tests and networks in one process. */
export class MemoryOperatorTokens implements OperatorTokens {
  readonly #tokens = new Map<Sha256Hex, OperatorToken>();

  async add(secretHash: Sha256Hex, token: OperatorToken): Promise<void> {
    const known = this.#tokens.get(secretHash);
    if (known && known.tokenId !== token.tokenId) throw new RangeError("this secret is known already");
    if (!known) this.#tokens.set(secretHash, token);
  }

  async find(secretHash: Sha256Hex): Promise<OperatorToken | undefined> {
    return this.#tokens.get(secretHash);
  }

  async list(): Promise<OperatorToken[]> {
    return [...this.#tokens.values()].toSorted((a, b) => a.createdAt - b.createdAt);
  }

  async revoke(tokenId: TokenId, at: number): Promise<OperatorToken | undefined> {
    for (const [secretHash, token] of this.#tokens) {
      if (token.tokenId !== tokenId) continue;
      const revoked = { ...token, revokedAt: token.revokedAt ?? at };
      this.#tokens.set(secretHash, revoked);
      return revoked;
    }
    return undefined;
  }

  async forgetOf(personId: PersonId, at: number): Promise<void> {
    for (const [secretHash, token] of this.#tokens)
      if (token.createdBy === personId)
        this.#tokens.set(secretHash, { ...token, name: "", revokedAt: token.revokedAt ?? at });
  }
}
