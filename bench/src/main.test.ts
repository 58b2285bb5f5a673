import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

/** Goal: the benchmark itself works. Method: run all of it, each part once, and ask only whether every answer was whole. */
it("measures every contender without a failure", { timeout: 120_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(import.meta.dirname, "main.ts"),
    "--tiny",
    "--json",
  ]);
  const measured = JSON.parse(stdout) as { results: Record<string, unknown>; failures: unknown };
  expect(measured.failures).toEqual({});
  expect(Object.keys(measured.results)).toEqual(["plain1", "plain64", "stream1", "stream64", "long1", "long8"]);
});
