import { utf8 } from "@darkbloom/protocol/bytes";
import type { AccountId, KeyId, PersonId } from "@darkbloom/protocol/ids";
import { isPrintable } from "@darkbloom/protocol/printable";
import type { Clock, Crypto, Random } from "@darkbloom/protocol/ports";
import { hashOfKey, labelOf, newKey, newKeyId } from "./keys.ts";
import { invalidTerm, KEY_LIST_BYTES_MAX, KeyError, readKeyChange, tellChange, unbound } from "./key-terms.ts";
import type { Accounts, KeyPage, KeyRecord, KeyTerms } from "./port.ts";

/** Keys of one page. */
export const KEY_ROWS_MAX = 100;
/** Keys of one account that were not revoked. */
export const KEYS_PER_ACCOUNT_MAX = 1_000;
/** For so long at most the secret that a rotation replaces may go on. */
export const KEY_OVERLAP_MS_MAX = 7 * 24 * 60 * 60_000;

/** Of an account that many share, what one of them made. */
export interface MadeBy {
  readonly account: AccountId;
  readonly createdBy: PersonId;
}

/** Whose keys somebody may touch: those of one account, or what they made there, or, for the operator, every one. */
export type Whose = AccountId | MadeBy | "everyone";

/** Of a key that is new, or has a new secret: it is shown this once. */
export interface KeyWithSecret {
  readonly apiKey: string;
  readonly record: KeyRecord;
}

/**
 * What can be done with keys, whoever does it: an operator at the socket, or a person with a session. A key of another account
 * is refused as one that is not there.
 *
 * Every operation throws KeyError, with a sentence and what was wrong.
 */
export interface KeyAdmin {
  make(account: AccountId, terms: Partial<KeyTerms>, createdBy?: PersonId): Promise<KeyWithSecret>;
  /** Oldest first, revoked ones too. */
  list(whose: Whose, page: KeyPage): Promise<KeyRecord[]>;
  show(whose: Whose, keyId: string): Promise<KeyRecord>;
  /** Counts for the next request. */
  edit(whose: Whose, keyId: string, change: Partial<KeyTerms>): Promise<KeyRecord>;
  /** A new secret under the same id; the present one ends at once, or after `overlapMs`. */
  rotate(whose: Whose, keyId: string, overlapMs?: number): Promise<KeyWithSecret>;
  /** For good. Twice is once. */
  revoke(whose: Whose, keyId: string): Promise<KeyRecord>;
}

interface KeyWorld {
  readonly accounts: Accounts;
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
}

export function keyAdminOf({ accounts, clock, random, crypto }: KeyWorld): KeyAdmin {
  async function show(whose: Whose, keyId: string): Promise<KeyRecord> {
    // An id is only a name to look up; an unknown one finds nothing.
    return known(await accounts.byId(keyId as KeyId), whose);
  }

  async function live(whose: Whose, keyId: string): Promise<KeyRecord> {
    const record = await show(whose, keyId);
    if (record.revokedAt !== null) throw new KeyError({ why: "revoked" });
    return record;
  }

  /** @throws KeyError naming the field */
  function assertValid(terms: Partial<KeyTerms>): void {
    const { name = "", allowedModels = [], pins = [] } = terms;
    if (!isPrintable(name)) throw invalidTerm("name");
    if (!isKeepable(allowedModels)) throw invalidTerm("allowed_models");
    if (!isKeepable(pins)) throw invalidTerm("provider_serials");
    const { expiresAt = null } = readKeyChange(tellChange(terms));
    if (expiresAt !== null && expiresAt <= clock.now()) throw invalidTerm("expires_at");
  }

  return {
    async make(account, terms, createdBy) {
      assertValid(terms);
      const apiKey = newKey(random);
      const record: KeyRecord = {
        ...unbound,
        ...terms,
        keyId: newKeyId(random),
        account,
        createdBy: createdBy ?? null,
        label: labelOf(apiKey),
        createdAt: clock.now(),
        lastUsedAt: null,
        revokedAt: null,
      };
      if (!(await accounts.add(hashOfKey(crypto, apiKey), record, KEYS_PER_ACCOUNT_MAX)))
        throw new KeyError({ why: "too_many" });
      return { apiKey, record };
    },

    // PostgreSQL refuses some texts that are not printable.
    async list(whose, page) {
      if (!isPrintable(page.after ?? "")) return [];
      if (typeof whose === "string") return await accounts.list(whose === "everyone" ? undefined : whose, page);
      return await accounts.list(whose.account, { ...page, createdBy: whose.createdBy });
    },

    show,

    async edit(whose, keyId, change) {
      assertValid(change);
      const { keyId: id } = await live(whose, keyId);
      return known(await accounts.change(id, change), whose);
    },

    async rotate(whose, keyId, overlapMs = 0) {
      if (overlapMs < 0 || overlapMs > KEY_OVERLAP_MS_MAX) throw new RangeError("an overlap is out of its bounds");
      const { keyId: id } = await live(whose, keyId);
      const apiKey = newKey(random);
      const to = { keyHash: hashOfKey(crypto, apiKey), label: labelOf(apiKey) };
      const rotated = await accounts.rotate(id, to, overlapMs === 0 ? null : clock.now() + overlapMs);
      return { apiKey, record: known(rotated, whose) };
    },

    async revoke(whose, keyId) {
      const { keyId: id } = await show(whose, keyId);
      return known(await accounts.revoke(id, clock.now()), whose);
    },
  };
}

const isKeepable = (list: readonly string[]): boolean =>
  list.every(isPrintable) && utf8(list.join("")).length <= KEY_LIST_BYTES_MAX;

function known(record: KeyRecord | undefined, whose: Whose): KeyRecord {
  if (!record || !isOf(record, whose)) throw new KeyError({ why: "unknown_key" });
  return record;
}

function isOf({ account, createdBy }: KeyRecord, whose: Whose): boolean {
  if (typeof whose === "string") return whose === "everyone" || whose === account;
  return whose.account === account && whose.createdBy === createdBy;
}
