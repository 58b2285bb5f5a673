import { expect, it } from "vitest";
import type { Line } from "../output.ts";
import { storyOf } from "./provider-start.ts";

const verdict = (eligible: boolean) => ({ trustLevel: "self_signed" as const, eligible, checks: [] });

function told() {
  const lines: { line: Line; text: string }[] = [];
  const story = storyOf({ json: true, result: (line, text) => void lines.push({ line, text: text() }) });
  return { story, events: () => lines.map(({ line }) => line["event"]), last: () => lines.at(-1)?.text };
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
