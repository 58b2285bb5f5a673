import { describe, expect, it } from "vitest";
import {
  afterChallenge,
  afterReconnect,
  DISTRUST_MS,
  distrustedFor,
  freshStanding,
  HARD_FAILURES_MAX,
  isDistrusted,
  standingCheck,
  TIMEOUTS_UNTIL_STALE,
  type ChallengeOutcome,
  type Distrust,
  type Standing,
} from "./standing.ts";

const after = (...outcomes: ChallengeOutcome[]): Standing =>
  outcomes.reduce((standing, outcome) => afterChallenge(standing, outcome, 0), freshStanding);
const refutedOften = after(...Array<ChallengeOutcome>(HARD_FAILURES_MAX).fill("refuted"));

/** Goal: silence is never taken for a lie, and a lie is not forgiven. Method: one row per history. */
describe("standing", () => {
  it.each<[string, ChallengeOutcome[], Distrust | undefined]>([
    ["two refuted proofs", ["refuted", "refuted"], undefined],
    ["three refuted proofs in a row", ["refuted", "refuted", "refuted"], "challenge"],
    ["a pass in between", ["refuted", "refuted", "pass", "refuted", "refuted"], undefined],
    ["any amount of silence", Array<ChallengeOutcome>(50).fill("timeout"), undefined],
    ["one false posture", ["posture"], "posture"],
    ["a pass after distrust", ["posture", "pass"], "posture"],
    ["a pass after refuted proofs", ["refuted", "refuted", "refuted", "pass"], "challenge"],
  ])("%s", (_, history, why) => expect(after(...history).distrust?.why).toBe(why));

  it("forgets silence and refuted proofs at a pass", () => {
    expect(after("timeout", "refuted", "pass")).toEqual(freshStanding);
  });

  it("gives another chance in time, and a pass then makes it good", () => {
    expect(isDistrusted(refutedOften, DISTRUST_MS - 1)).toBe(true);
    expect(isDistrusted(refutedOften, DISTRUST_MS)).toBe(false);
    expect(afterChallenge(refutedOften, "refuted", DISTRUST_MS).distrust?.untilMs).toBe(2 * DISTRUST_MS);
    expect(afterChallenge(refutedOften, "pass", DISTRUST_MS)).toEqual(freshStanding);
  });
});

/** Goal: nobody gets rid of what he did by connecting anew, and whoever mended something can show it. */
describe("a new connection", () => {
  it.each<[string, Standing, Standing]>([
    ["keeps refuted proofs", after("refuted", "refuted"), { hardFailures: 2, timeouts: 0 }],
    ["keeps distrust by proofs", refutedOften, refutedOften],
    ["keeps distrust by answers", distrustedFor(freshStanding, "answer"), distrustedFor(freshStanding, "answer")],
    ["shows its posture anew", after("posture"), freshStanding],
    ["shows its software anew", distrustedFor(freshStanding, "changed"), freshStanding],
    ["is no longer silent", after("timeout", "timeout"), freshStanding],
  ])("%s", (_, before, expected) => expect(afterReconnect(before)).toEqual(expected));
});

describe("what its owner is told", () => {
  const stale = after(...Array<ChallengeOutcome>(TIMEOUTS_UNTIL_STALE).fill("timeout"));
  it.each<[Standing, "pass" | "fail", string]>([
    [freshStanding, "pass", ""],
    [after("refuted"), "pass", ""],
    [stale, "fail", "next answered challenge"],
    [refutedOften, "fail", "after 2026-01-01T00:20:00.000Z"],
    [after("posture"), "fail", "Turn it on"],
    [distrustedFor(freshStanding, "changed"), "fail", "Start the provider again"],
    [distrustedFor(freshStanding, "answer"), "fail", "operator"],
  ])("of %j", (standing, status, remedy) => {
    const check = standingCheck(standing, 0, Date.parse("2026-01-01T00:00:00Z"));
    expect(check).toMatchObject({ id: "standing", status });
    expect(check.remedy).toContain(remedy);
  });

  it("is that it is distrusted, for as long as it is, and for how many proofs", () => {
    const at = (nowMs: number) => standingCheck(refutedOften, nowMs, 0);
    expect(at(DISTRUST_MS - 1)).toMatchObject({ status: "fail", seen: "3 proofs in a row did not hold" });
    expect(at(DISTRUST_MS).status).toBe("pass");
  });
});
