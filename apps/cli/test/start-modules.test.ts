import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { Running, temporaryFolder } from "./binary.ts";

/** Each costs about half a millisecond of every start, and room. */
const MODULES_MAX = 862;
/** What is large and only needed later, or by others. */
const LATER = [
  "kysely",
  "pg",
  "@nats-io/transport-node",
  "@simplewebauthn/server",
  "oauth4webapi",
  "nodemailer",
  "stripe",
  "node-llama-cpp",
  "@fastify/swagger",
  "ajv",
  "yaml",
  "ipull",
];

const hook = pathToFileURL(join(import.meta.dirname, "count-modules.ts")).href;

/**
 * Goal: a coordinator is there at once. Method: the modules that one loads until it is asked to end, on a folder that was
 * used before; and that what was compiled is kept beside the sources.
 */
it("loads no more than a coordinator needs", { timeout: 60_000 }, async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "modules.json");
  for (const _ of ["the first start makes the database", "this one is counted"]) {
    await using running = new Running(
      ["coordinator", "--port", "0", "--data", join(folder.path, "data"), "--log-level", "error", "--json"],
      { NODE_OPTIONS: `--import ${hook}`, MODULES_FILE: file },
    );
    await running.ready;
    process.kill(running.pid, "SIGTERM");
    expect(await running.ended).toBe(0);
  }
  const loaded = (JSON.parse(readFileSync(file, "utf8")) as string[]).filter((url) => url.startsWith("file:"));
  const packages = new Set(loaded.map((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1]));
  expect(LATER.filter((name) => packages.has(name))).toEqual([]);
  // What is between coordinators is for those that have others.
  expect(loaded.filter((url) => url.includes("/coordinator/src/cluster/"))).toEqual([]);
  expect(packages).toContain("fastify");
  expect(loaded.length).toBeLessThanOrEqual(MODULES_MAX);
  const cache = join(import.meta.dirname, "../../../node_modules/.cache/darkbloom");
  expect(readdirSync(cache).length).toBeGreaterThan(0);
});
