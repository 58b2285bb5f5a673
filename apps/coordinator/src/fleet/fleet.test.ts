import type { ProviderId } from "@darkbloom/protocol";
import { expect, it } from "vitest";
import type { Candidate } from "../routing/eligibility.ts";
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

/** Goal: a decision reaches the machine that is meant, on each of its connections. Method: two of one machine, one of another. */
it("tells a machine of its operator's decision, and no other", () => {
  const fleet = new Fleet(queueMicrotask);
  const meant = `mach_${"1".repeat(32)}` as Candidate["machineId"];
  const members = ["p1", "p2", "p3"].map(
    (name, n) => new SampleMember(fleet, name, { approval: "awaited", ...(n < 2 && { machineId: meant }) }, name),
  );
  for (const member of members) fleet.join(member);
  fleet.approvalChanged(meant);
  expect(fleet.candidates().map(({ approval }) => approval)).toEqual(["given", "given", "awaited"]);
});
