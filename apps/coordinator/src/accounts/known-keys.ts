import type { AccountId, KeyId, PersonId, Sha256Hex } from "@darkbloom/protocol/ids";
import type { Notices } from "../events/notices.ts";
import { Known, type Sharing } from "./known.ts";
import type { Accounts, KeyPage, KeyRecord, KeyTerms, RotatedTo } from "./port.ts";

/** Keys that are kept in memory; of more, the one that was looked up longest ago is read again. */
export const API_KEYS_KNOWN_MAX = 10_000;

/**
 * The accounts with the keys that were looked up kept in memory until one changes. A hash that names no key is asked for every
 * time, so that guesses take no room and a new key is there at once. Where other coordinators write too, they are told of each
 * change before it is answered.
 */
export class KnownKeys implements Accounts {
  readonly #accounts: Accounts;
  readonly #notices: Notices | undefined;
  readonly #known: Known<Sha256Hex, KeyRecord>;

  constructor(accounts: Accounts, sharing?: Sharing) {
    this.#accounts = accounts;
    this.#notices = sharing?.notices;
    this.#known = new Known(API_KEYS_KNOWN_MAX, sharing);
    sharing?.notices.listen("key", (keyId) => this.#forget(keyId));
  }

  find(keyHash: Sha256Hex): Promise<KeyRecord | undefined> {
    return this.#known.get(keyHash, () => this.#accounts.find(keyHash));
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

  /** Other coordinators are told nothing: a key that was revoked lets in nobody there either. */
  async forgetWords(of: Parameters<Accounts["forgetWords"]>[0]): Promise<void> {
    try {
      await this.#accounts.forgetWords(of);
    } finally {
      this.#known.forget(({ account, createdBy }) => account === of.account || createdBy === of.personId);
    }
  }

  /** Changes nothing that decides: what is kept goes on, with the new time. */
  async used(keyId: KeyId, at: number): Promise<void> {
    this.#known.amend(
      (record) => record.keyId === keyId,
      (record) => ({ ...record, lastUsedAt: at }),
    );
    await this.#accounts.used(keyId, at);
  }

  async #changing<Done>(keyId: KeyId, change: () => Promise<Done>): Promise<Done> {
    try {
      return await change();
    } finally {
      // Also where it is not known whether it was done.
      this.#forget(keyId);
      await this.#notices?.tell({ kind: "key", of: keyId });
    }
  }

  #forget(keyId: string): void {
    this.#known.forget((record) => record.keyId === keyId);
  }
}
