/** Runs before each test file of the copy: says which mutant is on, or notes which ones each test reaches. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach } from "vitest";
import { files, isOn, type On, type Reached, type Switch } from "./switch.ts";

declare global {
  var __mutant: ((id: number) => boolean) | undefined;
  var __check: ((id: string) => boolean) | undefined;
}

const folder = process.env["DARKBLOOM_MUTATION"] ?? "";
const order = JSON.parse(readFileSync(join(folder, files.switch), "utf8")) as Switch;

if ("record" in order) {
  const reached: { [by: string]: Set<On> } = { outside: new Set() };
  let now = reached["outside"];
  const note = (what: On): boolean => {
    now?.add(what);
    return false;
  };
  globalThis.__mutant = note;
  globalThis.__check = note;
  beforeEach(({ task }) => {
    now = task.concurrent === true ? reached["outside"] : (reached[task.id] ??= new Set());
  });
  afterEach(() => {
    now = reached["outside"];
  });
  afterAll(() => {
    const plain: Reached = Object.fromEntries(Object.entries(reached).map(([by, ids]) => [by, [...ids]]));
    writeFileSync(join(folder, files.reached), JSON.stringify(plain));
  });
} else if ("on" in order) {
  const is = (what: On): boolean => isOn(order.on, what);
  globalThis.__mutant = is;
  globalThis.__check = is;
}
