import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Pool } from "../scripts/mutate/pool.ts";

const root = join(import.meta.dirname, "..");
/** Asks for its mutants by number, as the copy's sources do. */
const TESTS = `
import { expect, it } from "vitest";
const isOn = (id) => globalThis.__mutant?.(id) ?? false;
const atStart = isOn(5);
let isSpoiled = false;
let kept;
it("sees the first and not the second", () => {
  isOn(2);
  expect(isOn(1)).toBe(false);
});
it("is spoiled by the third for good, and cannot see the fourth", () => {
  isOn(4);
  isSpoiled ||= isOn(3);
  expect(isSpoiled).toBe(false);
});
it("sees what is decided as it is loaded", () => expect(atStart).toBe(false));
it("comes by the sixth once in each process, behind the second", () => {
  isOn(2);
  kept ??= isOn(6);
  expect(kept).toBe(false);
});
`;

let folder: string;
let pool: Pool;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "darkbloom-turns-"));
  mkdirSync(join(folder, "scripts"));
  cpSync(join(root, "scripts/mutate"), join(folder, "scripts/mutate"), { recursive: true });
  cpSync(join(root, "vitest.config.ts"), join(folder, "vitest.config.ts"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(join(folder, "some.test.ts"), TESTS);
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  pool = new Pool(folder, 1);
});
afterAll(() => {
  pool.end();
  rmSync(folder, { recursive: true, force: true });
});

/** Goal: to run many changes in one process gives the verdicts that a process for each would. Method: changes that are seen, are not, spoil the process, or come by once in it. */
it("judges many changes in turn as it would each alone", async () => {
  const ons = [1, 2, 3, 4, 5, 6, 7];
  const together = await pool.judge(ons, ["some.test.ts"]);
  const said = (one = { reached: false }) => (!one.reached ? "not reached" : "seenBy" in one ? "seen" : "not seen");
  expect(ons.map((on) => said(together.get(on)))).toEqual([
    "seen",
    "not seen",
    "seen",
    "not seen",
    "seen",
    "seen",
    "not reached",
  ]);
  for (const on of ons) {
    const alone = await pool.judge([on], ["some.test.ts"]);
    expect([on, said(alone.get(on))]).toEqual([on, said(together.get(on))]);
  }
});
