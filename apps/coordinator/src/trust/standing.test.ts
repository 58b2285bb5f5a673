import { describe, expect, it } from "vitest";
import { afterChallenge, freshStanding, Liars, LIARS_MAX, type ChallengeOutcome } from "./standing.ts";

const after = (...outcomes: ChallengeOutcome[]) => outcomes.reduce(afterChallenge, freshStanding);

/** Goal: silence is never taken for a lie, and a lie is not forgiven. Method: one row per history. */
describe("standing", () => {
  it.each<[string, ChallengeOutcome[], false | string]>([
    ["two refuted proofs", ["refuted", "refuted"], false],
    ["three refuted proofs in a row", ["refuted", "refuted", "refuted"], "challenge"],
    ["a pass in between", ["refuted", "refuted", "pass", "refuted", "refuted"], false],
    ["any amount of silence", Array<ChallengeOutcome>(50).fill("timeout"), false],
    ["one false posture", ["posture"], "posture"],
    ["a pass after distrust", ["posture", "pass"], "posture"],
  ])("%s", (_, history, distrusted) => {
    expect(after(...history).distrusted).toBe(distrusted);
  });

  it("forgets silence and refuted proofs at a pass", () => {
    expect(after("timeout", "refuted", "pass")).toEqual(freshStanding);
  });
});

describe("liars", () => {
  it("remembers the newest ones and stays bounded", () => {
    const liars = new Liars();
    for (let n = 0; n <= LIARS_MAX; n++) liars.add(`key${n}`);
    expect(liars.has("key0")).toBe(false);
    expect(liars.has("key1")).toBe(true);
    expect(liars.has(`key${LIARS_MAX}`)).toBe(true);
  });
});
