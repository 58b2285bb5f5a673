import type { AccountId, KeyId, PersonId, Serial, Sha256Hex } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import { describe, expect, it } from "vitest";
import { KEY_USED_EVERY_MS, type Accounts, type KeyRecord } from "./port.ts";
import { unbound } from "./key-terms.ts";

const hash = (digit: string): Sha256Hex => digit.repeat(64) as Sha256Hex;
const record = (name: string, createdAt: number): KeyRecord => ({
  ...unbound,
  keyId: `key_${name}` as KeyId,
  account: "acct_1" as AccountId,
  name,
  label: "eigeninference-Ab3…x9Q2",
  createdAt,
  createdBy: null,
  lastUsedAt: null,
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
      expect((await accounts.list()).map((key) => key.name)).toEqual(["first", "second", "third"]);
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

    /** Goal: no key takes another's place. Method: the same hash, and the same id, a second time; and another's hash as a new secret. */
    it("refuses a hash or an id that it knows", async () => {
      const accounts = await open();
      await accounts.add(hash("a"), record("laptop", 1));
      await expect(accounts.add(hash("a"), record("phone", 2))).rejects.toThrow();
      await expect(accounts.add(hash("b"), record("laptop", 2))).rejects.toThrow();
      expect(await accounts.list()).toEqual([record("laptop", 1)]);
      await accounts.add(hash("b"), record("phone", 2));
      const toLaptops = { keyHash: hash("a"), label: "new" };
      await expect(accounts.rotate("key_phone" as KeyId, toLaptops, null)).rejects.toThrow();
      expect(await accounts.find(hash("a"))).toEqual(record("laptop", 1));
      expect(await accounts.find(hash("b"))).toEqual(record("phone", 2));
    });

    /** Goal: all that bounds a key is kept, and what is changed of it alone changes. Method: every term set, two changed, two taken away. */
    it("keeps and changes what bounds a key", async () => {
      const accounts = await open();
      const bound: KeyRecord = {
        ...record("bound", 1),
        disabled: true,
        limitMicroUsd: microUsd(9_007_199_254_740_993n),
        limitTokens: 5_000,
        limitReset: "weekly",
        rpmLimit: 3,
        itpmLimit: 4,
        otpmLimit: 5,
        allowedModels: ["m", 'n "o"'],
        minTrust: "hardware",
        pins: ["SW-1"] as Serial[],
        privacy: "sealed",
        expiresAt: 1_700_000_000_123,
      };
      await accounts.add(hash("a"), bound);
      await accounts.add(hash("b"), record("other", 2));
      expect(await accounts.find(hash("a"))).toEqual(bound);
      const change = { disabled: false, limitTokens: null, allowedModels: [], limitReset: "none" } as const;
      const changed = { ...bound, ...change };
      expect(await accounts.change(bound.keyId, change)).toEqual(changed);
      expect(await accounts.find(hash("a"))).toEqual(changed);
      expect(await accounts.byId(bound.keyId)).toEqual(changed);
      expect(await accounts.find(hash("b"))).toEqual(record("other", 2));
      expect(await accounts.change("key_nobody" as KeyId, change)).toBeUndefined();
      expect(await accounts.byId("key_nobody" as KeyId)).toBeUndefined();
    });

    /** Goal: an account's keys are listed alone, the oldest first. Method: keys of two accounts, added out of order. */
    it("lists the keys of one account", async () => {
      const accounts = await open();
      const theirs = { ...record("theirs", 1), account: "acct_2" as AccountId };
      await accounts.add(hash("a"), theirs);
      await accounts.add(hash("b"), record("mine", 2));
      const older = { ...theirs, keyId: "key_older" as KeyId, createdAt: 0 };
      await accounts.add(hash("c"), older);
      expect(await accounts.list("acct_2" as AccountId)).toEqual([older, theirs]);
      expect(await accounts.list()).toHaveLength(3);
    });

    /** Goal: who made a key is kept, and what they made is found on every account. Method: two people's keys on two accounts, one of them revoked, and one that nobody made. */
    it("knows who made a key", async () => {
      const accounts = await open();
      const [anna, otto] = ["person_anna", "person_otto"] as PersonId[] as [PersonId, PersonId];
      const other = "acct_2" as AccountId;
      const made = [
        { ...record("one", 1), createdBy: anna },
        { ...record("two", 2), createdBy: anna, account: other },
        { ...record("three", 3), createdBy: otto },
        { ...record("four", 4), createdBy: anna },
        record("five", 5),
      ];
      for (const [n, each] of made.entries()) await accounts.add(hash(String(n)), each);
      await accounts.revoke("key_four" as KeyId, 9);
      expect(await accounts.liveBy(anna)).toEqual([made[0], made[1]]);
      expect(await accounts.liveBy("person_nobody" as PersonId)).toEqual([]);
      const page = (after?: string) =>
        accounts.list("acct_1" as AccountId, { rows: 1, createdBy: anna, after: after as KeyId | undefined });
      expect(await page()).toEqual([made[0]]);
      expect((await page("key_one")).map(({ keyId }) => keyId)).toEqual(["key_four"]);
      expect(await accounts.find(hash("1"))).toEqual(made[1]);
    });

    /** Goal: of who is erased no key says anything any more, and none that is in use bounds less for it. Method: keys with words of theirs on their account, elsewhere, and not revoked; and keys of others. */
    it("forgets what somebody wrote into keys", async () => {
      const accounts = await open();
      const [personId, other] = ["person_anna", "acct_2"] as [PersonId, AccountId];
      const words = { allowedModels: ["anna/model"], pins: ["anna's"] as Serial[], rpmLimit: 5 };
      const keys = [
        { ...record("mine", 1), ...words },
        { ...record("elsewhere", 2), ...words, account: other, createdBy: personId },
        { ...record("in use", 3), ...words },
        { ...record("another's", 4), ...words, account: other },
      ];
      for (const [n, each] of keys.entries()) await accounts.add(hash(String(n)), each);
      for (const n of [0, 1, 3]) await accounts.revoke(keys[n]?.keyId ?? ("" as KeyId), 9);
      for (const n of [0, 1, 2, 3]) await accounts.find(hash(String(n)));
      for (let twice = 0; twice < 2; twice++) await accounts.forgetWords({ account: "acct_1" as AccountId, personId });
      const found = await Promise.all(keys.map((_, n) => accounts.find(hash(String(n)))));
      expect(found).toEqual([
        { ...keys[0], ...unbound, revokedAt: 9 },
        { ...keys[1], ...unbound, revokedAt: 9 },
        keys[2],
        { ...keys[3], revokedAt: 9 },
      ]);
    });

    /** Goal: many keys are read a few at a time. Method: pages behind each other, of one account and of all, of keys of one moment too; behind another's key and nobody's. */
    it("lists keys in pages", async () => {
      const accounts = await open();
      const account = "acct_1" as AccountId;
      const names = ["one", "two", "three", "four", "five"];
      for (const [n, each] of names.entries()) await accounts.add(hash(String(n)), record(each, n < 3 ? 1 : 2));
      const theirs = { ...record("theirs", 1), account: "acct_2" as AccountId };
      await accounts.add(hash("a"), theirs);
      const page = async (rows: number, after?: string) =>
        (await accounts.list(account, { rows, after: after as KeyId | undefined })).map((key) => key.name);
      expect(await page(2)).toEqual(["one", "two"]);
      expect(await page(2, "key_two")).toEqual(["three", "four"]);
      expect(await page(2, "key_four")).toEqual(["five"]);
      for (const none of ["key_five", "key_theirs", "key_nobody"]) expect(await page(2, none)).toEqual([]);
      const pageOfAll = async (rows: number, after?: string) =>
        (await accounts.list(undefined, { rows, after: after as KeyId | undefined })).map((key) => key.name);
      expect(await pageOfAll(3)).toEqual(["one", "two", "three"]);
      expect(await pageOfAll(2, "key_three")).toEqual(["theirs", "four"]);
      expect(await pageOfAll(2, "key_five")).toEqual([]);
      expect(await pageOfAll(2, "key_nobody")).toEqual([]);
    });

    /** Goal: no account has more keys than it may, however many are made at once. Method: eight at once where two have room, another account's beside them, and one more in the place of one that was revoked. */
    it("adds no more than there may be", async () => {
      const accounts = await open();
      await accounts.add(hash("a"), record("one", 1));
      await accounts.add(hash("b"), { ...record("theirs", 1), account: "acct_2" as AccountId });
      const add = (n: number) => accounts.add(hash(String(n)), record(String(n), 2), 3);
      const added = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(add));
      expect(added.filter(Boolean)).toHaveLength(2);
      expect(await accounts.list("acct_1" as AccountId)).toHaveLength(3);
      expect(await add(9)).toBe(false);
      await accounts.revoke("key_one" as KeyId, 5);
      expect([await add(9), await add(0)]).toEqual([true, false]);
      expect(await accounts.add(hash("c"), record("unbounded", 3))).toBe(true);
    });

    /** Goal: a rotation gives a new secret to the same key; the one before ends at once or when it was said, and one before that at once. Method: three rotations, and a key that ends sooner. */
    it("rotates a secret", async () => {
      const accounts = await open();
      const key = { ...record("laptop", 1), expiresAt: 500 };
      await accounts.add(hash("a"), key);
      const to = (digit: string) => ({ keyHash: hash(digit), label: digit });
      expect(await accounts.rotate(key.keyId, to("b"), null)).toEqual({ ...key, label: "b" });
      expect(await accounts.find(hash("a"))).toBeUndefined();
      expect(await accounts.rotate(key.keyId, to("c"), 100)).toEqual({ ...key, label: "c" });
      expect(await accounts.find(hash("b"))).toEqual({ ...key, label: "c", expiresAt: 100 });
      expect(await accounts.find(hash("c"))).toEqual({ ...key, label: "c" });
      await accounts.rotate(key.keyId, to("d"), 900);
      expect(await accounts.find(hash("b"))).toBeUndefined();
      expect(await accounts.find(hash("c"))).toEqual({ ...key, label: "d", expiresAt: 500 });
      await accounts.change(key.keyId, { expiresAt: null });
      expect((await accounts.find(hash("c")))?.expiresAt).toBe(900);
      expect(await accounts.rotate("key_nobody" as KeyId, to("e"), null)).toBeUndefined();
      expect(await accounts.list()).toHaveLength(1);
    });

    /** Goal: a key's last use is known, and written no more often than is said. Method: uses within and behind that time; and a key beside it, which nobody uses. */
    it("writes down a use now and then", async () => {
      const accounts = await open();
      await accounts.add(hash("a"), record("laptop", 1));
      await accounts.add(hash("b"), record("phone", 2));
      const lastUse = async () => (await accounts.byId("key_laptop" as KeyId))?.lastUsedAt;
      for (const [at, known] of [
        [1_000, 1_000],
        [1_000 + KEY_USED_EVERY_MS - 1, 1_000],
        [1_000 + KEY_USED_EVERY_MS, 1_000 + KEY_USED_EVERY_MS],
      ] as const) {
        await accounts.used("key_laptop" as KeyId, at);
        expect(await lastUse()).toBe(known);
      }
      expect((await accounts.byId("key_phone" as KeyId))?.lastUsedAt).toBe(null);
    });
  });
}
