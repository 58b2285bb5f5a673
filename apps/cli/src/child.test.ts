import { ChildProcess, spawn } from "node:child_process";
import { expect, it, vi } from "vitest";
import { Child, pauseAfter } from "./child.ts";

vi.mock("node:child_process", async (original) => ({ ...(await original<object>()), spawn: vi.fn<typeof spawn>() }));

/** Goal: what crashes again and again is started less and less often, and what crashes anew soon. Method: lives in turn, in ms, and the pause after each. */
it.each<[what: string, livedMs: readonly number[], pausesMs: readonly number[]]>([
  ["at once each time", [0, 0, 0, 0, 0, 0, 0], [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]],
  ["after a minute", [0, 0, 60_000], [1_000, 2_000, 4_000]],
  ["after more than a minute", [0, 0, 60_001, 0], [1_000, 2_000, 1_000, 2_000]],
])("a process that crashes %s", (_, livedMs, pausesMs) => {
  let lastMs: number | undefined;
  expect(livedMs.map((ms) => (lastMs = pauseAfter(ms, lastMs)))).toEqual(pausesMs);
});

/** Goal: a process that hangs keeps nobody from ending. Method: one that hears the word and does nothing; both sides of the last moment. */
it("is ended by force three seconds after its drain", async () => {
  const killed = vi.fn(() => hanging.emit("exit", null, "SIGKILL"));
  const hanging = Object.assign(new ChildProcess(), { stdout: null, connected: true, send: vi.fn(), kill: killed });
  vi.mocked(spawn).mockReturnValue(hanging);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const child = new Child({ name: "provider-1", args: () => [], drainMs: 10_000, onEvent: () => undefined });
    const ended = child[Symbol.asyncDispose]();
    expect(hanging.send).toHaveBeenCalledWith("stop");
    vi.advanceTimersByTime(12_999);
    expect(killed).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    await ended;
    expect(killed).toHaveBeenCalledWith("SIGKILL");
  } finally {
    vi.useRealTimers();
  }
});
