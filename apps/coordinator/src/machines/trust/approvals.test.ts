import { toBase64 } from "@darkbloom/protocol/bytes";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { expect, it } from "vitest";
import { Approvals, machineIdOf, machineIdShape, type Decided } from "./approvals.ts";
import type { Approval } from "../ports.ts";

const idOf = (name: string) => machineIdOf(nodeCrypto, toBase64(new TextEncoder().encode(name)));

/** Goal: an id names one key for good. Method: shape, a value that must not change, and another key. */
it("derives a machine's id from its identity key", () => {
  expect(idOf("one")).toMatch(machineIdShape);
  expect(idOf("one")).toBe(idOf("one"));
  expect(idOf("other")).not.toBe(idOf("one"));
});

/** Goal: who may serve. Method: every decision, with and without the need for one. */
it.each<[needed: boolean, decided: Decided | undefined, expected: Approval]>([
  [false, undefined, "given"],
  [false, "approved", "given"],
  [false, "refused", "refused"],
  [true, undefined, "awaited"],
  [true, "approved", "given"],
  [true, "refused", "refused"],
])("where approval is needed: %s, a machine %s is %s", (isNeeded, state, expected) => {
  const machineId = idOf("one");
  const kept = state ? [{ machineId, serial: null, state, decidedAt: 0 }] : [];
  expect(new Approvals(isNeeded, kept).of(machineId)).toBe(expected);
  const later = new Approvals(isNeeded);
  if (state) later.decided({ machineId, state });
  expect(later.of(machineId)).toBe(expected);
  expect(later.of(idOf("other"))).toBe(isNeeded ? "awaited" : "given");
});
