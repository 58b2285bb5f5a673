import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { DiskSync, SYNC_MS_MAX } from "./disk-sync.ts";
import { storageFaultOf } from "./storage-failure.ts";

const folder = mkdtempSync(join(tmpdir(), "sync-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, "file");
writeFileSync(path, "");

/** Syncs that end when they are told to. */
function setUp() {
  const syncs: PromiseWithResolvers<void>[] = [];
  const disk = new DiskSync(path, () => {
    const sync = Promise.withResolvers<void>();
    syncs.push(sync);
    return sync.promise;
  });
  return { disk, syncs };
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe("the disk", () => {
  /** Goal: what was written before a call is synced when it is told so, with no more syncs than that takes. Method: two calls of one turn, two more while their sync runs; end each sync. */
  it("syncs again for those who came while it did, once for all of them", async () => {
    const { disk, syncs } = setUp();
    const told: number[] = [];
    const ask = (n: number) => void disk.synced().then(() => told.push(n));
    ask(1);
    ask(2);
    await turn();
    ask(3);
    ask(4);
    await turn();
    expect([syncs.length, told]).toEqual([1, []]);
    syncs[0]?.resolve();
    await turn();
    expect([syncs.length, told]).toEqual([2, [1, 2]]);
    syncs[1]?.resolve();
    await turn();
    expect(told).toEqual([1, 2, 3, 4]);
    ask(5);
    await turn();
    expect(syncs).toHaveLength(3);
  });

  /** Goal: a sync that failed is never followed by one that seems to have worked. Method: fail one; who waits behind it and who comes later gets the same error, and the file is not synced again. */
  it("is not believed again once it has failed", async () => {
    const { disk, syncs } = setUp();
    const first = disk.synced();
    await turn();
    const second = disk.synced();
    const failure = new Error("EIO");
    syncs[0]?.reject(failure);
    await expect(first).rejects.toBe(failure);
    await expect(second).rejects.toBe(failure);
    await expect(disk.synced()).rejects.toBe(failure);
    expect([disk.failure, syncs.length]).toEqual([failure, 1]);
  });

  /** Goal: a disk that does not answer is known for it while it does not. Method: a sync that runs for as long as one may and longer, by the clock of this process; then its end. */
  it("is said not to answer where a sync takes too long, until it ends", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    onTestFinished(() => void vi.useRealTimers());
    const { disk, syncs } = setUp();
    const synced = disk.synced();
    await turn();
    vi.advanceTimersByTime(SYNC_MS_MAX - 1);
    expect(disk.failure).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect(storageFaultOf(disk.failure)).toBe("io_error");
    syncs[0]?.resolve();
    await synced;
    expect(disk.failure).toBeUndefined();
  });

  /** Goal: an end waits for who waits. Method: dispose under two syncs, with the real call as well. */
  it("is closed after its last sync", async () => {
    const { disk, syncs } = setUp();
    const told: string[] = [];
    void disk.synced().then(() => told.push("first"));
    await turn();
    void disk.synced().then(() => told.push("second"));
    const closed = disk[Symbol.asyncDispose]().then(() => told.push("closed"));
    syncs[0]?.resolve();
    await turn();
    syncs[1]?.resolve();
    await closed;
    expect(told).toEqual(["first", "second", "closed"]);
    const real = new DiskSync(path);
    await real.synced();
    await real[Symbol.asyncDispose]();
  });

  /** Goal: no file but its own is opened. Method: a link in its place. */
  it("follows no link", () => {
    symlinkSync(path, join(folder, "link"));
    expect(() => new DiskSync(join(folder, "link"))).toThrow("ELOOP");
  });
});
