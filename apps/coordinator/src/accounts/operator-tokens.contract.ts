import type { PersonId, TokenId } from "@darkbloom/protocol/ids";
import { describe, expect, it } from "vitest";
import type { OperatorToken, OperatorTokens } from "./operator-tokens.ts";
import { hash } from "./people.contract.ts";

export const tokenOf = (n: number, more: Partial<OperatorToken> = {}): OperatorToken => ({
  tokenId: `token_${n}` as TokenId,
  name: `scraper "${n}"`,
  scopes: ["metrics:read", "audit:read"],
  createdBy: n === 1 ? null : ("person_otto" as PersonId),
  createdAt: n,
  expiresAt: n + 1000,
  revokedAt: null,
  ...more,
});

/** What any store of operators' tokens must do. `open` gives an empty one. */
export function operatorTokensContract(name: string, open: () => Promise<OperatorTokens>): void {
  describe(`operator tokens contract: ${name}`, () => {
    /** Goal: a token is found by the hash of its secret and by nothing else, and listed. Method: two, another hash, and the first said twice. */
    it("finds and lists tokens", async () => {
      const tokens = await open();
      await tokens.add(hash(2), tokenOf(2));
      await tokens.add(hash(1), tokenOf(1));
      await tokens.add(hash(1), tokenOf(1));
      expect(await tokens.find(hash(1))).toEqual(tokenOf(1));
      expect(await tokens.find(hash(3))).toBeUndefined();
      expect(await tokens.list()).toEqual([tokenOf(1), tokenOf(2)]);
      await expect(tokens.add(hash(1), tokenOf(3))).rejects.toThrow();
    });

    /** Goal: what somebody made ends with them and says nothing any more; what others made stays. Method: two of one, of which one was revoked before, and one of the socket's; twice. */
    it("forgets what somebody made", async () => {
      const tokens = await open();
      for (const n of [1, 2, 3]) await tokens.add(hash(n), tokenOf(n));
      await tokens.revoke(tokenOf(2).tokenId, 5);
      for (const at of [7, 8]) await tokens.forgetOf("person_otto" as PersonId, at);
      expect(await tokens.list()).toEqual([
        tokenOf(1),
        tokenOf(2, { name: "", revokedAt: 5 }),
        tokenOf(3, { name: "", revokedAt: 7 }),
      ]);
    });

    /** Goal: what is revoked stays so, from the moment of the first time. Method: twice, and one that is not there. */
    it("revokes once", async () => {
      const tokens = await open();
      await tokens.add(hash(1), tokenOf(1));
      const revoked = tokenOf(1, { revokedAt: 5 });
      expect(await tokens.revoke(tokenOf(1).tokenId, 5)).toEqual(revoked);
      expect(await tokens.revoke(tokenOf(1).tokenId, 9)).toEqual(revoked);
      expect(await tokens.find(hash(1))).toEqual(revoked);
      expect(await tokens.revoke("token_none" as TokenId, 9)).toBeUndefined();
    });
  });
}
