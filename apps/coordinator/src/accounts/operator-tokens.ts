import { toBase64Url, toHex } from "@darkbloom/protocol/bytes";
import type { AccountId, KeyId, PersonId, Sha256Hex, TokenId } from "@darkbloom/protocol/ids";
import type { Random } from "@darkbloom/protocol/ports";
import { unbound } from "./key-terms.ts";
import type { KeyRecord } from "./port.ts";

/** Tokens as programs send them: a prefix of their own, and 32 random bytes in base64url, 43 characters. */
const TOKEN_PREFIX = "darkbloom-operator-";
const SECRET_BYTES = 32;
const tokenShape = /^darkbloom-operator-[A-Za-z0-9_-]{43}$/;
const ID_BYTES = 16;

/** What a program may do with one; each route says which it takes. */
export const scopes = [
  "metrics:read",
  "audit:read",
  "keys:write",
  "money:write",
  "payouts:write",
  "machines:write",
  "people:write",
] as const;
export type Scope = (typeof scopes)[number];

/** How long one can be good at most. */
export const TOKEN_DAYS_MAX = 366;
/** Tokens that were neither revoked nor are over. */
export const TOKENS_LIVE_MAX = 100;
/** Of what a token is for, in its operator's words. */
export const TOKEN_NAME_CHARS_MAX = 128;

/** An operator's token for a program, its public side. Its secret is shown once and only its SHA-256 is kept. */
export interface OperatorToken {
  readonly tokenId: TokenId;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Whose it ends with; null: it was made through the socket. */
  readonly createdBy: PersonId | null;
  /** Milliseconds since 1970, as are all times here. */
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly revokedAt: number | null;
}

/**
 * Tokens of operators. An adapter passes `operatorTokensContract`.
 *
 * - `add` is idempotent by id, and refuses a secret that is known.
 * - `find` answers those that are over or revoked too; the caller refuses them. `revoke` is idempotent and counts for the next `find`.
 */
export interface OperatorTokens {
  add(secretHash: Sha256Hex, token: OperatorToken): Promise<void>;
  find(secretHash: Sha256Hex): Promise<OperatorToken | undefined>;
  /** Oldest first. */
  list(): Promise<OperatorToken[]>;
  /** @returns how it is now; undefined for an unknown id */
  revoke(tokenId: TokenId, at: number): Promise<OperatorToken | undefined>;
  /** All that somebody made are revoked, and say no more what they were for. */
  forgetOf(personId: PersonId, at: number): Promise<void>;
}

export const isTokenShaped = (text: string): boolean => tokenShape.test(text);

/** Whether a text was meant to be an operator's token, and neither a key nor a session. */
export const isMeantAsToken = (text: string): boolean => text.startsWith(TOKEN_PREFIX);

export const newTokenSecret = (random: Random): string => TOKEN_PREFIX + toBase64Url(random.bytes(SECRET_BYTES));

export const newTokenId = (random: Random): TokenId => `token_${toHex(random.bytes(ID_BYTES))}` as TokenId;

/** Whether whoever shows it is let in. */
export const isLive = ({ revokedAt, expiresAt }: OperatorToken, now: number): boolean =>
  revokedAt === null && now < expiresAt;

/** A token in a key's place: it has no account, and is counted by itself. */
export const tokenStandIn = ({ tokenId, name, createdAt }: OperatorToken): KeyRecord => ({
  ...unbound,
  keyId: `key_of_${tokenId}` as KeyId,
  account: `account_of_${tokenId}` as AccountId,
  createdBy: null,
  label: name,
  createdAt,
  lastUsedAt: null,
  revokedAt: null,
});
