import type { AccountId, KeyId, PersonId, Sha256Hex } from "@darkbloom/protocol/ids";
import { unbound } from "../accounts/key-terms.ts";
import {
  endingAt,
  KEY_USED_EVERY_MS,
  type Accounts,
  type KeyPage,
  type KeyRecord,
  type KeyTerms,
  type RotatedTo,
} from "../accounts/port.ts";

interface Kept {
  keyHash: Sha256Hex;
  record: KeyRecord;
  earlier?: { readonly keyHash: Sha256Hex; readonly until: number } | undefined;
}

/** Keys with nothing behind them: for tests and networks in one process. */
export class MemoryAccounts implements Accounts {
  readonly #kept: Kept[] = [];

  async add(keyHash: Sha256Hex, record: KeyRecord, liveMax = Infinity): Promise<boolean> {
    if (this.#kept.some((known) => known.keyHash === keyHash || known.record.keyId === record.keyId))
      throw new RangeError("this key is known already");
    const live = this.#kept.filter((known) => known.record.account === record.account && !known.record.revokedAt);
    if (live.length >= liveMax) return false;
    this.#kept.push({ keyHash, record });
    return true;
  }

  async find(keyHash: Sha256Hex): Promise<KeyRecord | undefined> {
    const present = this.#kept.find((known) => known.keyHash === keyHash);
    if (present) return present.record;
    const before = this.#kept.find(({ earlier }) => earlier?.keyHash === keyHash);
    return before?.earlier && endingAt(before.record, before.earlier.until);
  }

  async byId(keyId: KeyId): Promise<KeyRecord | undefined> {
    return this.#of(keyId)?.record;
  }

  async list(account?: AccountId, { rows, after, createdBy }: Partial<KeyPage> = {}): Promise<KeyRecord[]> {
    const all = this.#kept
      .map(({ record }) => record)
      .filter((record) => account === undefined || record.account === account)
      .filter((record) => createdBy === undefined || record.createdBy === createdBy)
      .toSorted((a, b) => a.createdAt - b.createdAt);
    if (after === undefined) return all.slice(0, rows);
    const at = all.findIndex(({ keyId }) => keyId === after);
    return at < 0 ? [] : all.slice(at + 1, rows && at + 1 + rows);
  }

  async liveBy(personId: PersonId): Promise<KeyRecord[]> {
    return (await this.list()).filter(({ createdBy, revokedAt }) => createdBy === personId && revokedAt === null);
  }

  async change(keyId: KeyId, change: Partial<KeyTerms>): Promise<KeyRecord | undefined> {
    return this.#update(keyId, (record) => ({ ...record, ...change }));
  }

  async rotate(keyId: KeyId, to: RotatedTo, earlierUntil: number | null): Promise<KeyRecord | undefined> {
    if (this.#kept.some(({ keyHash }) => keyHash === to.keyHash)) throw new RangeError("this key is known already");
    const kept = this.#of(keyId);
    if (!kept) return undefined;
    kept.earlier = earlierUntil === null ? undefined : { keyHash: kept.keyHash, until: earlierUntil };
    kept.keyHash = to.keyHash;
    return this.#update(keyId, (record) => ({ ...record, label: to.label }));
  }

  async revoke(keyId: KeyId, at: number): Promise<KeyRecord | undefined> {
    return this.#update(keyId, (record) => ({ ...record, revokedAt: record.revokedAt ?? at }));
  }

  async forgetWords({ account, personId }: Parameters<Accounts["forgetWords"]>[0]): Promise<void> {
    for (const kept of this.#kept) {
      const { record } = kept;
      if (record.revokedAt !== null && (record.account === account || record.createdBy === personId))
        kept.record = { ...record, ...unbound };
    }
  }

  async used(keyId: KeyId, at: number): Promise<void> {
    this.#update(keyId, (record) =>
      at - (record.lastUsedAt ?? -Infinity) < KEY_USED_EVERY_MS ? record : { ...record, lastUsedAt: at },
    );
  }

  #of(keyId: KeyId): Kept | undefined {
    return this.#kept.find(({ record }) => record.keyId === keyId);
  }

  #update(keyId: KeyId, change: (record: KeyRecord) => KeyRecord): KeyRecord | undefined {
    const kept = this.#of(keyId);
    if (kept) kept.record = change(kept.record);
    return kept?.record;
  }
}
