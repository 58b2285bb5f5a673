import { checks } from "@darkbloom/protocol/evidence";
import type { BuildId, ModelId, Sha256Hex } from "@darkbloom/protocol/ids";
import type { Price } from "@darkbloom/protocol/money";
import { expect, it } from "vitest";
import { Catalog } from "../../catalog/catalog.ts";
import { idle, verdictOf } from "../members.samples.ts";
import { blameless } from "../records/conduct.ts";
import { freshStanding } from "../records/standing.ts";
import type { MachineView } from "../ports.ts";
import { remedyOf } from "./remedy.ts";
import { blockedBy } from "./serving.ts";

const weights = "1".repeat(64) as Sha256Hex;
const entry = {
  id: "tiny" as ModelId,
  build: "tiny-q8" as BuildId,
  weightsSha256: weights,
  displayName: "Tiny",
  contextTokens: 2048,
  maxOutputTokens: 1024,
  price: {} as Price,
  createdSec: 0,
};
const model = { build: "tiny-q8", weightsSha256: weights, contextTokens: 4096 };
const serving: MachineView = { ...idle, verdict: verdictOf("self_signed"), models: [model] };
const failed = checks.fail("blob.signature", "the signature is another's", "Start the provider again.");
const clock = { now: () => 0, monotonicMs: () => 0 };

/** Goal: whoever has a machine that does not earn reads what to do. Method: one machine for each gate that can keep it away, found by the gate itself. */
it.each([
  ["model_not_served", { models: [] }, "No model is loaded. Start the provider with --model."],
  ["context_too_small", { models: [{ ...model, contextTokens: 1 }] }, "Start the provider with --context"],
  ["trust_below_minimum", { verdict: verdictOf("none") }, "None, and this coordinator needs self_signed."],
  ["not_approved", { approval: "awaited" }, "'darkbloom machines approve"],
  ["ejected", { conduct: { ...blameless, ejectedUntilMs: 5_000 } }, "It serves again in 5 s"],
  [
    "evidence_failed",
    { failing: true, verdict: { ...verdictOf("none"), checks: [failed] } },
    "The signature is another's. Start the provider again.",
  ],
  ["untrusted", { distrustedUntilMs: Infinity }, "An answer did not match its own signature. Ask the coordinator's"],
  ["challenge_stale", { attestedUntilMs: -1 }, "3 challenges in a row were not answered. See that"],
  ["draining", { draining: true }, "Start it again"],
] as const)("says what mends %s", (gate, so: Partial<MachineView>, remedy) => {
  const machine = { ...serving, ...so };
  const floor = { minTrust: "self_signed", catalog: new Catalog([entry]) } as const;
  expect(blockedBy(machine, floor, 0)).toBe(gate);
  const standing = {
    ...freshStanding,
    ...(gate === "untrusted" && { distrust: { why: "answer", untilMs: Infinity } as const }),
    ...(gate === "challenge_stale" && { timeouts: 3 }),
  };
  expect(remedyOf(gate, machine, { clock, floor }, standing)).toContain(remedy);
});
