import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import type { EngineState } from "../../events/events.ts";
import { all, asked, engineContract, said } from "../../inference/engine.contract.ts";
import { AHEAD_TOKENS_MAX, EngineEnded } from "../../inference/engine.ts";
import { bundledModelPath } from "../llama/model-file.ts";
import { EngineProcess, ENGINE_LOADS_FAILED_MAX, type EngineProcessOptions } from "./engine-process.ts";

const entry = fileURLToPath(new URL("../../../test/scripted-child.ts", import.meta.url));
const scripted = (options: Partial<EngineProcessOptions> & { build?: string; slots?: number } = {}) => {
  const { build = "scripted", slots = 2, ...more } = options;
  return EngineProcess.start({ entry, load: { modelPath: "", build, slots }, restartFirstMs: 10, ...more });
};

engineContract("llama.cpp in a process of its own", () =>
  EngineProcess.start({ load: { modelPath: bundledModelPath, build: "tiny", slots: 2, threads: 1 } }),
);

const never = new AbortController().signal;

/** Follows what the owner is told. */
function watched(engine: EngineProcess) {
  const states: EngineState[] = [];
  const watching = engine.watch((state) => states.push(state));
  onTestFinished(() => watching[Symbol.dispose]());
  const until = async (state: EngineState["state"], times = 1) => {
    while (states.filter((one) => one.state === state).length < times) await sleep(10);
    return states;
  };
  return { states, until };
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "answered",
    (error: unknown) => (error instanceof EngineEnded ? error.code : error),
  );

describe("a model's process", () => {
  /**
   * Goal: a request cannot take others along for longer than it must, and is not blamed on them. Method: a prompt
   * that never comes back, beside a stream; a bound of half a second in place of five.
   */
  it("is ended where it does not come back from a request, which alone is blamed, and is started again", async () => {
    await using engine = await scripted({ bounds: { workMs: 500 } });
    const { until } = watched(engine);
    const first = engine.pid;
    const beside = codeOf(all(engine, engine.prompt(asked("slow")), { ...said, maxTokens: 40 }));
    await sleep(300);
    expect(await codeOf(engine.prompt(asked("hang")))).toBe("engine_ended");
    expect(await beside).toBe("generation_failed");
    expect(engine.isReady).toBe(false);
    expect(await codeOf(engine.prompt(asked("x")))).toBe("busy");
    const [restarting] = await until("ready");
    expect(restarting).toMatchObject({ state: "restarting", why: expect.stringContaining("did not come back") });
    expect(engine.pid).not.toBe(first);
    expect((await all(engine, engine.prompt(asked("x")), said)).completionTokens).toBe(24);
  });

  it("is ended where it is frozen", async () => {
    await using engine = await scripted({ bounds: { silentMs: 1_000 } });
    const { until } = watched(engine);
    process.kill(engine.pid ?? 0, "SIGSTOP");
    const [restarting] = await until("ready");
    expect(restarting).toMatchObject({ why: expect.stringContaining("no sign of life") });
    expect((await all(engine, engine.prompt(asked("x")), said)).completionTokens).toBe(24);
  });

  it("is started again where it was killed, and two streams that ran may both be tried elsewhere", async () => {
    await using engine = await scripted();
    const { until } = watched(engine);
    const streams = [1, 2].map(() => codeOf(all(engine, engine.prompt(asked("slow")), { ...said, maxTokens: 40 })));
    await sleep(500);
    process.kill(engine.pid ?? 0, "SIGKILL");
    expect(await Promise.all(streams)).toEqual(["generation_failed", "generation_failed"]);
    const [restarting] = await until("ready");
    expect(restarting).toMatchObject({ why: expect.stringContaining("was ended by SIGKILL") });
  });

  it("is blamed on the only request that there was", async () => {
    await using engine = await scripted();
    expect(await codeOf(engine.prompt(asked("exit")))).toBe("engine_ended");
  });

  it.runIf(process.platform === "linux")("is ended where it takes far more memory than at first", async () => {
    await using engine = await scripted({ bounds: { swellBytes: 128 * 1024 * 1024 } });
    const { until } = watched(engine);
    await codeOf(all(engine, engine.prompt(asked("swell")), said));
    const [restarting] = await until("restarting");
    expect(restarting).toMatchObject({ why: expect.stringContaining("memory") });
  });

  it("tells a failure of the model's own as that, and goes on", async () => {
    await using engine = await scripted();
    const { pid } = engine;
    await expect(all(engine, engine.prompt(asked("fail")), said)).rejects.toThrow("Error");
    expect((await all(engine, engine.prompt(asked("x")), said)).completionTokens).toBe(24);
    expect(engine.pid).toBe(pid);
  });

  it("says why a model cannot be loaded", async () => {
    await expect(scripted({ build: "missing" })).rejects.toThrow("There is no such model.");
    await expect(scripted({ build: "crash" })).rejects.toThrow(
      "The model's process ended with exit code 3 while it loaded.",
    );
  });

  /** Goal: no endless loop of starts. Method: a program that is gone after the first start. */
  it("is given up after so many failed loads, with a sentence", async () => {
    const load = { modelPath: "", build: "scripted", slots: 1 };
    const options = { entry, load, restartFirstMs: 1 };
    await using engine = await EngineProcess.start(options);
    const { until, states } = watched(engine);
    Object.assign(load, { build: "crash" });
    process.kill(engine.pid ?? 0, "SIGKILL");
    await until("failed");
    expect(states.filter(({ state }) => state === "restarting")).toHaveLength(ENGINE_LOADS_FAILED_MAX);
    expect(states.at(-1)).toMatchObject({ why: expect.stringMatching(/exit code 3.*tried 5 times/) });
    expect(await codeOf(engine.prompt(asked("x")))).toBe("busy");
  });

  /** Goal: whoever waits hears how far a long prompt is read, not for every step. Method: six steps of 150 ms. */
  it("tells how far a prompt is read", async () => {
    await using engine = await scripted();
    const heard: number[] = [];
    const run = engine.run(await engine.prompt(asked("long")), said, never, undefined, (tokens) => heard.push(tokens));
    expect((await run.next()).done).toBe(false);
    expect(heard.length).toBeGreaterThan(0);
    expect(heard.length).toBeLessThan(6);
    expect(heard.every((tokens, at) => tokens > (heard[at - 1] ?? 0) && tokens <= 60)).toBe(true);
    await run.return({ finish: "stop", cachedTokens: 0, completionTokens: 0 });
  });

  /** Goal: what nobody reads is not generated. Method: read one token, wait, and see how far the process has come. */
  it("writes no further ahead of its reader than it may", async () => {
    await using engine = await scripted();
    const run = engine.run(await engine.prompt(asked("x")), { ...said, maxTokens: 40 }, never);
    await run.next();
    await sleep(200);
    // Stopped, so that nothing is written while what there is is read.
    const pid = engine.pid ?? 0;
    process.kill(pid, "SIGSTOP");
    let ready = 1;
    try {
      for (;;) {
        const next = await Promise.race([run.next(), sleep(50, undefined)]);
        if (next === undefined || next.done) break;
        ready++;
      }
    } finally {
      process.kill(pid, "SIGCONT");
    }
    expect(ready).toBeLessThanOrEqual(AHEAD_TOKENS_MAX);
    await run.return({ finish: "stop", cachedTokens: 0, completionTokens: 0 });
  });

  it("ends with the provider, even where it hangs", async () => {
    const program = `
      import { EngineProcess } from ${JSON.stringify(new URL("engine-process.ts", import.meta.url).href)};
      const engine = await EngineProcess.start({ entry: ${JSON.stringify(entry)}, load: { modelPath: "", build: "x" } });
      engine.prompt({ messages: [{ role: "user", text: "hang" }], tools: [], toolChoice: "none" }).catch(() => {});
      setTimeout(() => console.log(engine.pid), 300);`;
    const parent = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [printed] = (await parent.stdout.take(1).toArray()) as [Buffer];
    const pid = Number(printed.toString());
    expect(pid).toBeGreaterThan(1);
    parent.kill("SIGKILL");
    await expect.poll(() => isRunning(pid), { timeout: 10_000 }).toBe(false);
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
