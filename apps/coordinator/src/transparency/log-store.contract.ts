import { joinBytes, utf8 } from "@darkbloom/protocol/bytes";
import { entriesIn, leafHash, rootOfTile, TILE_WIDTH } from "@darkbloom/protocol/log";
import { microUsd } from "@darkbloom/protocol/money";
import { nodeCrypto } from "@darkbloom/protocol/node";
import type { JobId } from "@darkbloom/protocol/ids";
import { expect, it } from "vitest";
import { anna, receiptOf, settlementOf, termsOf } from "../ledger/ledger.samples.ts";
import type { Ledger } from "../ledger/port.ts";
import type { LogStore } from "./port.ts";

const factOf = (n: number): Uint8Array => utf8(`fact ${n}`);
const noReceipts = (): never => {
  throw new Error("there are no receipts");
};

/** What any store of a log must do. `open` gives a fresh one, with the ledger beside it whose receipts it takes. */
export function logStoreContract(name: string, open: () => Promise<{ store: LogStore; ledger: Ledger }>): void {
  /** Goal: facts are entries once, and their hashes stand in tiles of every level. Method: more than two tiles of them in three steps, with repeats; each level against the hashes of the entries. */
  it(`keeps entries and their hashes: ${name}`, async () => {
    const { store } = await open();
    expect(store.size()).toBe(0);
    const facts = Array.from({ length: 2 * TILE_WIDTH + 3 }, (_, n) => factOf(n));
    await store.append(facts.slice(0, 5), noReceipts);
    await store.append([...facts.slice(3, 200), ...facts.slice(190, 200)], noReceipts);
    expect(store.size()).toBe(200);
    await store.append(facts, noReceipts);
    await store.append([], noReceipts);
    expect(store.size()).toBe(facts.length);
    const bundle = await store.tile({ level: "entries", index: 0, width: TILE_WIDTH });
    expect(entriesIn(bundle ?? new Uint8Array(), TILE_WIDTH)).toEqual(facts.slice(0, TILE_WIDTH));
    const leaves = facts.map((fact) => leafHash(nodeCrypto, fact));
    const first = await store.tile({ level: 0, index: 0, width: TILE_WIDTH });
    expect(first).toEqual(joinBytes(leaves.slice(0, TILE_WIDTH)));
    const last = await store.tile({ level: 0, index: 2, width: 2 });
    expect(last).toEqual(joinBytes(leaves.slice(2 * TILE_WIDTH, 2 * TILE_WIDTH + 2)));
    const above = await store.tile({ level: 1, index: 0, width: 1 });
    expect(above).toEqual(rootOfTile(nodeCrypto, first ?? new Uint8Array()));
    expect(await store.tile({ level: 0, index: 2, width: 4 })).toBeUndefined();
    expect(await store.indexOfFact(leaves[300] ?? new Uint8Array())).toBe(300);
    expect(await store.indexOfFact(leafHash(nodeCrypto, utf8("another")))).toBeUndefined();
  });

  /** Goal: each receipt is an entry once, behind the facts, in the order of their settlements. Method: two receipts, a fact beside them, and a step more. */
  it(`takes receipts in turn: ${name}`, async () => {
    const { store, ledger } = await open();
    await ledger.credit("credit_1", anna, microUsd(100n), 1);
    for (const id of ["1", "2"]) {
      await ledger.hold(termsOf(id, 10n));
      const { job, ...rest } = settlementOf(1n, { id, receipt: receiptOf(`job_${id}`) });
      if (!job) throw new Error("the settlement has a job");
      const receiptSha256 = new Uint8Array(32).fill(Number(id));
      await ledger.settle(termsOf(id, 10n).holdId, { ...rest, job: { ...job, receiptSha256 } });
    }
    expect(await store.indexOf("job_1" as JobId)).toBeUndefined();
    for (let n = 0; n < 2; n++)
      await store.append([factOf(1)], ({ jobId, sha256 }) => utf8(`${jobId} ${Buffer.from(sha256).toString("hex")}`));
    expect(store.size()).toBe(3);
    expect(await store.indexOf("job_1" as JobId)).toBe(1);
    expect(await store.indexOf("job_2" as JobId)).toBe(2);
    const bundle = await store.tile({ level: "entries", index: 0, width: 3 });
    expect(entriesIn(bundle ?? new Uint8Array(), 3)).toEqual([
      factOf(1),
      utf8(`job_1 ${"01".repeat(32)}`),
      utf8(`job_2 ${"02".repeat(32)}`),
    ]);
  });
}
