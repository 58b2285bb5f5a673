/** Runs before each test file of the copy: says which mutant is on, or notes which ones each test reaches. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach } from "vitest";
import type { Reached, Switch } from "./runner.ts";

declare global {
  var __mutant: ((id: number) => boolean) | undefined;
  var __check: ((id: string) => boolean) | undefined;
}

const folder = process.env["DARKBLOOM_MUTATION"] ?? "";
const { on } = JSON.parse(readFileSync(join(folder, "switch.json"), "utf8")) as Switch;

if (on === "record") {
  const reached: { [by: string]: Set<number | string> } = { outside: new Set() };
  let now = reached["outside"];
  const note = (what: number | string): boolean => {
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
    writeFileSync(join(folder, "reached.json"), JSON.stringify(plain));
  });
} else {
  globalThis.__mutant = (id) => id === on;
  globalThis.__check = (id) => id === on || (typeof on === "string" && on.endsWith(".") && id.startsWith(on));
}
