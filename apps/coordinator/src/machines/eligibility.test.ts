import type { Gate } from "@darkbloom/protocol/failures";
import type { AccountId, ProviderId, Serial, Sha256Hex } from "@darkbloom/protocol/ids";
import { expect, it } from "vitest";
import { blameless } from "./records/conduct.ts";
import { idle, servedModel, verdictOf, wantOf } from "./members.samples.ts";
import { eligibleFor, gateOf, isSeen, isShutBy, type Want } from "./eligibility.ts";
import type { MachineView } from "./ports.ts";

const want = wantOf();
const NOW_MS = 1_000;
const opener: MachineView["openers"][number] = {
  evidenceSha256: "e".repeat(64) as Sha256Hex,
  keyId: "key",
  untilMs: NOW_MS,
};
const named = { providerId: idle.providerId, keyId: "key", evidenceSha256: opener.evidenceSha256 };
const [anna, otto] = ["acct_anna" as AccountId, "acct_otto" as AccountId];
const ejected = { conduct: { ...blameless, ejectedUntilMs: NOW_MS + 1 } };

/** Goal: each gate shuts at its bound, and not before. Method: one thing of a good machine per row, on both sides. */
it.each<[Gate | undefined, Partial<MachineView>, Partial<Want>?]>([
  [undefined, {}],
  ["pinned_elsewhere", {}, { pins: ["S2" as Serial] }],
  ["not_a_candidate", {}, { candidates: [] }],
  ["not_a_candidate", {}, { candidates: [named] }],
  [undefined, { openers: [opener] }, { candidates: [named] }],
  [undefined, { openers: [opener] }, { candidates: [{ ...named, keyId: "gone" }, named] }],
  ["not_a_candidate", { openers: [opener] }, { candidates: [{ ...named, providerId: "p2" }] }],
  ["not_a_candidate", { openers: [opener] }, { candidates: [{ ...named, keyId: "gone" }] }],
  ["not_a_candidate", { openers: [opener] }, { candidates: [{ ...named, evidenceSha256: "f" }] }],
  ["not_a_candidate", { openers: [{ ...opener, untilMs: NOW_MS - 1 }] }, { candidates: [named] }],
  ["model_not_served", { models: [] }],
  ["model_not_served", { models: [{ ...servedModel(), weightsSha256: "bb" }] }],
  ["model_not_served", { models: [{ ...servedModel(), build: "other" }] }],
  ["model_not_served", {}, { task: "embed" }],
  [undefined, {}, { task: "generate" }],
  [undefined, { models: [{ ...servedModel(), tasks: ["embed"] }] }],
  [undefined, { models: [{ ...servedModel(), tasks: ["embed"] }] }, { task: "embed" }],
  ["model_not_served", { models: [{ ...servedModel(), tasks: ["embed"] }] }, { task: "generate" }],
  ["not_own", { owner: anna }, { route: "self" }],
  ["not_own", { owner: anna }, { route: "self", account: otto }],
  ["not_own", {}, { route: "self", account: otto }],
  [undefined, { owner: anna }, { route: "self", account: anna }],
  [undefined, { owner: otto }, { route: "prefer", account: anna }],
  ["owner_only", { owner: anna, ownerOnly: true }],
  ["owner_only", { owner: anna, ownerOnly: true }, { account: otto, route: "prefer" }],
  ["owner_only", { ownerOnly: true }, { account: anna }],
  [undefined, { owner: anna, ownerOnly: true }, { account: anna }],
  ["untrusted", { distrustedUntilMs: NOW_MS + 1 }],
  [undefined, { distrustedUntilMs: NOW_MS }],
  ["not_approved", { approval: "awaited" }],
  ["not_approved", { approval: "refused" }],
  ["evidence_failed", { failing: true }],
  ["challenge_stale", { attestedUntilMs: NOW_MS - 1 }],
  [undefined, { attestedUntilMs: NOW_MS }],
  ["trust_below_minimum", { verdict: verdictOf("none") }],
  ["draining", { draining: true }],
  ["context_too_small", { models: [{ ...servedModel(), contextTokens: 2047 }] }],
  [undefined, { models: [{ ...servedModel(), contextTokens: 2048 }] }],
  ["ejected", ejected],
  [undefined, { conduct: { ...blameless, ejectedUntilMs: NOW_MS } }],
])("%s", (gate, candidate, more = {}) => {
  const machine = { ...idle, ...candidate };
  expect(gateOf({ ...want, ...more }, machine, NOW_MS)).toBe(gate);
  if (gate) expect(isShutBy(gate, { ...want, ...more }, machine, NOW_MS)).toBe(true);
});

/** Goal: one gate can be asked alone. Method: a machine without the model, of whose context nothing is known. */
it("holds no context against a machine that has not the model", () => {
  expect(isShutBy("context_too_small", want, { ...idle, models: [] }, NOW_MS)).toBe(false);
});

/** Goal: faults alone never leave a request without a machine. Method: each mix of good, failing and shut out. */
it("takes those left out for faults, and no others, where nobody else may serve", () => {
  const failing = { ...idle, ...ejected, providerId: "p2" as ProviderId };
  const away = { ...idle, draining: true, providerId: "p3" as ProviderId };
  const eligible = (...machines: MachineView[]) => eligibleFor(want, machines, NOW_MS);
  expect(eligible(idle, failing, away)).toEqual({ machines: [idle], refused: { ejected: 1, draining: 1 } });
  expect(eligible(failing, away)).toEqual({ machines: [failing], refused: { ejected: 1, draining: 1 } });
  expect(eligible(away)).toEqual({ machines: [], refused: { draining: 1 } });
});

/** Goal: a machine that serves its owner alone is not there for others, not even as a number. Method: one that is, asked for by nobody, by another account and by its owner. */
it("tells nobody but its owner of a machine that is its owner's alone", () => {
  const hidden = { ...idle, owner: anna, ownerOnly: true, draining: true };
  const told = (account?: AccountId) => [
    isSeen(hidden, account),
    eligibleFor({ ...want, account }, [hidden], NOW_MS).refused,
  ];
  expect(told()).toEqual([false, {}]);
  expect(told(otto)).toEqual([false, {}]);
  expect(told(anna)).toEqual([true, { draining: 1 }]);
});
