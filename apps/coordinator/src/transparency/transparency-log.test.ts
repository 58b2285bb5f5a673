import { generateKeyPairSync, sign as signWith } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromHex, utf8 } from "@darkbloom/protocol/bytes";
import type { JobId } from "@darkbloom/protocol/ids";
import {
  cosignatureMessage,
  entriesIn,
  isConsistent,
  leafOf,
  openCheckpoint,
  openProofFile,
  readEntry,
  readNote,
  readVerifierKey,
  receiptEntry,
  signatureLine,
  signatureTypes,
  timedSignature,
  Tree,
  hashesOf,
  verifierKey,
  cosignedAtSec,
  type LogEntry,
  type NoteKey,
} from "@darkbloom/protocol/log";
import { microUsd } from "@darkbloom/protocol/money";
import { nodeCrypto, openDataFolder, systemClock } from "@darkbloom/protocol/node";
import { afterAll, describe, expect, it } from "vitest";
import { openDatabase } from "../adapters/database.ts";
import { LOG_CHECKPOINT_FILE, LogError, openLogSigner } from "../adapters/log-signer.ts";
import { SqliteLedger } from "../adapters/sqlite-ledger.ts";
import { LOG_RECEIPTS_PER_STEP_MAX, SqliteLog } from "../adapters/sqlite-log.ts";
import type { Events } from "../events/events.ts";
import { anna, receiptOf, settlementOf, termsOf } from "../ledger/ledger.samples.ts";
import type { Witness } from "./port.ts";
import { LOG_FACTS_MAX, TransparencyLog } from "./transparency-log.ts";

const root = mkdtempSync(join(tmpdir(), "log-"));
afterAll(() => rmSync(root, { recursive: true }));

const networkKey = { mac: (message: Uint8Array) => nodeCrypto.sha256(utf8("network"), message) };

async function opened(path = mkdtempSync(join(root, "data-")), witnesses: readonly Witness[] = []) {
  await using opening = new AsyncDisposableStack();
  const folder = opening.use(await openDataFolder(path, "coordinator"));
  const database = opening.adopt(await openDatabase(folder), async (open) => open.close());
  const ledger = opening.use(new SqliteLedger(database));
  const store = new SqliteLog(database);
  const signer = openLogSigner(folder);
  const bugs: unknown[] = [];
  let slept = (): void => {};
  const events = { bug: (_facts: unknown, error: unknown) => void bugs.push(error) } as Partial<Events> as Events;
  const log = await TransparencyLog.open({
    clock: { ...systemClock, sleep: async () => slept() },
    crypto: nodeCrypto,
    events,
    networkKey,
    store,
    signer,
    witnesses,
  });
  const key = readVerifierKey(nodeCrypto, log.verifierKey);
  if (!key) throw new Error("the log's key cannot be read");
  const head = () => {
    const read = openCheckpoint(nodeCrypto, log.checkpoint, key);
    if (!read) throw new Error("the checkpoint cannot be opened");
    return read.checkpoint;
  };
  const settle = async (id: string): Promise<Uint8Array> => {
    const sha256 = nodeCrypto.sha256(utf8(id));
    await ledger.hold(termsOf(id, 1n));
    const settlement = settlementOf(1n, { id, receipt: receiptOf(id) });
    await ledger.settle(termsOf(id, 1n).holdId, {
      ...settlement,
      ...(settlement.job && { job: { ...settlement.job, receiptSha256: sha256 } }),
    });
    return sha256;
  };
  await ledger.credit("credit", anna, microUsd(1_000_000n), 1);
  const parts = opening.move();
  const onSleep = (told: () => void): void => void (slept = told);
  return {
    path,
    folder,
    database,
    log,
    key,
    head,
    settle,
    bugs,
    onSleep,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

const fact = (at: number): LogEntry => ({
  v: 1,
  kind: "weights",
  build: `build-${at}`,
  weights_sha256: "0".repeat(64),
});

async function entriesOf(log: TransparencyLog, size: number): Promise<(LogEntry | undefined)[]> {
  const all: (LogEntry | undefined)[] = [];
  for (let index = 0; index * 256 < size; index += 1) {
    const width = Math.min(256, size - index * 256);
    const bundle = await log.tile({ level: "entries", index, width });
    all.push(...(entriesIn(bundle ?? new Uint8Array(), width) ?? []).map(readEntry));
  }
  return all;
}

/** The tree as a reader of the published files sees it. */
const treeOf = (log: TransparencyLog, size: number): Tree =>
  new Tree(
    nodeCrypto,
    size,
    hashesOf(nodeCrypto, size, async (tile) => (await log.tile(tile)) ?? new Uint8Array()),
  );

describe("a transparency log", () => {
  it("begins empty, and is signed from its first moment on", async () => {
    await using net = await opened();
    expect(net.head()).toMatchObject({ size: 0, root: nodeCrypto.sha256() });
  });

  it("holds each fact once, in the order in which they came", async () => {
    await using net = await opened();
    for (const at of [1, 2, 1]) net.log.add(fact(at));
    await net.log.grow();
    for (const at of [2, 3]) net.log.add(fact(at));
    await net.log.grow();
    expect(await entriesOf(net.log, net.head().size)).toEqual([fact(2), fact(1), fact(3)]);
  });

  it("shows nothing that no checkpoint counts", async () => {
    await using net = await opened();
    net.log.add(fact(1));
    expect(await net.log.tile({ level: 0, index: 0, width: 1 })).toBeUndefined();
    await net.log.grow();
    expect(await net.log.tile({ level: 0, index: 0, width: 1 })).toHaveLength(32);
    expect(await net.log.tile({ level: 0, index: 0, width: 2 })).toBeUndefined();
    expect(await net.log.tile({ level: "entries", index: 0, width: 2 })).toBeUndefined();
    expect(await net.log.tile({ level: 1, index: 0, width: 1 })).toBeUndefined();
  });

  /** Goal: what was shown once stays true. Method: grow across tiles of two levels in uneven steps, and prove each head from each. */
  it("only ever grows", { timeout: 60_000 }, async () => {
    await using net = await opened();
    const heads = [net.head()];
    let facts = 0;
    for (const step of [1, 2, 253, 1, 255, 300]) {
      for (let at = 0; at < step; at += 1) net.log.add(fact(facts++));
      await net.log.grow();
      heads.push(net.head());
      const tree = treeOf(net.log, net.head().size);
      expect(await tree.root()).toEqual(net.head().root);
      for (const earlier of heads.filter(({ size }) => size > 0))
        expect(isConsistent(nodeCrypto, earlier, net.head(), await tree.consistencyProof(earlier.size))).toBe(true);
    }
    expect(net.head().size).toBe(812);
    // Partial tiles of checkpoints that were published before can be read on.
    expect(await net.log.tile({ level: "entries", index: 0, width: 3 })).toBeDefined();
    expect(await net.log.tile({ level: 1, index: 0, width: 3 })).toHaveLength(96);
  });

  it("proves a receipt to whoever has it, and tells nobody else which it is", async () => {
    await using net = await opened();
    for (const at of [1, 2, 3]) net.log.add(fact(at));
    const sha256 = await net.settle("one");
    await net.settle("two");
    expect(await net.log.receipt("job_one" as JobId)).toBeUndefined();
    await net.log.grow();
    const told = await net.log.receipt("job_one" as JobId);
    if (!told) throw new Error("it is not in the log");
    const leaf = leafOf(nodeCrypto, receiptEntry(nodeCrypto, sha256, fromHex(told.blind)));
    expect(openProofFile(nodeCrypto, told.proof, net.key, leaf)).toMatchObject({ checkpoint: { size: 5 } });
    const wrongBlind = leafOf(nodeCrypto, receiptEntry(nodeCrypto, sha256, new Uint8Array(32)));
    expect(openProofFile(nodeCrypto, told.proof, net.key, wrongBlind)).toBeUndefined();
    const two = await net.log.receipt("job_two" as JobId);
    expect(two?.blind).not.toBe(told.blind);
    expect(await net.log.receipt("job_three" as JobId)).toBeUndefined();
    const kinds = (await entriesOf(net.log, 5)).map((entry) => entry?.kind);
    expect(kinds).toEqual(["weights", "weights", "weights", "receipt", "receipt"]);
  });

  it("takes many receipts in steps", { timeout: 60_000 }, async () => {
    await using net = await opened();
    const count = LOG_RECEIPTS_PER_STEP_MAX + 1;
    await Promise.all(Array.from({ length: count }, (_, at) => net.settle(String(at))));
    await net.log.grow();
    expect(net.head().size).toBe(LOG_RECEIPTS_PER_STEP_MAX);
    await net.log.grow();
    expect(net.head().size).toBe(count);
    await net.log.grow();
    expect(net.head().size).toBe(count);
  });

  it("forgets the oldest of too many facts that wait", async () => {
    await using net = await opened();
    for (let at = 0; at <= LOG_FACTS_MAX; at += 1) net.log.add(fact(at));
    await net.log.grow();
    expect(net.head().size).toBe(LOG_FACTS_MAX);
    expect((await entriesOf(net.log, 1))[0]).toEqual(fact(1));
  });

  it("signs nothing where its entries could not be kept, and adds them later", async () => {
    await using net = await opened();
    net.database.exec("CREATE TRIGGER full BEFORE INSERT ON log_tiles BEGIN SELECT RAISE(ABORT, 'full'); END");
    net.log.add(fact(1));
    await expect(net.log.grow()).rejects.toThrow("full");
    expect(net.head().size).toBe(0);
    net.database.exec("DROP TRIGGER full");
    await net.log.grow();
    expect(net.head().size).toBe(1);
  });
});

it("tells once that it cannot grow, and grows when it can", async () => {
  await using net = await opened();
  net.database.exec("CREATE TRIGGER full BEFORE INSERT ON log_tiles BEGIN SELECT RAISE(ABORT, 'full'); END");
  net.log.add(fact(1));
  const over = new AbortController();
  let steps = 0;
  const running = net.log.run(over.signal);
  net.onSleep(() => {
    steps += 1;
    if (steps === 2) expect(net.bugs).toHaveLength(1);
    if (steps === 2) net.database.exec("DROP TRIGGER full");
    if (steps === 3) over.abort();
  });
  await running;
  expect([net.bugs.length, net.head().size]).toEqual([1, 1]);
});

describe("a log that is opened again", () => {
  it("goes on under the same name", async () => {
    const first = await opened();
    first.log.add(fact(1));
    await first.log.grow();
    const { checkpoint, origin } = first.log;
    await first[Symbol.asyncDispose]();
    await using second = await opened(first.path);
    expect([second.log.checkpoint, second.log.origin]).toEqual([checkpoint, origin]);
    second.log.add(fact(1));
    second.log.add(fact(2));
    await second.log.grow();
    expect(second.head().size).toBe(2);
  });

  it.each([
    ["fewer entries than it has signed", "DELETE FROM log_tiles", "counts 1 entries and the database holds 0"],
    ["other entries than it has signed", "UPDATE log_tiles SET bytes = zeroblob(32) WHERE level = 0", "other entries"],
  ])("refuses a database with %s", async (_what, change, sentence) => {
    const first = await opened();
    first.log.add(fact(1));
    await first.log.grow();
    first.database.exec(change);
    await first[Symbol.asyncDispose]();
    await expect(opened(first.path)).rejects.toThrow(sentence);
  });

  it("refuses a checkpoint whose key is gone, or that another key signed", async () => {
    const [one, two] = [await opened(), await opened()];
    const foreign = two.log.checkpoint;
    await two[Symbol.asyncDispose]();
    one.folder.write(LOG_CHECKPOINT_FILE, foreign);
    await one[Symbol.asyncDispose]();
    await expect(opened(one.path)).rejects.toThrow("was not signed by its key");
    rmSync(join(one.path, "log-key.pem"));
    await expect(opened(one.path)).rejects.toThrow(LogError);
  });
});

function witnessNamed(
  name: string,
  lines?: (honest: string) => string,
): Witness & { readonly key: NoteKey; seen: number[] } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = new Uint8Array(Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url"));
  const key: NoteKey = { name, type: signatureTypes.cosignature, publicKey: raw };
  const seen: number[] = [];
  return {
    key,
    seen,
    verifierKey: verifierKey(nodeCrypto, key),
    async cosign(note, size) {
      seen.push(size);
      const signature = signWith(null, cosignatureMessage(readNote(note)?.text ?? "", 1_800_000_000n), privateKey);
      const honest = signatureLine(nodeCrypto, key, timedSignature(1_800_000_000n, new Uint8Array(signature)));
      return lines ? lines(honest) : honest;
    },
  };
}

describe("witnesses", () => {
  it("are asked for every checkpoint but the first, and their words stand below it", async () => {
    const witness = witnessNamed("witness.example/1");
    await using net = await opened(undefined, [witness]);
    expect(witness.seen).toEqual([]);
    net.log.add(fact(1));
    await net.log.grow();
    expect(witness.seen).toEqual([1]);
    const note = readNote(net.log.checkpoint);
    expect(note && cosignedAtSec(nodeCrypto, note, witness.key)).toBe(1_800_000_000);
    expect(net.log.witnesses).toEqual([witness.verifierKey]);
    expect(net.folder.read(LOG_CHECKPOINT_FILE)?.toString()).toBe(net.log.checkpoint);
  });

  it.each([
    ["nothing", () => ""],
    ["no signature", () => "hello\n"],
    ["another's signature", () => "— other.example AAAAAAAA\n"],
    ["a false signature", (honest: string) => honest.replace(/.{8}\n$/, "AAAAAA==\n")],
    ["its own line and more", (honest: string) => `${honest}\nmore\n`],
  ])("cannot put %s under a checkpoint", async (_what, lines) => {
    await using net = await opened(undefined, [witnessNamed("witness.example/1", lines)]);
    net.log.add(fact(1));
    await net.log.grow();
    expect(net.head().size).toBe(1);
    expect(readNote(net.log.checkpoint)?.signatures).toHaveLength(1);
  });

  it("stop nobody by failing", async () => {
    const broken: Witness = { ...witnessNamed("witness.example/1"), cosign: () => Promise.reject(new Error("away")) };
    await using net = await opened(undefined, [broken]);
    net.log.add(fact(1));
    await net.log.grow();
    expect(net.head().size).toBe(1);
  });
});
