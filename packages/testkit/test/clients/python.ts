import { join } from "node:path";
import { expect } from "vitest";
import { run } from "../running.ts";
import { type Client, type Feature, features, type World } from "./client.ts";

const python = process.env["DARKBLOOM_TEST_PYTHON"];

/** A client in Python: one script runs all of its features, since its start costs more than they do. */
function clientOf(name: string, script: string): Client {
  let found: Promise<Record<string, string>> | undefined;
  const runAll = async (world: World): Promise<Record<string, string>> => {
    const { stdout } = await run(python ?? "", [
      join(import.meta.dirname, script),
      world.url,
      world.apiKey,
      world.busy.url,
      world.busy.apiKey,
    ]);
    return JSON.parse(stdout) as Record<string, string>;
  };
  const runOf = (feature: Feature) => async (world: World) => {
    found ??= runAll(world);
    expect((await found)[feature]).toBe("good");
  };
  return {
    name,
    runs: Object.fromEntries(features.map((feature) => [feature, runOf(feature)])),
    ...(python === undefined && { missing: "needs DARKBLOOM_TEST_PYTHON" }),
  };
}

export const pythonOpenai = clientOf("`openai` (Python), chat and Responses", "openai_client.py");
export const pythonAnthropic = clientOf("`anthropic` (Python)", "anthropic_client.py");
