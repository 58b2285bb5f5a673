import type { ProviderId, Sha256Hex } from "@darkbloom/protocol/ids";
import { describe, expect, it } from "vitest";
import { gateOf, type Want } from "../machines/eligibility.ts";
import { idle, wantOf } from "../machines/members.samples.ts";
import type { MachineView } from "../machines/ports.ts";
import { refuseWhereOthersCould } from "./candidates.ts";

const NOW_MS = 1000;
const evidence = "e".repeat(64) as Sha256Hex;
const machine = (name: string, more: Partial<MachineView> = {}): MachineView => ({
  ...idle,
  providerId: name as ProviderId,
  openers: [
    { evidenceSha256: evidence, keyId: "new", untilMs: Infinity },
    { evidenceSha256: "f".repeat(64) as Sha256Hex, keyId: "old", untilMs: NOW_MS },
  ],
  ...more,
});
const naming = (...names: string[]): Want =>
  wantOf("m", { candidates: names.map((providerId) => ({ providerId, keyId: "new", evidenceSha256: evidence })) });
const full = { running: 2 };

describe("the gate of candidates", () => {
  it.each<[what: string, candidate: Partial<NonNullable<Want["candidates"]>[number]>, nowMs: number, opens: boolean]>([
    ["as it is shown", {}, NOW_MS, true],
    ["of another machine", { providerId: "b" }, NOW_MS, false],
    ["by another key", { keyId: "other" }, NOW_MS, false],
    ["by a key of other evidence", { keyId: "old" }, NOW_MS, false],
    ["by its former evidence", { keyId: "old", evidenceSha256: "f".repeat(64) }, NOW_MS, true],
    ["by evidence that was replaced too long ago", { keyId: "old", evidenceSha256: "f".repeat(64) }, NOW_MS + 1, false],
  ])("lets in who can open it: %s", (_, candidate, nowMs, opens) => {
    const candidates = [{ providerId: "a", keyId: "new", evidenceSha256: evidence, ...candidate }];
    expect(gateOf(wantOf("m", { candidates }), machine("a"), nowMs)).toBe(opens ? undefined : "not_a_candidate");
  });
  it("is open for what nobody sealed", () => {
    expect(gateOf(wantOf("m"), machine("a", { openers: [] }), NOW_MS)).toBeUndefined();
  });
});

describe("a request is sent back", () => {
  const tried = (...names: string[]) => new Set(names as ProviderId[]);
  it.each<[what: string, want: Want, machines: MachineView[], tried: ReadonlySet<ProviderId>, others: number]>([
    ["not where one that is named is free", naming("a"), [machine("a"), machine("b")], tried(), 0],
    ["where none of them is there", naming("gone"), [machine("a"), machine("b")], tried(), 2],
    ["where those were tried", naming("a"), [machine("a"), machine("b")], tried("a"), 1],
    ["where they are full and another is not", naming("a"), [machine("a", full), machine("b")], tried(), 1],
    ["not where all are full", naming("a"), [machine("a", full), machine("b", full)], tried(), 0],
    ["where none of them is there and others are full", naming("gone"), [machine("b", full)], tried(), 1],
    ["not where there is nobody else", naming("gone"), [], tried(), 0],
    ["not where nobody sealed it", wantOf("m"), [machine("b")], tried("a"), 0],
  ])("%s", (_, want, machines, already, others) => {
    const act = () => refuseWhereOthersCould(want, () => machines, NOW_MS, already);
    if (others === 0) expect(act).not.toThrow();
    else expect(act).toThrow(expect.objectContaining({ failure: { code: "no_candidate", model: "m", others } }));
  });
});
