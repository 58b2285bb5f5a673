import { createHmac } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { ModelId, Sha256Hex } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import { nodeCrypto, systemClock } from "@darkbloom/protocol/node";
import { SimulatedClock } from "@darkbloom/testkit";
import { afterAll, describe, expect, it, vi } from "vitest";
import { bundledEntry } from "../catalog/bundled.ts";
import { CatalogError } from "../catalog/catalog-error.ts";
import { machine, settlementOf, termsOf } from "../ledger/ledger.samples.ts";
import { CATALOG_FILE } from "./catalog-file.ts";
import { COUNTERSIGNER_FILE } from "./countersigner.ts";
import { DatabaseMark, MARK_FILE } from "./database-mark.ts";
import { LOG_KEY_FILE } from "./log-signer.ts";
import { NETWORK_KEY_FILE } from "./network-key.ts";
import { openStore, type StoreOptions } from "./open-store.ts";
import { ROWS_PER_STEP_MAX } from "./ledger-options.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";

const root = mkdtempSync(join(tmpdir(), "store-"));
afterAll(() => rmSync(root, { recursive: true }));
const newPath = (): string => join(mkdtempSync(join(root, "parent-")), "data");
const failSweep = (error: unknown): never => {
  throw error;
};
const HOUR_MS = 60 * 60_000;
const options: StoreOptions = { clock: systemClock, onSweepError: failSweep };

describe("the store", () => {
  /** Goal: the first start makes a working, private folder. Method: open where nothing is, look at every part. */
  it("begins with a bundled model and keys", async () => {
    const path = newPath();
    await using store = await openStore(path, options);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(store.catalog.entries).toEqual([bundledEntry]);
    for (const name of [CATALOG_FILE, COUNTERSIGNER_FILE, NETWORK_KEY_FILE])
      expect(statSync(store.folder.file(name)).mode & 0o777, name).toBe(0o600);
  });

  /** Goal: the operator's clearing time is the ledger's. Method: money that was paid in and earned on one day, looked at behind the first day that it has cleared by the operator's, and by the default. */
  it("keeps what is earned for as long as it is told", async () => {
    const dayMs = 24 * HOUR_MS;
    for (const [clearingDays, cleared] of [
      [2, 10n],
      [3, 0n],
      [undefined, 0n],
    ] as const) {
      await using store = await openStore(newPath(), { ...options, clearingDays });
      const { account } = termsOf("1", 0n);
      await store.ledger.book("deposit_1", { kind: "deposit", account, amount: 10n }, 0);
      await store.ledger.hold(termsOf("1", 10n));
      await store.ledger.settle(termsOf("1", 10n).holdId, settlementOf(10n, { id: "1", earned: 10n }, { at: 0 }));
      expect(await store.ledger.withdrawable(machine, 3 * dayMs)).toBe(cleared);
    }
  });

  /** Goal: what was there is there again, and holds that were left open are not. Method: open, leave a hold, open again. */
  it("goes on where it stopped", async () => {
    const path = newPath();
    const { account } = termsOf("1", 0n);
    let publicKey: Uint8Array;
    let mac: Uint8Array;
    const message = Uint8Array.of(1);
    {
      await using store = await openStore(path, options);
      publicKey = store.countersigner.publicKey;
      mac = store.networkKey.mac(message);
      await store.ledger.credit("credit_1", account, microUsd(50n), 1);
      await store.ledger.hold(termsOf("1", 20n));
      await store.ledger.hold(termsOf("2", 20n));
      await store.ledger.settle(termsOf("1", 20n).holdId, settlementOf(5n, { id: "1" }));
    }
    await using store = await openStore(path, options);
    expect(await store.ledger.totals(account)).toEqual({ balance: 45n, held: 0n, charged: 5n, credited: 50n });
    expect(store.countersigner.publicKey).toEqual(publicKey);
    expect(store.networkKey.mac(message)).toEqual(mac);
  });

  /** Goal: two coordinators never share a folder. Method: open twice; close the first; open again. */
  it("belongs to one at a time", async () => {
    const path = newPath();
    {
      await using _ = await openStore(path, options);
      await expect(openStore(path, options)).rejects.toMatchObject({ code: "in_use" });
    }
    await using _ = await openStore(path, options);
  });

  /** Goal: a start that fails holds nothing. Method: break each file in turn, read the sentence, mend it, open. */
  it("frees the folder when it cannot start", async () => {
    const path = newPath();
    await (await openStore(path, options))[Symbol.asyncDispose]();
    for (const [name, sentence] of [
      [CATALOG_FILE, /catalog\.json: The catalog is not JSON/],
      [COUNTERSIGNER_FILE, /is not an Ed25519 private key/],
      [NETWORK_KEY_FILE, /is not a network key of 64 hex digits/],
      [LOG_KEY_FILE, /log-key\.pem is not an Ed25519 private key/],
      ["coordinator.db", /is not a database/],
    ] as const) {
      rmSync(join(path, name));
      writeFileSync(join(path, name), "not what it should be".repeat(100));
      await expect(openStore(path, options)).rejects.toThrow(sentence);
      rmSync(join(path, name));
    }
    for (const name of [COUNTERSIGNER_FILE, NETWORK_KEY_FILE, LOG_KEY_FILE, MARK_FILE])
      rmSync(join(path, name), { force: true });
    await using _ = await openStore(path, options);
  });

  /** Goal: what is left of a network is no new one. Method: take away each part of a used folder in turn; of an unused one, nothing is missed. */
  it("refuses a folder that had more in it", async () => {
    const path = newPath();
    await (await openStore(path, options))[Symbol.asyncDispose]();
    rmSync(join(path, NETWORK_KEY_FILE));
    {
      await using store = await openStore(path, options);
      await store.ledger.credit("credit_1", termsOf("1", 0n).account, microUsd(50n), 1);
    }
    for (const [name, sentence] of [
      [COUNTERSIGNER_FILE, /not its key files: coordinator-key\.pem\. Restore them/],
      [NETWORK_KEY_FILE, /not its key files: network-key\.hex\. Restore them/],
      ["coordinator.db", /not its database coordinator\.db, which holds all balances\. Restore it/],
    ] as const) {
      const file = join(path, name);
      renameSync(file, join(root, name));
      await expect(openStore(path, options)).rejects.toThrow(sentence);
      expect(existsSync(file)).toBe(false);
      renameSync(join(root, name), file);
    }
    await using store = await openStore(path, options);
    expect((await store.ledger.totals(termsOf("1", 0n).account)).balance).toBe(50n);
  });

  /** Goal: a model given at the start stays in the catalog, and prices edited by hand are kept. Method: start with one, edit, start without. */
  it("adds models to the catalog", async () => {
    const path = newPath();
    const own = { ...bundledEntry, id: "own" as ModelId, weightsSha256: "0".repeat(64) as Sha256Hex };
    await expect(openStore(path, { ...options, models: [own] })).rejects.toThrow(CatalogError);
    const good = { ...bundledEntry, id: "own" as ModelId };
    await (await openStore(path, { ...options, models: [good] }))[Symbol.asyncDispose]();
    await using store = await openStore(path, options);
    expect(store.catalog.entries).toEqual([bundledEntry, good]);
  });

  /** Goal: pseudonyms are what they are said to be, and two networks' differ. Method: HMAC-SHA-256 by the file's own digits; another folder. */
  it("codes messages with the network's key", async () => {
    await using store = await openStore(newPath(), options);
    await using other = await openStore(newPath(), options);
    const message = Buffer.from("serial");
    const digits = readFileSync(store.folder.file(NETWORK_KEY_FILE), "utf8").trim();
    const expected = createHmac("sha256", Buffer.from(digits, "hex")).update(message).digest();
    expect(Buffer.from(store.networkKey.mac(message))).toEqual(expected);
    expect(Buffer.from(other.networkKey.mac(message))).not.toEqual(expected);
  });

  /** Goal: the countersignature can be checked with what is published. Method: sign, verify with the raw key, and a changed message. */
  it("countersigns", async () => {
    await using store = await openStore(newPath(), options);
    const { countersigner } = store;
    const message = new Uint8Array([1, 2, 3]);
    const signature = countersigner.sign(message);
    expect(await nodeCrypto.verifyEd25519(countersigner.publicKey, message, signature)).toBe(true);
    expect(await nodeCrypto.verifyEd25519(countersigner.publicKey, new Uint8Array([1, 2, 4]), signature)).toBe(false);
    expect(countersigner.keyId).toBe(
      Buffer.from(nodeCrypto.sha256(countersigner.publicKey)).toString("hex").slice(0, 16),
    );
  });
});

/** Goal: what the storage says at a start is a sentence for the operator, and what is ours stays what it is. Method: the errors that a step can meet. */
describe("a start that fails", () => {
  const full = { code: "storage_unavailable", fault: "disk_full", retryAfterSec: 5 } as const;
  it.each<[what: string, error: Error, says: RegExp | undefined]>([
    ["a storage that gives nothing", new NetworkError(full), /cannot be used: its disk is full/],
    ["a lock", Object.assign(new Error("locked"), { errcode: 5 }), /another program holds its database/],
    ["another failure", new NetworkError({ code: "internal_error" }), undefined],
    ["a mistake", new TypeError("ours"), undefined],
  ])("by %s", async (_, error, says) => {
    using _prepare = vi.spyOn(DatabaseSync.prototype, "prepare").mockImplementation(() => {
      throw error;
    });
    const opening = openStore(newPath(), options);
    if (!says) return await expect(opening).rejects.toBe(error);
    return await expect(opening).rejects.toMatchObject({
      code: "unusable",
      message: expect.stringMatching(says) as string,
    });
  });
});

describe("the upkeep", () => {
  /** Goal: old rows go in small steps, and the mark is made before the first. Method: a ledger with a step and a half of them, then none. */
  it("goes on soon while there is more, and then every hour, until the store is closed", async () => {
    const clock = new SimulatedClock();
    const atMs: number[] = [];
    const rows = [ROWS_PER_STEP_MAX, ROWS_PER_STEP_MAX - 1];
    vi.spyOn(SqliteLedger.prototype, "deleteExpiredReceipts").mockImplementation(() => {
      atMs.push(clock.monotonicMs());
      return Promise.resolve(rows.shift() ?? 0);
    });
    // These would wait for a real disk, which knows no simulated clock.
    vi.spyOn(SqliteLedger.prototype, "rollUpUsage").mockResolvedValue(0);
    vi.spyOn(SqliteLedger.prototype, "deleteExpiredKeys").mockResolvedValue(0);
    vi.spyOn(SqliteLedger.prototype, "addUpUsed").mockResolvedValue(0);
    vi.spyOn(SqliteLedger.prototype, "deleteCleared").mockResolvedValue(0);
    const marked = vi.spyOn(DatabaseMark.prototype, "keep");
    const marks: number[] = [];
    {
      await using _store = await openStore(newPath(), { ...options, clock });
      for (const passMs of [0, 50, HOUR_MS, HOUR_MS]) {
        await clock.advance(passMs);
        marks.push(marked.mock.calls.length);
      }
    }
    await clock.advance(2 * HOUR_MS);
    vi.restoreAllMocks();
    expect(atMs).toEqual([0, 50, 50 + HOUR_MS, 50 + 2 * HOUR_MS]);
    // Before a further step of the same hour it is not made again; the last one is of the end.
    expect(marks.map((count) => count - (marks[0] ?? 0))).toEqual([0, 0, 1, 2]);
  });
});

/** Goal: a start leaves the operator's catalog as it is where nothing is to be added. Method: one with other spaces than ours. */
it("writes no catalog without need", async () => {
  const path = newPath();
  await (await openStore(path, options))[Symbol.asyncDispose]();
  const file = join(path, CATALOG_FILE);
  const spaced = `${readFileSync(file, "utf8")}\n\n`;
  writeFileSync(file, spaced);
  await (await openStore(path, options))[Symbol.asyncDispose]();
  expect(readFileSync(file, "utf8")).toBe(spaced);
});
