import { execFile } from "node:child_process";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { hasNats } from "../../apps/coordinator/test/nats.ts";
import type { MeasuredSealed } from "./sealed/report.ts";

/** Goal: the benchmark itself works. Method: run all of it, each part once, this checkout beside itself, and ask only whether every answer was whole. */
it("measures every contender without a failure", { timeout: 120_000 }, async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "darkbloom-bench-test-"));
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(import.meta.dirname, "main.ts"),
    "--tiny",
    "--json",
    "--profile",
    folder.path,
    "--beside",
    resolve(import.meta.dirname, "../.."),
  ]);
  const measured = JSON.parse(stdout) as Record<"paced" | "stages" | "memory", Record<string, unknown>> & {
    failures: unknown;
    results: Record<string, { rounds: Record<string, unknown> }>;
  };
  expect(measured.failures).toEqual({});
  expect(Object.keys(measured.paced)).toEqual(["bare", "proxy", "darkbloom"]);
  expect(Object.keys(measured.stages)).toHaveLength(6);
  expect(Object.keys(measured.memory)).toEqual(["coordinator", "provider", "earlier coordinator", "earlier provider"]);
  for (const { rounds } of Object.values(measured.results))
    expect(Object.keys(rounds)).toEqual(["bare", "proxy", "darkbloom", "earlier"]);
  expect(Object.keys(measured.results)).toEqual(["plain1", "plain64", "stream1", "stream64", "long1", "long8"]);
});

/** Goal: so does the engine's. Method: the bundled model, each measure once. */
it("measures the engine beside the bare library", { timeout: 180_000 }, async () => {
  const env = { ...process.env, DARKBLOOM_TEST_SMOLLM2: "" };
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(import.meta.dirname, "main.ts"), "--engine", "--tiny", "--json"],
    { env },
  );
  const measured = JSON.parse(stdout) as Record<string, Record<string, object>>;
  expect(Object.keys(measured)).toEqual(["bundled"]);
  const names = ["attention", "drawing", "first", "gap", "pipe", "quiet", "requests", "stops"];
  expect(Object.keys(measured["bundled"] ?? {}).toSorted()).toEqual(names);
  expect(measured["bundled"]?.["first"]).toMatchObject({ requests: 1 });
});

/** Goal: so does that of several coordinators. Method: each measure once, over a real server. */
it.skipIf(!hasNats)("measures a far machine beside a near one", { timeout: 60_000 }, async () => {
  const main = join(import.meta.dirname, "main.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [main, "--cluster", "--tiny", "--json"]);
  const measured = JSON.parse(stdout) as { results: Record<string, object>; failures: object };
  expect(measured.failures).toEqual({});
  expect(Object.keys(measured.results)).toEqual(["stream1", "plain64", "stream64", "long8"]);
});

/** Goal: so does the ledger's, whose books add up behind it. Method: each measure once. */
it("measures the ledger and the look-up of keys", { timeout: 60_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(import.meta.dirname, "main.ts"),
    "--ledger",
    "--tiny",
    "--json",
  ]);
  const measured = JSON.parse(stdout) as Record<string, object>;
  expect(Object.keys(measured)).toEqual([
    "alone",
    "in groups of 8",
    "in groups of 64",
    "in groups of 64, of 16 accounts",
    "a key is found",
  ]);
});

/** Goal: so does that of sealing, through the library as it is published. Method: each measure once. */
it("measures sealed beside transparent through the client library", { timeout: 120_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(import.meta.dirname, "main.ts"),
    "--sealed",
    "--tiny",
    "--json",
  ]);
  const measured = JSON.parse(stdout) as MeasuredSealed;
  expect(measured.failures).toEqual({});
  expect(Object.keys(measured.results)).toHaveLength(4);
  for (const { answers } of Object.values(measured.results))
    expect(Math.min(...Object.values(answers))).toBeGreaterThan(0);
  for (const { body, padding, wire } of Object.values(measured.bytes)) {
    expect(wire.sealed.asked).toBeGreaterThan(body + padding);
    expect(wire.transparent.asked).toBeLessThan(wire.sealed.asked);
    expect(wire.transparent.answered).toBeLessThan(wire.sealed.answered);
  }
});
