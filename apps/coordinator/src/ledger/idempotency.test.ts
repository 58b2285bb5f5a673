import { NetworkError } from "@darkbloom/protocol/failures";
import { describe, expect, it } from "vitest";
import {
  IDEMPOTENCY_KEYS_MAX,
  IDEMPOTENCY_LIFE_MS,
  IdempotencyKeys,
  isFree,
  isOnItsWay,
  isOwedAfter,
  type KeyState,
} from "./idempotency.ts";
import { idempotencyOf, termsOf } from "./ledger.samples.ts";
import { outcomes, type Outcome } from "./settlement.ts";

const asked = idempotencyOf("k", "b");
const { bodySha256 } = asked;
const other = idempotencyOf("k", "c");

/** What a request under a key comes to: whether it is free, or how it is refused. */
function answerOf(run: () => boolean): boolean | string {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof NetworkError) || error.failure.code !== "idempotency_conflict") throw error;
    return error.failure.conflict;
  }
}

/** Goal: another body is refused whatever else holds, then one that runs; only what is owed is free. Method: every state. */
it.each<[what: string, found: KeyState | undefined, answer: boolean | string]>([
  ["unknown", undefined, false],
  ["known", { bodySha256, isRunning: false, isOwed: false }, false],
  ["owed", { bodySha256, isRunning: false, isOwed: true }, true],
  ["running", { bodySha256, isRunning: true, isOwed: false }, "running"],
  ["running, and owed", { bodySha256, isRunning: true, isOwed: true }, "running"],
  ["of another body", { bodySha256: other.bodySha256, isRunning: false, isOwed: true }, "other_body"],
  ["of another body, and running", { bodySha256: other.bodySha256, isRunning: true, isOwed: true }, "other_body"],
])("answers under a key that is %s", (_what, found, answer) => {
  expect(answerOf(() => isFree(found, asked))).toBe(answer);
});

/** Goal: a first answer is owed by ending whole at a price; what is owed is taken by ending whole or leaving. Method: every end, with and without a price, owed before and not. */
it.each(outcomes)("owes after %s what it must", (outcome: Outcome) => {
  const takes = outcome === "finished" || outcome === "caller_gone";
  expect(isOwedAfter(false, outcome, 1n)).toBe(outcome === "finished");
  expect(isOwedAfter(false, outcome, 0n)).toBe(false);
  for (const charge of [0n, 1n]) expect(isOwedAfter(true, outcome, charge)).toBe(!takes);
});

/** Goal: only what has just become owed is on its way. Method: all four. */
it("knows what is on its way", () => {
  const rows = [false, true].flatMap((was) => [false, true].map((is) => [was, is, isOnItsWay(was, is)]));
  expect(rows.filter(([, , onItsWay]) => onItsWay)).toEqual([[false, true, true]]);
});

describe("the keys of one account", () => {
  const hold = (name: string) => termsOf(name, 1n).holdId;
  const owing = (): IdempotencyKeys => {
    const keys = new IdempotencyKeys();
    keys.begin(asked, hold("1"), 0, false);
    keys.settled(hold("1"), "finished", 5n);
    return keys;
  };

  /** Goal: a key is taken while its request runs and while an owed answer is on its way, and told of by its own hold alone. Method: each step, and the same said of another hold before it. */
  it("follows a request to its end", () => {
    const keys = new IdempotencyKeys();
    expect(answerOf(() => keys.isFree(asked, 0))).toBe(false);
    keys.begin(asked, hold("1"), 0, false);
    keys.settled(hold("other"), "too_slow", 0n);
    keys.spend(hold("other"));
    expect(answerOf(() => keys.isFree(asked, 0))).toBe("running");
    keys.settled(hold("1"), "finished", 5n);
    keys.lose(hold("other"));
    expect(answerOf(() => keys.isFree(asked, 0))).toBe("running");
    keys.lose(hold("1"));
    expect(answerOf(() => keys.isFree(asked, 0))).toBe(true);
    expect(answerOf(() => keys.isFree(other, 0))).toBe("other_body");
    keys.spend(hold("1"));
    expect(answerOf(() => keys.isFree(asked, 0))).toBe(false);
  });

  /** Goal: one that is given for nothing keeps nobody waiting, and a failed one stays owed. Method: a free request of both ends. */
  it("owes once", () => {
    const keys = owing();
    keys.lose(hold("1"));
    keys.begin(asked, hold("2"), 0, true);
    keys.settled(hold("2"), "too_slow", 0n);
    expect(answerOf(() => keys.isFree(asked, 0))).toBe(true);
    keys.begin(asked, hold("3"), 0, true);
    keys.settled(hold("3"), "finished", 0n);
    expect(answerOf(() => keys.isFree(asked, 0))).toBe(false);
  });

  /** Goal: a key is forgotten a day after its last request began. Method: both sides of that moment. */
  it("lives for a day", () => {
    const keys = owing();
    keys.lose(hold("1"));
    expect(IDEMPOTENCY_LIFE_MS).toBe(24 * 3_600_000);
    expect(answerOf(() => keys.isFree(asked, IDEMPOTENCY_LIFE_MS - 1))).toBe(true);
    expect(answerOf(() => keys.isFree(asked, IDEMPOTENCY_LIFE_MS))).toBe(false);
    expect(answerOf(() => keys.isFree(other, IDEMPOTENCY_LIFE_MS))).toBe(false);
  });

  /** Goal: at the bound the oldest goes under which nothing is owed or runs; where there is none, the oldest. Method: fill it, in three mixtures, and ask for who is missing. */
  it.each<[what: string, states: readonly ("owed" | "running" | "idle")[], gone: number | undefined]>([
    ["one below the bound", ["owed", "running", "idle"], undefined],
    ["at the bound", ["owed", "running", "idle", "idle"], 2],
    ["at the bound, with what runs first", ["running", "owed", "idle", "idle"], 2],
    ["at the bound, with nothing idle", ["owed", "running", "owed", "running"], 0],
  ])("are bounded: %s", (_what, states, gone) => {
    const keys = new IdempotencyKeys();
    const rest = Array.from({ length: IDEMPOTENCY_KEYS_MAX - 4 }, () => "owed" as const);
    const all = [...states, ...rest].map((state, n) => ({ state, name: `${n}-`, id: hold(`${n}`) }));
    for (const { state, name, id } of all) {
      keys.begin(idempotencyOf(name), id, 0, false);
      if (state !== "running") keys.settled(id, "finished", 1n);
      if (state === "idle") keys.spend(id);
    }
    keys.begin(idempotencyOf("new-"), hold("new"), IDEMPOTENCY_LIFE_MS - 1, false);
    const isKnown = ({ name }: { name: string }): boolean =>
      answerOf(() => keys.isFree(idempotencyOf(name, "c"), 0)) === "other_body";
    expect(all.filter((one) => !isKnown(one))).toEqual(gone === undefined ? [] : [all[gone]]);
  });

  /** Goal: keys whose time is over take no room. Method: the bound reached by ones at their last moment, and one that is younger and would go first. */
  it("counts no expired ones", () => {
    const keys = new IdempotencyKeys();
    for (let n = 1; n < IDEMPOTENCY_KEYS_MAX; n++) keys.begin(idempotencyOf(`${n}-`), hold(`${n}`), 0, false);
    keys.begin(asked, hold("kept"), 1, false);
    keys.spend(hold("kept"));
    keys.begin(idempotencyOf("new-"), hold("new"), IDEMPOTENCY_LIFE_MS, false);
    expect(answerOf(() => keys.isFree(other, IDEMPOTENCY_LIFE_MS))).toBe("other_body");
  });

  /** Goal: a request under a key that is asked for again does not cost the account another key. Method: the bound reached, and one of them again. */
  it("count the same key once", () => {
    const keys = new IdempotencyKeys();
    for (let n = 0; n < IDEMPOTENCY_KEYS_MAX; n++) {
      keys.begin(idempotencyOf(`${n}-`), hold(`${n}`), 0, false);
      keys.spend(hold(`${n}`));
    }
    keys.begin(idempotencyOf("9-"), hold("again"), 0, false);
    expect(answerOf(() => keys.isFree(idempotencyOf("0-", "c"), 0))).toBe("other_body");
  });
});
