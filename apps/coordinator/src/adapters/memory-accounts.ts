import type { KeyId, Sha256Hex } from "@darkbloom/protocol/ids";
import type { Accounts, KeyRecord } from "../accounts/port.ts";

/** Keys with nothing behind them: for tests and networks in one process. */
export class MemoryAccounts implements Accounts {
  readonly #byHash = new Map<Sha256Hex, KeyRecord>();

  async add(keyHash: Sha256Hex, record: KeyRecord): Promise<void> {
    for (const [hash, known] of this.#byHash)
      if (hash === keyHash || known.keyId === record.keyId) throw new RangeError("this key is known already");
    this.#byHash.set(keyHash, record);
  }

  async find(keyHash: Sha256Hex): Promise<KeyRecord | undefined> {
    return this.#byHash.get(keyHash);
  }

  async list(): Promise<KeyRecord[]> {
    return [...this.#byHash.values()].toSorted((a, b) => a.createdAt - b.createdAt);
  }

  async revoke(keyId: KeyId, at: number): Promise<KeyRecord | undefined> {
    for (const [hash, record] of this.#byHash) {
      if (record.keyId !== keyId) continue;
      const revoked = { ...record, revokedAt: record.revokedAt ?? at };
      this.#byHash.set(hash, revoked);
      return revoked;
    }
    return undefined;
  }
}
