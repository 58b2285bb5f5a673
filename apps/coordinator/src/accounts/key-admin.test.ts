import type { AccountId, Serial } from "@darkbloom/protocol/ids";
import { nodeCrypto, systemRandom } from "@darkbloom/protocol/node";
import { SimulatedClock } from "@darkbloom/testkit";
import { describe, expect, it } from "vitest";
import { MemoryAccounts } from "../adapters/memory-accounts.ts";
import { hashOfKey, isKeyShaped } from "./keys.ts";
import { KEY_LIST_BYTES_MAX } from "./key-terms.ts";
import { KEY_OVERLAP_MS_MAX, keyAdminOf, KEYS_PER_ACCOUNT_MAX, type Whose } from "./key-admin.ts";

const [anna, ben] = ["acct_anna" as AccountId, "acct_ben" as AccountId];

const page = { rows: 2 };

function made() {
  const accounts = new MemoryAccounts();
  const clock = new SimulatedClock();
  const admin = keyAdminOf({ accounts, clock, random: systemRandom, crypto: nodeCrypto });
  const found = (apiKey: string) => accounts.find(hashOfKey(nodeCrypto, apiKey));
  return { admin, clock, found };
}

describe("operations on keys", () => {
  /** Goal: a key is made, shown by its ends, and found by its secret alone. Method: one key, its record and what is kept. */
  it("make a key", async () => {
    const { admin, clock, found } = made();
    const { apiKey, record } = await admin.make(anna, { name: "laptop", privacy: "sealed" });
    expect(isKeyShaped(apiKey)).toBe(true);
    expect(record).toMatchObject({
      account: anna,
      name: "laptop",
      privacy: "sealed",
      createdAt: clock.now(),
      disabled: false,
    });
    const [first, last] = record.label.split("…");
    expect([apiKey.startsWith(first ?? "-"), apiKey.endsWith(last ?? "-"), record.label.length]).toEqual([
      true,
      true,
      23,
    ]);
    expect(await found(apiKey)).toEqual(record);
  });

  /** Goal: nobody touches another's key, nor learns that it is there. Method: each operation by another account, by the operator, and on an id of nobody. */
  it("are for whose the key is", async () => {
    const { admin } = made();
    const { record } = await admin.make(anna, {});
    const operations = [
      (whose: Whose, keyId: string) => admin.show(whose, keyId),
      (whose: Whose, keyId: string) => admin.edit(whose, keyId, { name: "new" }),
      (whose: Whose, keyId: string) => admin.rotate(whose, keyId),
      (whose: Whose, keyId: string) => admin.revoke(whose, keyId),
    ];
    for (const operation of operations) {
      await expect(operation(ben, record.keyId)).rejects.toThrow("There is no key with this id.");
      await expect(operation("everyone", "key_nobody")).rejects.toThrow("There is no key with this id.");
    }
    expect(await admin.list(ben, page)).toEqual([]);
    expect(await admin.list(anna, page)).toEqual([record]);
    for (const operation of operations) await operation(anna, record.keyId);
  });

  /** Goal: a revocation lasts. Method: a revoked key revoked again, changed and rotated. */
  it("leave a revoked key as it is", async () => {
    const { admin } = made();
    const { record } = await admin.make(anna, {});
    const revoked = await admin.revoke(anna, record.keyId);
    expect(await admin.revoke(anna, record.keyId)).toEqual(revoked);
    await expect(admin.edit(anna, record.keyId, { disabled: false })).rejects.toThrow("was revoked");
    await expect(admin.rotate(anna, record.keyId)).rejects.toThrow("was revoked");
  });

  /** Goal: a secret is replaced at once, or goes on for as long as was said. Method: rotations without and with an overlap, to its most. */
  it("replace a secret", async () => {
    const { admin, clock, found } = made();
    const first = await admin.make(anna, {});
    const { keyId } = first.record;
    const second = await admin.rotate(anna, keyId);
    expect(await found(first.apiKey)).toBeUndefined();
    const third = await admin.rotate(anna, keyId, KEY_OVERLAP_MS_MAX);
    expect((await found(second.apiKey))?.expiresAt).toBe(clock.now() + KEY_OVERLAP_MS_MAX);
    expect(await found(third.apiKey)).toEqual(third.record);
    expect(third.record.keyId).toBe(keyId);
    for (const overlapMs of [KEY_OVERLAP_MS_MAX + 1, -1])
      await expect(admin.rotate(anna, keyId, overlapMs)).rejects.toThrow(RangeError);
  });

  /** Goal: an end that is past is a mistake. Method: one now, and one ahead, of a new key and of another. */
  it("take no end that is past", async () => {
    const { admin, clock } = made();
    const now = clock.now();
    await expect(admin.make(anna, { expiresAt: now })).rejects.toThrow("'expires_at' is not valid");
    const { record } = await admin.make(anna, { expiresAt: now + 1 });
    await expect(admin.edit(anna, record.keyId, { expiresAt: now - 1 })).rejects.toThrow("'expires_at' is not valid");
    expect((await admin.edit(anna, record.keyId, { expiresAt: null })).expiresAt).toBe(null);
  });

  /** Goal: what is kept can be kept in either database and shown in a terminal. Method: texts that PostgreSQL refuses, and one that moves a cursor. */
  it.each(["a\0", "\ud800", "\u001b[2J"])("take no text that nothing can show: %j", async (text) => {
    const { admin } = made();
    const { record } = await admin.make(anna, {});
    for (const [field, terms] of [
      ["name", { name: text }],
      ["allowed_models", { allowedModels: [text] }],
      ["provider_serials", { pins: [text as Serial] }],
    ] as const) {
      await expect(admin.make(anna, terms)).rejects.toThrow(`'${field}' is not valid`);
      await expect(admin.edit(anna, record.keyId, terms)).rejects.toThrow(`'${field}' is not valid`);
    }
  });

  /** Goal: no key is so large that a listing of many holds up everybody. Method: lists as large as they may be, and a byte larger. */
  it("refuse lists that are too large", async () => {
    const { admin } = made();
    const list = (bytes: number) => Array.from({ length: 64 }, (_, n) => "x".repeat(n < bytes % 64 ? 65 : 64));
    const { record } = await admin.make(anna, { allowedModels: list(KEY_LIST_BYTES_MAX), pins: list(0) as Serial[] });
    for (const [field, terms] of [
      ["allowed_models", { allowedModels: list(1) }],
      ["provider_serials", { pins: list(1) as Serial[] }],
      ["allowed_models", { allowedModels: Array.from({ length: 64 }, () => "ü".repeat(33)) }],
    ] as const) {
      await expect(admin.make(anna, terms)).rejects.toThrow(`'${field}' is not valid`);
      await expect(admin.edit(anna, record.keyId, terms)).rejects.toThrow(`'${field}' is not valid`);
    }
  });

  /** Goal: an account's keys are bounded, revoked ones left out. Method: as many as fit, one more, one revoked, one more. */
  it("make as many keys as fit", async () => {
    const { admin } = made();
    for (let n = 0; n < KEYS_PER_ACCOUNT_MAX; n++) await admin.make(anna, {});
    await expect(admin.make(anna, {})).rejects.toThrow("as many keys as one may have");
    await admin.make(ben, {});
    const [oldest] = await admin.list(anna, page);
    await admin.revoke(anna, oldest?.keyId ?? "");
    await admin.make(anna, {});
  });
});
