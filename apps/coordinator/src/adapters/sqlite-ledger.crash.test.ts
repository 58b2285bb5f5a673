import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { microUsd } from "@darkbloom/protocol/money";
import { openDataFolder } from "@darkbloom/protocol/node";
import { afterAll, expect, it } from "vitest";
import { anna, lease } from "../ledger/ledger.samples.ts";
import { openDatabase } from "./database.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";

const child = fileURLToPath(new URL("./sqlite-ledger.crash-child.ts", import.meta.url));
const ROUNDS = 5;
/** As the child does them. */
const AT_A_TIME = 8;
const RUN_MAX_MS = 250;
const CREDIT = 1_000_000_000n;

const root = mkdtempSync(join(tmpdir(), "crash-"));
afterAll(() => rmSync(root, { recursive: true }));

/** One life of the child: what it had printed when it was killed. */
async function killedAfter(path: string, prefix: string, ms: number): Promise<string[]> {
  const victim = spawn(process.execPath, [child, path, prefix], { stdio: ["ignore", "pipe", "ignore"] });
  const ended = once(victim, "close");
  let output = "";
  victim.stdout.setEncoding("utf8");
  const ready = new Promise<void>((resolve, reject) => {
    victim.stdout.on("data", (text: string) => {
      output += text;
      if (output.includes("\n")) resolve();
    });
    victim.once("exit", () => reject(new Error("the child ended before it was ready")));
  });
  await ready;
  await sleep(ms);
  victim.kill("SIGKILL");
  await ended;
  // The last line may have been cut; an answer counts once it is whole.
  return output.split("\n").slice(0, -1);
}

/**
 * Goal: no answered settlement is lost to a `kill -9`, the sums add up, and open holds have cost nothing.
 * Method: a child that prints each answer is killed at random moments; the folder is opened again at once,
 * which also shows that the kernel freed its lock, and is compared with everything printed so far.
 */
it("survives being killed", { timeout: 30_000 }, async () => {
  const path = join(root, "data");
  {
    await using folder = await openDataFolder(path, "coordinator");
    using database = await openDatabase(folder);
    await new SqliteLedger(database, { lease }).credit("credit_1", anna, microUsd(CREDIT), 1);
  }
  const acknowledged = new Map<string, bigint>();
  for (let round = 0; round < ROUNDS; round++) {
    const lines = await killedAfter(path, `r${round}`, Math.random() * RUN_MAX_MS);
    const unsettled = new Set<string>();
    for (const line of lines) {
      const [word, name = "", charge = ""] = line.split(" ");
      if (word === "HELD") unsettled.add(`hold_${name}`);
      if (word === "SETTLED") {
        unsettled.delete(`hold_${name}`);
        acknowledged.set(`hold_${name}`, BigInt(charge));
      }
    }

    await using folder = await openDataFolder(path, "coordinator");
    using database = await openDatabase(folder);
    const ledger = new SqliteLedger(database, { lease });
    const charges = database.prepare("SELECT hold_id, charge FROM settlements").all();
    const stored = new Map(charges.map((row) => [String(row["hold_id"]), BigInt(Number(row["charge"]))]));
    for (const [hold, charge] of acknowledged) expect(stored.get(hold), hold).toBe(charge);
    // What was held is gone, and has cost nothing, unless its settlement was just being answered.
    for (const hold of unsettled) {
      const at = Number(hold.split("_").at(-1)) % AT_A_TIME;
      expect([undefined, at > 0 ? BigInt(at + 1) : undefined], hold).toContain(stored.get(hold));
    }
    expect(await ledger.openLeases()).toEqual([]);
    const totals = await ledger.totals(anna);
    expect(totals.held).toBe(0n);
    expect(totals.balance + totals.charged).toBe(CREDIT);
    expect(totals.charged).toBe([...stored.values()].reduce((sum, charge) => sum + charge, 0n));
    expect(await ledger.check()).toEqual([]);
  }
  expect(acknowledged.size).toBeGreaterThan(ROUNDS);
});
