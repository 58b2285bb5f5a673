import type { AccountId, KeyId, Sha256Hex } from "@darkbloom/protocol/ids";
import { describe, expect, it } from "vitest";
import { MemoryAccounts } from "../adapters/memory-accounts.ts";
import { accountsContract } from "./accounts.contract.ts";
import { API_KEYS_KNOWN_MAX, KnownKeys } from "./known-keys.ts";
import type { KeyRecord } from "./port.ts";
import { unbound } from "./key-terms.ts";

accountsContract("keys kept in memory", async () => new KnownKeys(new MemoryAccounts()));

const hashOf = (n: number): Sha256Hex => String(n).padStart(64, "0") as Sha256Hex;
const recordOf = (n: number): KeyRecord => ({
  keyId: `key_${n}` as KeyId,
  account: "acct_1" as AccountId,
  ...unbound,
  name: "",
  label: "eigeninference-Ab3…x9Q2",
  createdAt: n,
  createdBy: null,
  lastUsedAt: null,
  revokedAt: null,
});

/** A store that says what it was asked for, and may be slow to answer. */
class AskedAccounts extends MemoryAccounts {
  readonly asked: Sha256Hex[] = [];
  /** Awaited behind each reading, and behind each revocation. */
  slowly = async (): Promise<void> => {};

  override async find(keyHash: Sha256Hex): Promise<KeyRecord | undefined> {
    this.asked.push(keyHash);
    const found = await super.find(keyHash);
    await this.slowly();
    return found;
  }
}

async function known(keys: number) {
  const store = new AskedAccounts();
  for (let n = 0; n < keys; n++) await store.add(hashOf(n), recordOf(n));
  return { store, accounts: new KnownKeys(store) };
}

describe("keys in memory", () => {
  /** Goal: a key that is used again is not read again. Method: the same key three times, and what the store was asked. */
  it("are read once", async () => {
    const { store, accounts } = await known(2);
    for (const n of [0, 1, 0, 0]) expect(await accounts.find(hashOf(n))).toEqual(recordOf(n));
    expect(store.asked).toEqual([hashOf(0), hashOf(1)]);
  });

  /** Goal: a revocation counts for the next request, and concerns no other key. Method: two keys in memory, one revoked. */
  it("are read again once they are revoked", async () => {
    const { store, accounts } = await known(2);
    for (const n of [0, 1]) await accounts.find(hashOf(n));
    await accounts.revoke(recordOf(0).keyId, 7);
    expect(await accounts.find(hashOf(0))).toEqual({ ...recordOf(0), revokedAt: 7 });
    expect(await accounts.find(hashOf(1))).toEqual(recordOf(1));
    expect(store.asked).toEqual([hashOf(0), hashOf(1), hashOf(0)]);
  });

  /** Goal: so it does for a key that was just being read. Method: a reading that answers behind the revocation. */
  it("are not kept where they were read before a change", async () => {
    const { store, accounts } = await known(1);
    const answer = Promise.withResolvers<void>();
    store.slowly = () => answer.promise;
    const reading = accounts.find(hashOf(0));
    await Promise.resolve();
    await accounts.revoke(recordOf(0).keyId, 7);
    answer.resolve();
    expect((await reading)?.revokedAt).toBe(null);
    expect((await accounts.find(hashOf(0)))?.revokedAt).toBe(7);
  });

  /** Goal: what changes of a key counts for its next request, whichever way it changes. Method: each change of a key in memory, and a use, for which neither it nor another is read again. */
  it("are read again once something of them changes", async () => {
    const { store, accounts } = await known(1);
    const { keyId } = recordOf(0);
    await store.add(hashOf(8), recordOf(8));
    for (const n of [0, 8]) await accounts.find(hashOf(n));
    await accounts.change(keyId, { disabled: true });
    expect((await accounts.find(hashOf(0)))?.disabled).toBe(true);
    await accounts.used(keyId, 7);
    store.asked.length = 0;
    expect((await accounts.find(hashOf(0)))?.lastUsedAt).toBe(7);
    expect((await accounts.find(hashOf(8)))?.lastUsedAt).toBe(null);
    expect(store.asked).toEqual([]);
    await accounts.rotate(keyId, { keyHash: hashOf(1), label: "new" }, 9);
    expect((await accounts.find(hashOf(0)))?.expiresAt).toBe(9);
    await accounts.rotate(keyId, { keyHash: hashOf(2), label: "newer" }, null);
    for (const n of [0, 1]) expect(await accounts.find(hashOf(n))).toBeUndefined();
    expect((await accounts.find(hashOf(2)))?.label).toBe("newer");
  });

  /** Goal: where nobody knows whether a revocation was done, the store is asked. Method: one that is done and then fails. */
  it("are read again behind a revocation that fails", async () => {
    const { store, accounts } = await known(1);
    await accounts.find(hashOf(0));
    const revoke = store.revoke.bind(store);
    store.revoke = async (...given) => {
      await revoke(...given);
      throw new Error("the line is gone");
    };
    await expect(accounts.revoke(recordOf(0).keyId, 7)).rejects.toThrow("the line is gone");
    expect((await accounts.find(hashOf(0)))?.revokedAt).toBe(7);
  });

  /** Goal: a key that is made counts for the next request. Method: it is asked for, made, and asked for again. */
  it("are there at once", async () => {
    const { accounts } = await known(0);
    expect(await accounts.find(hashOf(0))).toBeUndefined();
    await accounts.add(hashOf(0), recordOf(0));
    expect(await accounts.find(hashOf(0))).toEqual(recordOf(0));
  });

  /** Goal: there is a bound, at which the key that was not used for longest goes, and guesses take no room. Method: as many keys as fit, guesses, the first one used, one more key. */
  it("are as many as fit", async () => {
    const { store, accounts } = await known(API_KEYS_KNOWN_MAX + 1);
    for (let n = 0; n < API_KEYS_KNOWN_MAX; n++) await accounts.find(hashOf(n));
    for (let n = 0; n < 5; n++) await accounts.find(hashOf(1_000_000 + n));
    await accounts.find(hashOf(0));
    expect(store.asked).toHaveLength(API_KEYS_KNOWN_MAX + 5);
    await accounts.find(hashOf(API_KEYS_KNOWN_MAX));
    store.asked.length = 0;
    for (const n of [0, 2, API_KEYS_KNOWN_MAX, 1]) await accounts.find(hashOf(n));
    expect(store.asked).toEqual([hashOf(1)]);
  });
});
