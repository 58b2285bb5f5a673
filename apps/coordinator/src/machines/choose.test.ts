import type { Gate } from "@darkbloom/protocol/failures";
import type { AccountId, CoordinatorId, ProviderId, Serial } from "@darkbloom/protocol/ids";
import { describe, expect, it } from "vitest";
import { idle, servedModel, verdictOf, wantOf } from "./members.samples.ts";
import { blameless, FAULT_LIFE_MS } from "./records/conduct.ts";
import type { PaceFigures } from "./records/pace.ts";
import { choose } from "./choose.ts";
import { gateOf, type Want } from "./eligibility.ts";
import type { MachineView } from "./ports.ts";

const want = wantOf();
const good = idle;
const never = Number.NEGATIVE_INFINITY;
const none: ReadonlySet<ProviderId> = new Set();

/** Goal: each gate shuts a machine out by its own name. Method: break one thing of a good machine per row. */
describe("gates", () => {
  const rows: [Gate, Partial<MachineView>, Partial<Want>?][] = [
    ["pinned_elsewhere", {}, { pins: ["S2" as Serial] }],
    ["model_not_served", { models: [] }],
    ["model_not_served", { models: [{ ...servedModel(), weightsSha256: "bb" }] }],
    ["untrusted", { distrustedUntilMs: 1 }],
    ["not_approved", { approval: "awaited" }],
    ["not_approved", { approval: "refused", failing: true }],
    ["evidence_failed", { failing: true, attestedUntilMs: never }],
    ["challenge_stale", { attestedUntilMs: never }],
    ["challenge_stale", { attestedUntilMs: -1 }],
    ["trust_below_minimum", { verdict: verdictOf("none") }],
    ["trust_below_minimum", {}, { minTrust: "hardware" }],
    ["draining", { draining: true }],
    ["context_too_small", { models: [{ ...servedModel(), contextTokens: 1024 }] }],
  ];
  it.each(rows)("%s", (gate, candidate, more = {}) => {
    expect(choose({ ...want, ...more }, [{ ...good, ...candidate }], none, 0, 0)).toEqual({ refused: { [gate]: 1 } });
  });

  it("already_tried", () => {
    expect(choose(want, [good], new Set([good.providerId]), 0, 0)).toEqual({ refused: { already_tried: 1 } });
  });

  it("counts every machine under its first gate", () => {
    const two = [
      { ...good, draining: true },
      { ...good, draining: true, distrustedUntilMs: 1 },
    ];
    expect(choose(want, two, none, 0, 0)).toEqual({ refused: { draining: 1, untrusted: 1 } });
  });

  it("serves a pinned machine, and no other", () => {
    const other = { ...good, providerId: "p2" as ProviderId, pins: ["S2" as Serial] };
    expect(choose({ ...want, pins: ["S2" as Serial] }, [good, other], none, 0, 0)).toEqual({ chosen: "p2" });
  });

  it("knows a machine by each of its names", () => {
    const named = { ...good, pins: ["S1", "PS-1"] as Serial[] };
    for (const pin of ["S1", "PS-1"] as Serial[])
      expect(choose({ ...want, pins: ["S9" as Serial, pin] }, [named], none, 0, 0)).toEqual({ chosen: "p1" });
  });
});

describe("choice", () => {
  /** Goal: who prefers their own machine gets it while it has a slot, however much better another is. Method: their own, slow, with and without a slot, beside a quick one; and who has no such wish. */
  it("takes one's own machine first where that is wanted", () => {
    const anna = "acct_anna" as AccountId;
    const rest = { promptMsPerByte: 0, decodeTokensPerSec: 100, measuredAtMs: 0 };
    const paceOf = (firstContentMs: number): PaceFigures => ({ ...rest, firstContentMs });
    const own = { ...good, owner: anna, pace: paceOf(5_000), providerId: "own" as ProviderId };
    const quick = { ...good, pace: paceOf(10), providerId: "quick" as ProviderId };
    const chosen = (more: Partial<Want>, mine: MachineView = own) =>
      choose({ ...want, account: anna, ...more }, [quick, mine], none, 0, 0.5);
    expect(chosen({ route: "prefer" })).toEqual({ chosen: "own" });
    expect(chosen({ route: "prefer" }, { ...own, running: own.slots })).toEqual({ chosen: "quick" });
    expect(chosen({ route: "prefer", account: "acct_otto" as AccountId })).toEqual({ chosen: "quick" });
    expect(chosen({})).toEqual({ chosen: "quick" });
    expect(chosen({ route: "self" })).toEqual({ chosen: "own" });
  });

  const other: MachineView = { ...good, providerId: "p2" as ProviderId, pins: ["S2" as Serial] };

  it("says full, not refused, where a machine could serve but has no slot", () => {
    expect(
      choose(
        want,
        [
          { ...good, running: 2 },
          { ...other, running: 2 },
        ],
        none,
        0,
        0,
      ),
    ).toEqual({ full: 2 });
  });

  const known: PaceFigures = {
    firstContentMs: 100,
    promptMsPerByte: 0.1,
    decodeTokensPerSec: 100,
    measuredAtMs: 0,
  };
  const measured = (more: Partial<PaceFigures> = {}, rest: Partial<MachineView> = {}): MachineView => ({
    ...good,
    ...rest,
    pace: { ...known, ...more },
  });
  const rival = measured({}, { providerId: "p2" as ProviderId, pins: ["S2" as Serial] });
  const long = { ...want, promptBytes: 50_000 };

  it.each<[string, MachineView, Want?]>([
    ["a slower one", measured({ decodeTokensPerSec: 30 })],
    ["one with a late first token", measured({ firstContentMs: 5_000 })],
    ["one that reads a long prompt slowly", measured({ promptMsPerByte: 0.5 }), long],
    ["a busier one", measured({}, { running: 1 })],
    ["one that failed just now", measured({}, { conduct: { ...blameless, faultsAtMs: [0] } })],
  ])("prefers another machine to %s", (_, worse, asked = want) => {
    for (const draw of [0, 0.5, 0.999]) expect(choose(asked, [worse, rival], none, 1, draw)).toEqual({ chosen: "p2" });
  });

  it.each<[string, MachineView]>([
    ["one as fast", measured()],
    ["one a little slower", measured({ decodeTokensPerSec: 90 })],
    ["one that was not measured", good],
    ["one that failed longer ago", measured({}, { conduct: { ...blameless, faultsAtMs: [-FAULT_LIFE_MS + 1] } })],
    ["one that reads long prompts slowly, for a short one", measured({ promptMsPerByte: 9 })],
  ])("draws between a machine and %s", (_, equal) => {
    expect(choose(want, [equal, rival], none, 1, 0.1)).toEqual({ chosen: "p1" });
    expect(choose(want, [equal, rival], none, 1, 0.99)).toEqual({ chosen: "p2" });
  });

  it("tries what was measured longest ago now and then, if that is long ago", () => {
    const slow = measured({ decodeTokensPerSec: 3 });
    const oldRival = { ...rival, pace: { ...rival.pace, measuredAtMs: 5_000 } };
    expect(choose(want, [slow, oldRival], none, 20_000, 0.01)).toEqual({ chosen: "p1" });
    expect(choose(want, [slow, oldRival], none, 19_999, 0.01)).toEqual({ chosen: "p2" });
    expect(choose(want, [slow, oldRival], none, 20_000, 0.06)).toEqual({ chosen: "p2" });
    expect(choose(want, [slow, oldRival], none, 20_000, 0.05)).toEqual({ chosen: "p2" });
    for (const both of [
      [slow, oldRival],
      [oldRival, slow],
    ])
      expect(choose(want, both, none, 40_000, 0.01)).toEqual({ chosen: "p1" });
    const failed = { ...slow, conduct: { ...blameless, faultsAtMs: [19_999] } };
    expect(choose(want, [failed, rival], none, 20_000, 0.01)).toEqual({ chosen: "p2" });
  });

  it("takes a machine that is shut out for its faults only where no other may serve, free or not", () => {
    const ejected = { ...good, conduct: { ...blameless, ejectedUntilMs: 1_000 } };
    expect(choose(want, [ejected, rival], none, 999, 0)).toEqual({ chosen: "p2" });
    expect(choose(want, [ejected, { ...rival, running: 2 }], none, 999, 0)).toEqual({ full: 1 });
    expect(choose(want, [ejected, { ...rival, draining: true }], none, 999, 0)).toEqual({ chosen: "p1" });
    expect(choose(want, [ejected, { ...rival, running: 2 }], none, 1_000, 0)).toEqual({ chosen: "p1" });
    expect(gateOf(want, ejected, 999)).toBe("ejected");
  });

  it("takes what is near where both are as good, and what is far where the way costs less than it gains", () => {
    const far = (roundTripMs: number) => ({ home: "coord_1" as CoordinatorId, roundTripMs });
    const here = measured({});
    const there = { ...rival, far: far(1) };
    for (const draw of [0.05, 0.5, 0.99])
      for (const both of [
        [here, there],
        [there, here],
      ])
        expect(choose(want, both, none, 1, draw)).toEqual({ chosen: "p1" });
    expect(choose(want, [{ ...here, running: 2 }, there], none, 1, 0.5)).toEqual({ chosen: "p2" });
    const slow = measured({ firstContentMs: 2_000 });
    expect(choose({ ...want, maxTokens: 10 }, [slow, there], none, 1, 0.5)).toEqual({ chosen: "p2" });
    const further = { ...rival, far: far(3_000) };
    expect(choose({ ...want, maxTokens: 10 }, [slow, further], none, 1, 0.5)).toEqual({ chosen: "p1" });
    const third = { ...there, providerId: "p3" as ProviderId };
    expect([0.1, 0.9].map((draw) => choose(want, [there, third], none, 1, draw))).toEqual([
      { chosen: "p2" },
      { chosen: "p3" },
    ]);
  });

  it("counts no more of an answer's bound than answers come to", () => {
    const slower = measured({ decodeTokensPerSec: 90 });
    // Beside what 100,000 tokens take, 600 ms more at the start would be nothing.
    const late = measured({ firstContentMs: 700 });
    for (const maxTokens of [256, 100_000])
      for (const [machine, expected] of [
        [slower, "p1"],
        [late, "p2"],
      ] as const)
        expect(choose({ ...want, maxTokens }, [machine, rival], none, 1, 0.1)).toEqual({ chosen: expected });
  });

  it("assumes of a machine that was not measured what the best of the others needs", () => {
    const late = { ...rival, pace: { ...rival.pace, firstContentMs: 5_000 } };
    for (const [draw, chosen] of [
      [0.1, "p1"],
      [0.99, "p2"],
    ] as const)
      expect(choose(want, [good, late], none, 1, draw)).toEqual({ chosen });
    // Where none was measured a fault still counts.
    const failed = { ...good, conduct: { ...blameless, faultsAtMs: [0] } };
    for (const draw of [0.1, 0.99]) expect(choose(want, [failed, other], none, 1, draw)).toEqual({ chosen: "p2" });
  });

  it.each([
    [200, "p1"],
    [201, "p2"],
  ] as const)("takes %d ms until the first content beside 100 for as good, or not: %s", (firstContentMs, chosen) => {
    const later = measured({ firstContentMs });
    expect(choose({ ...want, maxTokens: 10 }, [later, rival], none, 1, 0.1)).toEqual({ chosen });
  });

  it("holds a fault against a machine as fifteen seconds, no more", () => {
    const failed = measured({}, { conduct: { ...blameless, faultsAtMs: [0] } });
    const verySlow = { ...rival, pace: { ...rival.pace, firstContentMs: 40_000 } };
    expect(choose(want, [failed, verySlow], none, 1, 0.1)).toEqual({ chosen: "p1" });
  });

  it.each([-0.1, 1, Number.NaN])("takes no draw of %d", (draw) => {
    expect(() => choose(want, [good], none, 0, draw)).toThrow(/^draw /);
  });
});
