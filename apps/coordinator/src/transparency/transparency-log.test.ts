import { rmSync } from "node:fs";
import { join } from "node:path";
import { fromHex } from "@darkbloom/protocol/bytes";
import type { JobId } from "@darkbloom/protocol/ids";
import {
  cosignedAtSec,
  entriesIn,
  isConsistent,
  leafOf,
  openProofFile,
  readNote,
  receiptEntry,
} from "@darkbloom/protocol/log";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import { entriesOf, fact, keysFact, openedLog, treeOf, witnessNamed } from "../../test/log-kit.ts";
import { LOG_CHECKPOINT_FILE, LogError } from "../adapters/log-signer.ts";
import { LOG_RECEIPTS_PER_STEP_MAX } from "../adapters/log-tiles.ts";
import type { Witness } from "./port.ts";
import { LOG_FACTS_MAX } from "./transparency-log.ts";

describe("a transparency log", () => {
  it("begins empty, and is signed from its first moment on", async () => {
    await using net = await openedLog();
    expect(await net.head()).toMatchObject({ size: 0, root: nodeCrypto.sha256() });
  });

  it("holds each fact once, in the order in which they came", async () => {
    await using net = await openedLog();
    for (const at of [1, 2, 1]) net.log.add(fact(at));
    await net.log.grow();
    for (const at of [2, 3]) net.log.add(fact(at));
    await net.log.grow();
    expect(await entriesOf(net.log, (await net.head()).size)).toEqual([fact(2), fact(1), fact(3)]);
  });

  it("shows nothing that no checkpoint counts", async () => {
    await using net = await openedLog();
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
    await using net = await openedLog();
    const heads = [await net.head()];
    let facts = 0;
    for (const step of [1, 2, 253, 1, 255, 300]) {
      for (let at = 0; at < step; at += 1) net.log.add(fact(facts++));
      await net.log.grow();
      heads.push(await net.head());
      const tree = treeOf(net.log, (await net.head()).size);
      expect(await tree.root()).toEqual((await net.head()).root);
      for (const earlier of heads.filter(({ size }) => size > 0))
        expect(isConsistent(nodeCrypto, earlier, await net.head(), await tree.consistencyProof(earlier.size))).toBe(
          true,
        );
    }
    expect((await net.head()).size).toBe(812);
    // Partial tiles of checkpoints that were published before can be read on.
    const three = await net.log.tile({ level: "entries", index: 0, width: 3 });
    expect(entriesIn(three ?? new Uint8Array(), 3)).toHaveLength(3);
    const hashes = await net.log.tile({ level: 0, index: 0, width: 256 });
    expect(await net.log.tile({ level: 0, index: 0, width: 3 })).toEqual(hashes?.slice(0, 96));
    expect(await net.log.tile({ level: 1, index: 0, width: 3 })).toHaveLength(96);
  });

  it("proves a receipt to whoever has it, and tells nobody else which it is", async () => {
    await using net = await openedLog();
    for (const at of [1, 2, 3]) net.log.add(fact(at));
    const sha256 = await net.settle("one");
    await net.settle("two");
    expect(await net.log.receipt("job_one" as JobId)).toBeUndefined();
    await net.log.grow();
    const told = await net.log.receipt("job_one" as JobId);
    if (!told) throw new Error("it is not in the log");
    const leaf = leafOf(nodeCrypto, receiptEntry(nodeCrypto, sha256, fromHex(told.blind)));
    expect(await openProofFile(nodeCrypto, told.proof, net.key, leaf)).toMatchObject({ checkpoint: { size: 5 } });
    const wrongBlind = leafOf(nodeCrypto, receiptEntry(nodeCrypto, sha256, new Uint8Array(32)));
    expect(await openProofFile(nodeCrypto, told.proof, net.key, wrongBlind)).toBeUndefined();
    const two = await net.log.receipt("job_two" as JobId);
    expect(two?.blind).not.toBe(told.blind);
    expect(await net.log.receipt("job_three" as JobId)).toBeUndefined();
    const kinds = (await entriesOf(net.log, 5)).map((entry) => entry?.kind);
    expect(kinds).toEqual(["weights", "weights", "weights", "receipt", "receipt"]);
  });

  it("proves a fact once the published tree holds it", async () => {
    await using net = await openedLog();
    const leaf = leafOf(nodeCrypto, fact(2));
    for (const at of [1, 2, 3]) net.log.add(fact(at));
    expect(await net.log.fact(leaf)).toBeUndefined();
    await net.log.grow();
    const proof = await net.log.fact(leaf);
    expect(await openProofFile(nodeCrypto, proof ?? "", net.key, leaf)).toMatchObject({ checkpoint: { size: 3 } });
    expect(await net.log.fact(leafOf(nodeCrypto, fact(4)))).toBeUndefined();
  });

  /** Goal: nothing is shown before the checkpoint that counts it. Method: look while a witness has that checkpoint and nobody else. */
  it("shows neither entry nor receipt while its checkpoint is not published", async () => {
    const looked: unknown[] = [];
    const honest = witnessNamed("witness.example/1");
    const looking: Witness = {
      ...honest,
      cosign: async (...asked) => {
        looked.push(
          await net.store.tile({ level: 0, index: 0, width: 1 }),
          await net.store.indexOf("job_one" as JobId),
        );
        looked.push(await net.log.tile({ level: 0, index: 0, width: 1 }), await net.log.receipt("job_one" as JobId));
        return honest.cosign(...asked);
      },
    };
    await using net = await openedLog({ witnesses: [looking] });
    await net.settle("one");
    await net.log.grow();
    expect(looked).toEqual([expect.any(Uint8Array), 0, undefined, undefined]);
    expect(await net.log.receipt("job_one" as JobId)).toBeDefined();
  });

  it("has no tile with more than it holds, and no place for a receipt that is not in", async () => {
    await using net = await openedLog();
    net.log.add(fact(1));
    await net.log.grow();
    await net.settle("one");
    for (const level of [0, "entries"] as const)
      expect(await net.store.tile({ level, index: 0, width: 2 })).toBeUndefined();
    for (const job of ["job_one", "job_none"]) expect(await net.store.indexOf(job as JobId)).toBeUndefined();
  });

  it("adds nothing to tiles that are not as wide as they should be", async () => {
    await using net = await openedLog();
    net.log.add(fact(1));
    await net.log.grow();
    net.database.exec("UPDATE log_tiles SET width = 2 WHERE level = -1");
    net.log.add(fact(2));
    await expect(net.log.grow()).rejects.toThrow("has not the width");
    expect((await net.head()).size).toBe(1);
  });

  it("takes many receipts in steps", { timeout: 60_000 }, async () => {
    await using net = await openedLog();
    const count = LOG_RECEIPTS_PER_STEP_MAX + 1;
    await Promise.all(Array.from({ length: count }, (_, at) => net.settle(String(at))));
    await net.log.grow();
    expect((await net.head()).size).toBe(LOG_RECEIPTS_PER_STEP_MAX);
    await net.log.grow();
    expect((await net.head()).size).toBe(count);
    await net.log.grow();
    expect((await net.head()).size).toBe(count);
  });

  it("forgets the oldest of too many keys of machines that wait, tells how many, and nothing that the operator said", async () => {
    await using net = await openedLog();
    net.log.add(fact(1));
    for (let at = 0; at <= LOG_FACTS_MAX + 1; at += 1) net.log.add(keysFact(at));
    net.log.add(keysFact(LOG_FACTS_MAX));
    expect(net.dropped).toEqual([]);
    await net.log.grow();
    expect([(await net.head()).size, net.dropped]).toEqual([LOG_FACTS_MAX + 1, [2]]);
    expect((await entriesOf(net.log, 2)).slice(0, 2)).toEqual([fact(1), keysFact(2)]);
    await net.log.grow();
    expect(net.dropped).toEqual([2]);
  });

  it("says how many of the operator's facts may wait, and takes no more", async () => {
    await using net = await openedLog();
    expect(net.log.room).toBe(LOG_FACTS_MAX);
    for (let at = 0; at < LOG_FACTS_MAX; at += 1) net.log.add(fact(at));
    net.log.add(fact(0));
    expect(net.log.room).toBe(0);
    expect(() => net.log.add(fact(LOG_FACTS_MAX))).toThrow(RangeError);
    net.log.add(keysFact(0));
  });

  it("signs nothing where its entries could not be kept, and adds them later", async () => {
    await using net = await openedLog();
    net.database.exec("CREATE TRIGGER full BEFORE INSERT ON log_tiles BEGIN SELECT RAISE(ABORT, 'full'); END");
    net.log.add(fact(1));
    await expect(net.log.grow()).rejects.toThrow("full");
    expect((await net.head()).size).toBe(0);
    net.database.exec("DROP TRIGGER full");
    await net.log.grow();
    expect((await net.head()).size).toBe(1);
  });
});

it("tells once that it cannot grow, and grows when it can", async () => {
  await using net = await openedLog();
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
  expect([net.bugs.length, (await net.head()).size]).toEqual([1, 1]);
});

describe("a log that is opened again", () => {
  it("goes on under the same name", async () => {
    const first = await openedLog();
    first.log.add(fact(1));
    await first.log.grow();
    const { checkpoint, origin } = first.log;
    await first[Symbol.asyncDispose]();
    await using second = await openedLog({ path: first.path });
    expect([second.log.checkpoint, second.log.origin]).toEqual([checkpoint, origin]);
    second.log.add(fact(1));
    second.log.add(fact(2));
    await second.log.grow();
    expect((await second.head()).size).toBe(2);
  });

  it.each([
    ["fewer entries than it has signed", "DELETE FROM log_tiles", "counts 1 entries and the database holds 0"],
    ["other entries than it has signed", "UPDATE log_tiles SET bytes = zeroblob(32) WHERE level = 0", "other entries"],
  ])("refuses a database with %s", async (_what, change, sentence) => {
    const first = await openedLog();
    first.log.add(fact(1));
    await first.log.grow();
    first.database.exec(change);
    await first[Symbol.asyncDispose]();
    await expect(openedLog({ path: first.path })).rejects.toThrow(sentence);
  });

  it("refuses a checkpoint whose key is gone, or that another key signed", async () => {
    const [one, two] = [await openedLog(), await openedLog()];
    const foreign = two.log.checkpoint;
    await two[Symbol.asyncDispose]();
    one.folder.write(LOG_CHECKPOINT_FILE, foreign);
    await one[Symbol.asyncDispose]();
    await expect(openedLog({ path: one.path })).rejects.toThrow("was not signed by its key");
    rmSync(join(one.path, "log-key.pem"));
    await expect(openedLog({ path: one.path })).rejects.toThrow(LogError);
  });
});

describe("witnesses", () => {
  it("are asked for every checkpoint but the first, and their words stand below it", async () => {
    const witness = witnessNamed("witness.example/1");
    await using net = await openedLog({ witnesses: [witness] });
    expect(witness.seen).toEqual([]);
    net.log.add(fact(1));
    await net.log.grow();
    expect(witness.seen).toEqual([1]);
    const note = readNote(net.log.checkpoint);
    expect(note && (await cosignedAtSec(nodeCrypto, note, witness.key))).toBe(1_800_000_000);
    expect(net.log.witnesses).toEqual([witness.verifierKey]);
    await net.log.grow();
    expect(witness.seen).toEqual([1]);
    expect(net.folder.read(LOG_CHECKPOINT_FILE)?.toString()).toBe(net.log.checkpoint);
  });

  it.each([
    ["nothing", () => ""],
    ["no signature", () => "hello\n"],
    ["another's signature", () => "— other.example AAAAAAAA\n"],
    ["a false signature", (honest: string) => honest.replace(/.{8}\n$/, "AAAAAA==\n")],
    ["its own line and more", (honest: string) => `${honest}\nmore\n`],
  ])("cannot put %s under a checkpoint", async (_what, lines) => {
    await using net = await openedLog({ witnesses: [witnessNamed("witness.example/1", lines)] });
    net.log.add(fact(1));
    await net.log.grow();
    expect((await net.head()).size).toBe(1);
    expect(readNote(net.log.checkpoint)?.signatures).toHaveLength(1);
  });

  it("is nobody whose key is none", async () => {
    const keyless: Witness = { ...witnessNamed("witness.example/1"), verifierKey: "none" };
    await using net = await openedLog({ witnesses: [keyless] });
    net.log.add(fact(1));
    await net.log.grow();
    expect(readNote(net.log.checkpoint)?.signatures).toHaveLength(1);
  });

  it("stop nobody by failing", async () => {
    const broken: Witness = { ...witnessNamed("witness.example/1"), cosign: () => Promise.reject(new Error("away")) };
    await using net = await openedLog({ witnesses: [broken] });
    net.log.add(fact(1));
    await net.log.grow();
    expect((await net.head()).size).toBe(1);
  });
});
