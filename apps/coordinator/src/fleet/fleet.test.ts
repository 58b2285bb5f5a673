import type { ProviderId } from "@darkbloom/protocol";
import { expect, it } from "vitest";
import { Fleet } from "./fleet.ts";
import { SampleMember } from "./members.samples.ts";

const idsOf = (fleet: Fleet) => fleet.candidates().map(({ providerId }) => providerId);

/** Goal: who is connected is known, and nobody else. Method: join, leave, and ask in between. */
it("knows a machine from its joining to its leaving", () => {
  const fleet = new Fleet(queueMicrotask);
  const one = new SampleMember(fleet, "p1");
  const joined = fleet.join(one);
  fleet.join(new SampleMember(fleet, "p2"));
  expect(idsOf(fleet)).toEqual(["p1", "p2"]);
  expect(fleet.get("p1" as ProviderId)).toBe(one);
  joined[Symbol.dispose]();
  expect(idsOf(fleet)).toEqual(["p2"]);
  expect(fleet.get("p1" as ProviderId)).toBeUndefined();
});

/** Goal: a machine has one connection. Method: three members, two with one key; the newer takes over. */
it("ends older connections of the same machine, and no other's", () => {
  const fleet = new Fleet(queueMicrotask);
  const old = new SampleMember(fleet, "old", {}, "key");
  const other = new SampleMember(fleet, "other", {}, "another key");
  const newer = new SampleMember(fleet, "newer", {}, "key");
  for (const member of [old, other, newer]) fleet.join(member);
  fleet.takeOver(newer);
  expect([old, other, newer].map(({ wasReplaced }) => wasReplaced)).toEqual([true, false, false]);
});
