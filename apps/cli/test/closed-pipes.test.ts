import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, it } from "vitest";
import { BINARY } from "../src/child.ts";
import { temporaryFolder } from "./binary.ts";

/** A start takes two seconds on an idle machine; the test machines are seldom idle. */
const SLOW_MS = 60_000;

/**
 * Goal: whoever reads a coordinator's output and log may go away, and it serves on. Method: a pipe each, closed at the other
 * end as soon as it listens; then requests that are logged, and a stop, which is told.
 */
it("serves on when nobody reads its output and log any more", { timeout: SLOW_MS }, async () => {
  using folder = temporaryFolder();
  const args = ["coordinator", "--port", "0", "--json", "--log-level", "debug", "--data", join(folder.path, "c")];
  const child = spawn(process.execPath, [BINARY, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const [first] = (await once(child.stdout, "data")) as [Buffer];
  const ready = JSON.parse(String(first)) as { base_url: string; openai_base_url: string };
  expect(ready.openai_base_url).toBe(`${ready.base_url}/v1`);
  child.stdout.destroy();
  child.stderr.destroy();
  for (let times = 0; times < 20; times++) {
    expect((await fetch(`${ready.base_url}/v1/models`)).status).toBe(401);
    expect((await fetch(`${ready.base_url}/health`)).status).toBe(200);
  }
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
});
