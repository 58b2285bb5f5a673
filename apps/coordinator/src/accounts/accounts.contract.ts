import type { AccountId, KeyId, Serial, Sha256Hex } from "@darkbloom/protocol/ids";
import { describe, expect, it } from "vitest";
import type { Accounts, KeyRecord } from "./port.ts";

const hash = (digit: string): Sha256Hex => digit.repeat(64) as Sha256Hex;
const record = (name: string, createdAt: number): KeyRecord => ({
  keyId: `key_${name}` as KeyId,
  account: "acct_1" as AccountId,
  label: name,
  minTrust: null,
  pins: [],
  createdAt,
  revokedAt: null,
});

/** What any store of keys must do. `open` gives a fresh one. */
export function accountsContract(name: string, open: () => Promise<Accounts>): void {
  describe(`accounts contract: ${name}`, () => {
    /** Goal: a key is found by its hash and by nothing else. Method: one key, its hash and another. */
    it("finds a key by its hash", async () => {
      const accounts = await open();
      await accounts.add(hash("a"), record("laptop", 1));
      expect(await accounts.find(hash("a"))).toEqual(record("laptop", 1));
      expect(await accounts.find(hash("b"))).toBeUndefined();
    });

    /** Goal: what a key may reach is kept with it. Method: a key with a level and machines, found, listed and revoked. */
    it("keeps what a key may reach", async () => {
      const accounts = await open();
      const bound = { ...record("bound", 1), minTrust: "hardware" as const, pins: ["SW-1", 'a, "b"'] as Serial[] };
      await accounts.add(hash("a"), bound);
      expect(await accounts.find(hash("a"))).toEqual(bound);
      expect(await accounts.list()).toEqual([bound]);
      expect(await accounts.revoke(bound.keyId, 5)).toEqual({ ...bound, revokedAt: 5 });
    });

    /** Goal: the list reads in the order of creation. Method: add out of order, two at the same moment. */
    it("lists the oldest first", async () => {
      const accounts = await open();
      await accounts.add(hash("a"), record("third", 30));
      await accounts.add(hash("b"), record("first", 10));
      await accounts.add(hash("c"), record("second", 10));
      expect((await accounts.list()).map((key) => key.label)).toEqual(["first", "second", "third"]);
    });

    /** Goal: a revoked key stays known, and the moment of the first revocation stands. Method: revoke twice. */
    it("revokes once, and answers revoked keys", async () => {
      const accounts = await open();
      await accounts.add(hash("a"), record("laptop", 1));
      await accounts.add(hash("b"), record("phone", 2));
      const revoked = { ...record("laptop", 1), revokedAt: 5 };
      expect(await accounts.revoke("key_laptop" as KeyId, 5)).toEqual(revoked);
      expect(await accounts.revoke("key_laptop" as KeyId, 9)).toEqual(revoked);
      expect(await accounts.find(hash("a"))).toEqual(revoked);
      expect(await accounts.find(hash("b"))).toEqual(record("phone", 2));
      expect(await accounts.revoke("key_nobody" as KeyId, 5)).toBeUndefined();
    });

    /** Goal: no key takes another's place. Method: the same hash, and the same id, a second time. */
    it("refuses a hash or an id that it knows", async () => {
      const accounts = await open();
      await accounts.add(hash("a"), record("laptop", 1));
      await expect(accounts.add(hash("a"), record("phone", 2))).rejects.toThrow();
      await expect(accounts.add(hash("b"), record("laptop", 2))).rejects.toThrow();
      expect(await accounts.list()).toEqual([record("laptop", 1)]);
    });
  });
}
