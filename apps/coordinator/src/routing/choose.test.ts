import type { Gate, ProviderId, Serial } from "@darkbloom/protocol";
import { describe, expect, it } from "vitest";
import { idle, servedModel, wantOf } from "../fleet/members.samples.ts";
import { unmeasured, type PaceFigures } from "../fleet/pace.ts";
import { choose, costMs } from "./choose.ts";
import type { Candidate, Want } from "./eligibility.ts";

const want = wantOf();
const good = idle;
const never = Number.NEGATIVE_INFINITY;
const none: ReadonlySet<ProviderId> = new Set();

/** Goal: each gate shuts a machine out by its own name. Method: break one thing of a good machine per row. */
describe("gates", () => {
  const rows: [Gate, Partial<Candidate>, Partial<Want>?][] = [
    ["pinned_elsewhere", {}, { pins: ["S2" as Serial] }],
    ["model_not_served", { models: [] }],
    ["model_not_served", { models: [{ ...servedModel(), weightsSha256: "bb" }] }],
    ["untrusted", { distrustedUntilMs: 1 }],
    ["evidence_failed", { failing: true, attestedUntilMs: never }],
    ["challenge_stale", { attestedUntilMs: never }],
    ["challenge_stale", { attestedUntilMs: -1 }],
    ["trust_below_minimum", { trustLevel: "none" }],
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
  const other: Candidate = { ...good, providerId: "p2" as ProviderId, pins: ["S2" as Serial] };

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

  it.each<[string, Partial<PaceFigures>, Partial<Candidate>?]>([
    ["a slower one", { decodeTokensPerSec: 4 }],
    ["one with a late first token", { firstContentMs: 5_000 }],
    ["a busier one", { decodeTokensPerSec: 20 }, { running: 1 }],
    ["one that failed just now", { faultsAtMs: [0] }],
  ])("prefers another machine to %s", (_, pace, more) => {
    const worse = { ...good, ...more, pace: { ...unmeasured, ...pace } };
    for (const draw of [0, 0.5, 0.999]) expect(choose(want, [worse, other], none, 0, draw)).toEqual({ chosen: "p2" });
  });

  it("draws among equals", () => {
    expect(choose(want, [good, other], none, 0, 0)).toEqual({ chosen: "p1" });
    expect(choose(want, [good, other], none, 0, 0.99)).toEqual({ chosen: "p2" });
  });

  it("costs more the more runs beside", () => {
    expect(costMs(want, { ...good, running: 1 }, 0)).toBeGreaterThan(costMs(want, good, 0));
  });
});
