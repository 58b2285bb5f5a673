import { expect, it } from "vitest";
import { idleStatus } from "../test/provider-status.ts";
import { checkModelLoads } from "./doctor.ts";

/** Goal: a model that runs here is not loaded a second time, and one that does not is named with its reason. Method: the status that a provider wrote, in each state; a file that is none, which loading would tell. */
it.each<[engine: "ready" | "restarting" | "failed", reason: string | null, status: string, seen: string]>([
  ["ready", null, "pass", "the provider here has loaded it"],
  ["restarting", "It hung.", "fail", "It hung."],
  ["failed", "It swells.", "fail", "It swells."],
  ["restarting", null, "fail", "its process ended"],
])("of a model that is %s, because of %j: %s", async (engine, engine_reason, status, seen) => {
  const running = { ...idleStatus, engine, engine_reason };
  const wanted = { modelPath: "/nowhere.gguf", build: "none", slots: 1, threads: 1 };
  expect(await checkModelLoads(wanted, running)).toMatchObject({
    id: "model.loads",
    status,
    seen,
  });
});
