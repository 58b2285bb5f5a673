import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { darkbloom } from "../test/binary.ts";
import { checkNode } from "./doctor.ts";
import { endOfLife, endOfLifeNote } from "./node-life.ts";

/** Goal: whoever runs an old Node is told, and nobody else. Method: versions on days before, on and after their last. */
it.each<[version: string, now: string, end: string | undefined]>([
  ["24.15.0", "2026-11-29T00:00:00Z", undefined],
  ["24.15.0", "2028-04-30T23:59:59.999Z", undefined],
  ["24.15.0", "2028-05-01T00:00:00Z", "2028-04-30"],
  ["25.9.0", "2026-06-01T12:00:00Z", undefined],
  ["25.9.0", "2026-06-02T00:00:00Z", "2026-06-01"],
  ["26.10.0", "2029-04-30T12:00:00Z", undefined],
  ["26.10.0", "2029-05-01T00:00:00Z", "2029-04-30"],
  ["27.0.0", "2040-01-01T00:00:00Z", undefined],
  ["240.0.0", "2040-01-01T00:00:00Z", undefined],
])("Node %s on %s has ended: %s", (version, now, end) => {
  expect(endOfLife(version, Date.parse(now))).toBe(end);
});

it("says so in the doctor, on the day", () => {
  expect(checkNode("26.10.0", Date.parse("2027-01-01"))).toMatchObject({ status: "pass", seen: "Node 26.10.0" });
  const late = checkNode("26.10.0", Date.parse("2029-05-01"));
  expect(late).toMatchObject({ status: "unknown", seen: "Node 26.10.0, without security fixes since 2029-04-30" });
  expect(endOfLifeNote("26.10.0", "2029-04-30")).toMatch(/no security fixes since 2029-04-30\. Start with a newer one/);
});

/** Goal: a start says it. Method: the real program, with a clock that is in the year 2096. */
it("is told at a start", { timeout: 60_000 }, async () => {
  const late = { NODE_OPTIONS: "--import data:text/javascript,Date.now=()=>4e12" };
  const { stderr } = await darkbloom(["provider", "status", "--data", "/nowhere"], { environment: late });
  expect(stderr).toContain(`Warning: this is Node ${process.versions.node}, which has had no security fixes since 20`);
  expect((await darkbloom(["provider", "status", "--data", "/nowhere"])).stderr).not.toContain("security fixes");
});

/** Goal: the table knows the Node that comes with this. Method: our own package.json. */
it("knows the major versions that we bring and support", () => {
  const root = join(import.meta.dirname, "../../..");
  const { optionalDependencies, engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    optionalDependencies: Record<string, string>;
    engines: { node: string };
  };
  for (const version of [...Object.values(optionalDependencies), engines.node.replace(">=", "")])
    expect([version, endOfLife(version, Infinity)]).toEqual([version, expect.any(String)]);
});
