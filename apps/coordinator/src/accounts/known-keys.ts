import type { AccountId, KeyId, PersonId, Sha256Hex } from "@darkbloom/protocol/ids";
import type { Accounts, KeyPage, KeyRecord, KeyTerms, RotatedTo } from "./port.ts";

/** Keys that are kept in memory; of more, the one that was looked up longest ago is read again. */
export const API_KEYS_KNOWN_MAX = 10_000;

/**
 * The accounts of a process that nobody else writes beside, with the keys that were looked up kept in memory until one
 * changes. A hash that names no key is asked for every time, so that guesses take no room and a new key is there at once.
 */
export class KnownKeys implements Accounts {
  readonly #accounts: Accounts;
  /** By hash, in the order of their last use. */
  readonly #kept = new Map<Sha256Hex, KeyRecord>();
  /** What was read before a change, and comes behind it, is not kept. */
  #changes = 0;

  constructor(accounts: Accounts) {
    this.#accounts = accounts;
  }

  async find(keyHash: Sha256Hex): Promise<KeyRecord | undefined> {
    const known = this.#kept.get(keyHash);
    if (known) {
      this.#keep(keyHash, known);
      return known;
    }
    const changes = this.#changes;
    const found = await this.#accounts.find(keyHash);
    if (found && changes === this.#changes) this.#keep(keyHash, found);
    return found;
  }

  add(keyHash: Sha256Hex, record: KeyRecord, liveMax?: number): Promise<boolean> {
    return this.#accounts.add(keyHash, record, liveMax);
  }

  byId(keyId: KeyId): Promise<KeyRecord | undefined> {
    return this.#accounts.byId(keyId);
  }

  list(account?: AccountId, page?: KeyPage): Promise<KeyRecord[]> {
    return this.#accounts.list(account, page);
  }

  liveBy(personId: PersonId): Promise<KeyRecord[]> {
    return this.#accounts.liveBy(personId);
  }

  change(keyId: KeyId, change: Partial<KeyTerms>): Promise<KeyRecord | undefined> {
    return this.#changing(keyId, () => this.#accounts.change(keyId, change));
  }

  rotate(keyId: KeyId, to: RotatedTo, earlierUntil: number | null): Promise<KeyRecord | undefined> {
    return this.#changing(keyId, () => this.#accounts.rotate(keyId, to, earlierUntil));
  }

  revoke(keyId: KeyId, at: number): Promise<KeyRecord | undefined> {
    return this.#changing(keyId, () => this.#accounts.revoke(keyId, at));
  }

  /** Changes nothing that decides: what is kept goes on, with the new time. */
  async used(keyId: KeyId, at: number): Promise<void> {
    for (const [keyHash, record] of this.#kept)
      if (record.keyId === keyId) this.#kept.set(keyHash, { ...record, lastUsedAt: at });
    await this.#accounts.used(keyId, at);
  }

  async #changing<Done>(keyId: KeyId, change: () => Promise<Done>): Promise<Done> {
    try {
      return await change();
    } finally {
      // Also where it is not known whether it was done.
      this.#changes += 1;
      for (const [keyHash, record] of this.#kept) if (record.keyId === keyId) this.#kept.delete(keyHash);
    }
  }

  #keep(keyHash: Sha256Hex, record: KeyRecord): void {
    this.#kept.delete(keyHash);
    if (this.#kept.size >= API_KEYS_KNOWN_MAX)
      for (const oldest of this.#kept.keys().take(1)) this.#kept.delete(oldest);
    this.#kept.set(keyHash, record);
  }
}
