import { toBase64Url, toHex, utf8 } from "@darkbloom/protocol/bytes";
import type { AccountId, KeyId, Sha256Hex } from "@darkbloom/protocol/ids";
import type { Crypto, Random } from "@darkbloom/protocol/ports";

/** API keys as callers write them: `eigeninference-` and 32 random bytes in base64url, 43 characters. */
const KEY_PREFIX = "eigeninference-";
const KEY_BYTES = 32;
const keyShape = /^eigeninference-[A-Za-z0-9_-]{43}$/;

/** Ids are public names, not secrets; 128 random bits never meet. */
const ID_BYTES = 16;

/** A new key. It is shown once and never stored. */
export const newKey = (random: Random): string => KEY_PREFIX + toBase64Url(random.bytes(KEY_BYTES));

/** Whether it is worth hashing and looking up: a long or foreign credential costs nothing more. */
export const isKeyShaped = (text: string): boolean => keyShape.test(text);

/**
 * What is stored in a key's place. A plain hash is enough: nobody guesses 256 random bits, so there is
 * nothing for a slow one to slow down.
 */
export const hashOfKey = (crypto: Crypto, key: string): Sha256Hex => toHex(crypto.sha256(utf8(key))) as Sha256Hex;

export const newKeyId = (random: Random): KeyId => `key_${toHex(random.bytes(ID_BYTES))}` as KeyId;

export const newAccountId = (random: Random): AccountId => `acct_${toHex(random.bytes(ID_BYTES))}` as AccountId;

/** A key's first and last characters: 42 of its 256 bits, by which nobody finds the rest. */
export const labelOf = (key: string): string => `${key.slice(0, KEY_PREFIX.length + 3)}…${key.slice(-4)}`;
