import type { PersonId, TokenId } from "@darkbloom/protocol/ids";
import type { Clock, Crypto, Random } from "@darkbloom/protocol/ports";
import type { Actor } from "../accounts/audit.ts";
import { hashOfKey } from "../accounts/keys.ts";
import {
  isLive,
  newTokenId,
  newTokenSecret,
  TOKENS_LIVE_MAX,
  type OperatorToken,
  type OperatorTokens,
  type Scope,
} from "../accounts/operator-tokens.ts";
import { turns } from "../accounts/turns.ts";
import { AdminError } from "./fault.ts";

export interface NewToken {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly days: number;
  /** Whom it ends with, where that is somebody who is signed in. */
  readonly by?: Actor;
}

/** The secret is shown this once. */
export interface CreatedToken extends OperatorToken {
  readonly secret: string;
}

export interface TokenAdmin {
  /** For a program, with what it may do and an end. It ends before that with whoever made it. */
  createToken(token: NewToken): Promise<CreatedToken>;
  /** Oldest first, also those that are over or revoked. */
  listTokens(): Promise<OperatorToken[]>;
  /** From the very next request on, for good. Twice is once. */
  revokeToken(tokenId: string): Promise<OperatorToken>;
}

export interface TokenWorld {
  readonly tokens: OperatorTokens;
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
}

export function tokenAdminOf({ tokens, clock, random, crypto }: TokenWorld): TokenAdmin {
  // Each looks how many there are; two at once would both find room.
  const inTurn = turns();
  return {
    createToken: ({ name, scopes, days, by = "socket" }) =>
      inTurn(async () => {
        const now = clock.now();
        const live = (await tokens.list()).filter((token) => isLive(token, now));
        if (live.length >= TOKENS_LIVE_MAX)
          throw new AdminError(
            "too_much",
            `There are ${TOKENS_LIVE_MAX} tokens, as many as there may be. Revoke one first.`,
          );
        const token: OperatorToken = {
          tokenId: newTokenId(random),
          name,
          scopes: [...new Set(scopes)],
          createdBy: isPerson(by) ? by : null,
          createdAt: now,
          expiresAt: now + days * 24 * 60 * 60_000,
          revokedAt: null,
        };
        const secret = newTokenSecret(random);
        await tokens.add(hashOfKey(crypto, secret), token);
        return { ...token, secret };
      }),

    listTokens: () => tokens.list(),

    async revokeToken(tokenId) {
      // An id is only a name to look up; an unknown one finds nothing.
      const token = await tokens.revoke(tokenId as TokenId, clock.now());
      if (!token)
        throw new AdminError("unknown_token", "There is no token with this id. GET /v1/admin/tokens lists all.");
      return token;
    },
  };
}

/** No token makes one. */
const isPerson = (by: Actor): by is PersonId => by.startsWith("person_");
