import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ErrorForPeople } from "@darkbloom/protocol/for-people";
import { microUsd } from "@darkbloom/protocol/money";
import { systemClock } from "@darkbloom/protocol/node";
import { afterAll, describe, expect, it } from "vitest";
import { anna } from "../ledger/ledger.samples.ts";
import { openStore } from "./open-store.ts";

const root = mkdtempSync(join(tmpdir(), "full-"));
afterAll(() => rmSync(root, { recursive: true }));

/** A real file system of so many bytes, in memory. */
function diskOf(bytes: number) {
  const path = mkdtempSync(join(root, "disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", path]);
  return {
    path,
    grow: () => execFileSync("mount", ["-o", "remount,size=64m", path]),
    [Symbol.dispose]: () => execFileSync("umount", ["--lazy", path]),
  };
}

function canMount(): boolean {
  if (process.platform !== "linux" || process.geteuid?.() !== 0) return false;
  const at = mkdtempSync(join(root, "try-"));
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", at]).status !== 0) return false;
  return spawnSync("umount", [at]).status === 0;
}

const open = (data: string) =>
  openStore(data, {
    clock: systemClock,
    // What could not be swept is swept later; it has to be the disk.
    onSweepError: (error) => expect(error).toMatchObject({ failure: { fault: "disk_full" } }),
  });

const KIB = 1024;
/** From nothing to what a first start needs, by pages. */
const sizes = Array.from({ length: 60 }, (_, pages) => (pages + 1) * 4 * KIB);

describe.skipIf(!canMount())("a disk", () => {
  /** Goal: a first start is told in a sentence that the disk is full, wherever it fills up, and what it leaves is no obstacle. Method: disks of every size that is too small; then room. */
  it("that is full at the first start is named, and used once there is room", { timeout: 120_000 }, async () => {
    const started: number[] = [];
    for (const size of sizes) {
      using disk = diskOf(size);
      const data = join(disk.path, "data");
      try {
        await (await open(data))[Symbol.asyncDispose]();
        started.push(size);
      } catch (error) {
        expect(error, `${size} bytes`).toBeInstanceOf(ErrorForPeople);
        expect((error as Error).message, `${size} bytes`).toMatch(/disk .*is full/);
      }
      disk.grow();
      await using store = await open(data);
      expect((await store.ledger.totals(anna)).balance, `${size} bytes`).toBe(0n);
    }
    expect(started.length).toBeLessThan(sizes.length);
  });

  /** Goal: a network that has run does so again, with its books. Method: fill its disk, start, make room. */
  it("that is full at a later start loses nothing", async () => {
    using disk = diskOf(1024 * KIB);
    const data = join(disk.path, "data");
    {
      await using store = await open(data);
      await store.ledger.credit("credit_1", anna, microUsd(5n), 1);
    }
    const filler = join(disk.path, "filler");
    expect(() => writeFileSync(filler, Buffer.alloc(2048 * KIB))).toThrow(/ENOSPC/);
    await expect(open(data)).rejects.toThrow(/disk .*is full/);
    rmSync(filler);
    await using store = await open(data);
    expect((await store.ledger.totals(anna)).balance).toBe(5n);
  });
});
