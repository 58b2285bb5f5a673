import { describe, expect, it } from "vitest";
import { Conduct } from "../machines/records/conduct.ts";
import { FIRST_CONTENT_WAIT_MS, Patience, READ_TOKEN_MS_MAX, READING_MS_MAX, STREAM_IDLE_MS } from "./patience.ts";

const WAIT_MS = FIRST_CONTENT_WAIT_MS;
const PROMPT_TOKENS_MAX = 5_000;
const MOST_READING_MS = 200_000;
/** What happens after so many milliseconds: the figure of a machine that reads, or a token. */
type Step = readonly [waitedMs: number, sign: number | "token"];

function after(steps: readonly Step[]): Patience {
  const patience = new Patience(PROMPT_TOKENS_MAX, MOST_READING_MS);
  for (const [waitedMs, sign] of steps) {
    patience.waited(waitedMs);
    if (sign === "token") patience.spoke();
    else patience.read(sign);
  }
  return patience;
}
const every = (stepMs: number, tokens: number, times: number): Step[] =>
  Array.from({ length: times }, (_, at) => [stepMs, (at + 1) * tokens]);

/** Goal: a machine that reads is waited for, one that stands still, creeps or says what cannot be is not. Method: what is waited for the next sign after what it said. */
describe("patience", () => {
  it.each<[what: string, steps: readonly Step[], waitMs: number]>([
    ["from the hand-over", [], WAIT_MS],
    ["after a sign", [[50_000, 1_000]], WAIT_MS],
    ["after a sign that bought less than a wait", [[50_000, 100]], 10_000 + 100 * READ_TOKEN_MS_MAX],
    [
      "after the same figure again",
      [
        [40_000, 1_000],
        [40_000, 1_000],
      ],
      20_000,
    ],
    [
      "after a lower figure",
      [
        [40_000, 1_000],
        [40_000, 999],
      ],
      20_000,
    ],
    ["after nothing was read", [[40_000, 0]], 20_000],
    ["at the slowest pace that is waited for", every(50_000, 500, 4), WAIT_MS],
    ["at a slower one", every(50_000, 400, 4), 20_000],
    ["at a pace so slow that it is over", every(50_000, 100, 2), 0],
    ["at a good pace up to what one request may have", every(50_000, 1_250, 4), WAIT_MS],
    ["at a good pace beyond it", every(50_000, 1_200, 5).slice(0, 5), 10_000],
    [
      "of a figure that no prompt of this length has",
      [
        [0, 1e9],
        [59_000, 1e9],
      ],
      1_000,
    ],
    ["after the first token", [...every(50_000, 1_000, 2), [10_000, "token"]], STREAM_IDLE_MS],
    [
      "between tokens while nothing is read",
      [
        [50_000, 1_000],
        [0, "token"],
        [50_000, 1_000],
      ],
      STREAM_IDLE_MS - 50_000,
    ],
    [
      "between tokens while another prompt is read",
      [
        [50_000, 1_000],
        [0, "token"],
        [50_000, 1_500],
      ],
      STREAM_IDLE_MS,
    ],
    [
      "between tokens, of what was bought before",
      [
        [0, 1_000],
        [0, "token"],
        [50_000, 1_100],
      ],
      20_000,
    ],
  ])("%s", (_what, steps, waitMs) => {
    expect(after(steps).waitMs).toBe(waitMs);
  });

  it("is not bought with tokens where a request has had its time", () => {
    const patience = new Patience(PROMPT_TOKENS_MAX, 0);
    for (const tokens of [100, 200, 300]) {
      patience.waited(20_000);
      patience.read(tokens);
    }
    expect(patience).toMatchObject({ waitMs: 0, idleMs: 60_000, hasRead: true });
  });
});

/** Goal: who holds callers for as long as reading may, one after the other, is left out like who fails at once. Method: faults so far apart. */
it("does not outlast what is remembered of a machine's faults", () => {
  const conduct = new Conduct();
  const heldMs = FIRST_CONTENT_WAIT_MS + READING_MS_MAX;
  expect([1, 2, 3].map((times) => conduct.faulted(times * heldMs))).toEqual([false, false, true]);
});
