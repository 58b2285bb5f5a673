import type { Step, Verification } from "@darkbloom/client";
import { expect, it } from "vitest";
import { verdictOn } from "./receipt.ts";

const step = (id: string, status: Step["status"]): Step => ({
  id,
  status,
  claim: "",
  source: "verifier",
  seen: "",
  remedy: "",
});
const machine = {} as NonNullable<Verification["machine"]>;

/** Goal: no receipt is called good of which something failed. Method: one of each kind of step. */
it.each([
  ["holds", machine, [step("receipt.signature", "pass"), step("receipt.words", "unknown")]],
  ["holds", machine, [step("receipt.signature", "pass"), step("posture.secure_boot", "fail")]],
  ["false", machine, [step("receipt.signature", "fail")]],
  ["false", machine, [step("coordinator.key", "fail")]],
  ["false", undefined, [step("receipt.countersignature", "fail")]],
  ["alone", undefined, [step("receipt.signature", "pass"), step("machine.accepted", "fail")]],
  ["alone", machine, [step("receipt.signature", "pass"), step("machine.accepted", "fail")]],
] as const)("%s", (verdict, known, steps) => {
  expect(verdictOn({ steps, ...(known && { machine: known }) })).toBe(verdict);
});
