import {
  microUsd,
  type BuildId,
  type Gate,
  type ModelId,
  type ProviderId,
  type Serial,
  type Sha256Hex,
} from "@darkbloom/protocol";
import { describe, expect, it } from "vitest";
import { choose, costMs, type Candidate, type Want } from "./choose.ts";

const entry = {
  id: "m" as ModelId,
  build: "m-q8" as BuildId,
  weightsSha256: "aa" as Sha256Hex,
  displayName: "M",
  contextTokens: 2048,
  maxOutputTokens: 2048,
  price: { inputPerMtok: microUsd(1n), outputPerMtok: microUsd(1n), cachedInputPerMtok: microUsd(1n) },
  createdSec: 0,
};
const want: Want = { entry, pins: [], minTrust: "self_signed", maxTokens: 100 };
const good: Candidate = {
  providerId: "p1" as ProviderId,
  pins: ["S1" as Serial],
  trustLevel: "self_signed",
  attested: true,
  failing: false,
  distrusted: false,
  draining: false,
  models: [{ build: "m-q8", weightsSha256: "aa", contextTokens: 2048 }],
  slots: 2,
  running: 0,
  recentFaults: 0,
  decodeTokensPerSec: undefined,
  firstContentMs: undefined,
};
const none: ReadonlySet<ProviderId> = new Set();

/** Goal: each gate shuts a machine out by its own name. Method: break one thing of a good machine per row. */
describe("gates", () => {
  const rows: [Gate, Partial<Candidate>, Partial<Want>?][] = [
    ["pinned_elsewhere", {}, { pins: ["S2" as Serial] }],
    ["model_not_served", { models: [] }],
    ["model_not_served", { models: [{ build: "m-q8", weightsSha256: "bb", contextTokens: 2048 }] }],
    ["untrusted", { distrusted: true }],
    ["evidence_failed", { failing: true, attested: false }],
    ["challenge_stale", { attested: false }],
    ["trust_below_minimum", { trustLevel: "none" }],
    ["trust_below_minimum", {}, { minTrust: "hardware" }],
    ["draining", { draining: true }],
    ["context_too_small", { models: [{ build: "m-q8", weightsSha256: "aa", contextTokens: 1024 }] }],
  ];
  it.each(rows)("%s", (gate, candidate, more = {}) => {
    expect(choose({ ...want, ...more }, [{ ...good, ...candidate }], none, 0)).toEqual({ refused: { [gate]: 1 } });
  });

  it("already_tried", () => {
    expect(choose(want, [good], new Set([good.providerId]), 0)).toEqual({ refused: { already_tried: 1 } });
  });

  it("counts every machine under its first gate", () => {
    const two = [
      { ...good, draining: true },
      { ...good, draining: true, distrusted: true },
    ];
    expect(choose(want, two, none, 0)).toEqual({ refused: { draining: 1, untrusted: 1 } });
  });

  it("serves a pinned machine, and no other", () => {
    const other = { ...good, providerId: "p2" as ProviderId, pins: ["S2" as Serial] };
    expect(choose({ ...want, pins: ["S2" as Serial] }, [good, other], none, 0)).toEqual({ chosen: "p2" });
  });

  it("knows a machine by each of its names", () => {
    const named = { ...good, pins: ["S1", "PS-1"] as Serial[] };
    for (const pin of ["S1", "PS-1"] as Serial[])
      expect(choose({ ...want, pins: ["S9" as Serial, pin] }, [named], none, 0)).toEqual({ chosen: "p1" });
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
      ),
    ).toEqual({ full: 2 });
  });

  it.each<[string, Partial<Candidate>]>([
    ["a slower one", { decodeTokensPerSec: 4 }],
    ["one with a late first token", { firstContentMs: 5_000 }],
    ["a busier one", { running: 1, decodeTokensPerSec: 20 }],
    ["one that failed just now", { recentFaults: 1 }],
  ])("prefers another machine to %s", (_, worse) => {
    for (const draw of [0, 0.5, 0.999])
      expect(choose(want, [{ ...good, ...worse }, other], none, draw)).toEqual({ chosen: "p2" });
  });

  it("draws among equals", () => {
    expect(choose(want, [good, other], none, 0)).toEqual({ chosen: "p1" });
    expect(choose(want, [good, other], none, 0.99)).toEqual({ chosen: "p2" });
  });

  it("costs more the more runs beside", () => {
    expect(costMs(want, { ...good, running: 1 })).toBeGreaterThan(costMs(want, good));
  });
});
