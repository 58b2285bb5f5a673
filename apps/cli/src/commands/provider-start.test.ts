import { expect, it, vi } from "vitest";
import type { Line } from "../output.ts";
import { storyOf } from "./provider-start.ts";

const verdict = (eligible: boolean) => ({ trustLevel: "self_signed" as const, eligible, checks: [] });

function told() {
  const lines: { line: Line; text: string }[] = [];
  const story = storyOf({ json: true, result: (line, text) => void lines.push({ line, text: text() }) });
  return { story, lines, events: () => lines.map(({ line }) => line["event"]), last: () => lines.at(-1)?.text };
}

/**
 * Goal: whoever reads that it keeps trying also reads that it serves again. Method: an outage as a session tells it: lost,
 * connected without a passed challenge, then eligible; twice, since the second must be told like the first.
 */
it("tells the end of an outage", () => {
  const { story, events, last } = told();
  story.onTrust(verdict(true));
  expect(events()).toEqual([]);
  for (const round of [1, 2]) {
    story.onLost({ reason: "unreachable", retryInMs: 1_000 });
    story.onLost({ reason: "unreachable", retryInMs: 2_000 });
    story.onTrust(verdict(false));
    expect(events().length).toBe(round * 2 - 1);
    story.onTrust(verdict(true));
    expect(last()).toBe("This machine may serve again.");
    story.onTrust(verdict(true));
    expect(events().length).toBe(round * 2);
  }
  expect(events()).toEqual(["lost", "eligible", "lost", "eligible"]);
});

/** Goal: another reason is news. Method: two reasons in one outage, then a check that fails, then all is well. */
it("tells each change once", () => {
  const { story, events } = told();
  story.onLost({ reason: "unreachable", retryInMs: 1_000 });
  story.onLost({ reason: "closed", retryInMs: 1_000 });
  const check = { id: "blob.fresh", status: "fail" as const, seen: "old", remedy: "" };
  story.onTrust({ ...verdict(false), checks: [check] });
  story.onTrust({ ...verdict(false), checks: [check] });
  story.onTrust(verdict(true));
  expect(events()).toEqual(["lost", "lost", "not_eligible", "eligible"]);
});

/** Goal: an owner knows why no requests come, and when they come again. Method: each state of the model's process. */
it.each<[state: Parameters<ReturnType<typeof storyOf>["onEngine"]>[0], line: object, words: string]>([
  [
    { state: "restarting", why: "It hung.", retryInMs: 2_000 },
    { state: "restarting", reason: "It hung.", retry_in_ms: 2_000 },
    "It hung. It is started again in 2 s; until then this machine takes no requests.",
  ],
  [{ state: "failed", why: "It swells." }, { state: "failed", reason: "It swells." }, "It swells. It is given up."],
  [{ state: "ready" }, { state: "ready" }, "The model is back."],
])("tells of a model's process that is %j", (state, line, words) => {
  const { story, lines, last } = told();
  story.onEngine(state);
  expect(lines.map((one) => one.line)).toEqual([{ event: "engine", ...line }]);
  expect(last()).toBe(words);
});

/** Goal: a model that loads soon is loaded without a word, and one that takes long is told of now and then. Method: a step at each moment, in ms. */
it("tells of loading after two seconds, and then as often", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  try {
    const { story, events, last } = told();
    const toldAtMs = [0, 1_999, 2_000, 2_001, 3_999, 4_000, 4_001].filter((ms, at, all) => {
      vi.advanceTimersByTime(ms - (all[at - 1] ?? 0));
      const before = events().length;
      story.onLoading({ step: "loading", done: 0.255 });
      return events().length > before;
    });
    expect(toldAtMs).toEqual([2_000, 4_000]);
    expect(last()).toMatch(/ 25 %$/);
  } finally {
    vi.useRealTimers();
  }
});
