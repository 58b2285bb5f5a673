import type { ProviderId } from "@darkbloom/protocol/ids";
import { expect, it } from "vitest";
import type { MachineView, Member } from "./ports.ts";
import { Fleet } from "./fleet.ts";
import { SampleMember, servedModel } from "./members.samples.ts";

const idsOf = (fleet: Fleet) => fleet.machines().map(({ providerId }) => providerId);

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

/** Goal: a machine has one connection, and what it said by one of them is held against it on the others; the one that says so knows already. Method: three members, two with one key. */
it("tells the other connections of the same machine, and no other's", () => {
  const fleet = new Fleet(queueMicrotask);
  const old = new SampleMember(fleet, "old", {}, "key");
  const other = new SampleMember(fleet, "other", {}, "another key");
  const newer = new SampleMember(fleet, "newer", {}, "key");
  for (const member of [old, other, newer]) fleet.join(member);
  expect(fleet.isRecognised(newer)).toBe(false);
  fleet.takeOver(newer);
  expect([old, newer].map((member) => fleet.isRecognised(member))).toEqual([false, true]);
  expect([old, other, newer].map(({ wasReplaced }) => wasReplaced)).toEqual([true, false, false]);
  fleet.distrust(old);
  expect([old, other, newer].map(({ wasDistrusted }) => wasDistrusted)).toEqual([false, false, true]);
});

/** Goal: a decision reaches the machine that is meant, on each of its connections. Method: two of one machine, one of another. */
it("tells a machine of its operator's decision, and no other", () => {
  const fleet = new Fleet(queueMicrotask);
  const meant = `mach_${"1".repeat(32)}` as MachineView["machineId"];
  const members = ["p1", "p2", "p3"].map(
    (name, n) => new SampleMember(fleet, name, { approval: "awaited", ...(n < 2 && { machineId: meant }) }, name),
  );
  for (const member of members) fleet.join(member);
  fleet.decidedOn(meant);
  expect(fleet.machines().map(({ approval }) => approval)).toEqual(["given", "given", "awaited"]);
});

/** Goal: whoever watches is told once a turn of all that changed, and of nobody who is gone. Method: turns by hand. */
it("tells watchers once a turn of what changed", () => {
  const turns: (() => void)[] = [];
  const fleet = new Fleet((act) => void turns.push(act));
  const told: string[][] = [];
  const namesOf = (members: ReadonlySet<Member>) => Array.from(members, ({ providerId }) => providerId);
  const watch = fleet.watch((changed) => void told.push(namesOf(changed)));
  const endTurn = () => {
    for (const act of turns.splice(0)) act();
  };
  const [one, two, three] = ["p1", "p2", "p3"].map((name) => new SampleMember(fleet, name));
  if (!one || !two || !three) throw new Error("there are three");
  const [first] = [one, two].map((member) => fleet.join(member));
  one.become({ slots: 3 });
  three.become({ slots: 3 });
  expect([told, turns.length]).toEqual([[], 1]);
  endTurn();
  expect(told.splice(0)).toEqual([["p1", "p2"]]);

  one.become({});
  two.become({});
  first?.[Symbol.dispose]();
  one.become({ slots: 9 });
  fleet.tell();
  expect(told.splice(0)).toEqual([["p2"]]);
  endTurn();
  fleet.tell();
  expect(told).toEqual([]);
  expect([...fleet.membersFor("m-q8")]).toEqual([two]);

  // That somebody has left and that is all is told without a name.
  fleet.join(three)[Symbol.dispose]();
  endTurn();
  expect(told.splice(0)).toEqual([[]]);

  watch[Symbol.dispose]();
  two.become({});
  endTurn();
  expect(told).toEqual([]);
});

/** Goal: a machine is found by what it serves now, in the order in which machines came, and nothing is kept of what nobody serves. Method: machines that change what they serve, and leave. */
it("finds machines by the builds that they serve", () => {
  const fleet = new Fleet(queueMicrotask);
  const [m, other] = [[servedModel("m")], [servedModel("m"), servedModel("other")]];
  const [one, two] = [new SampleMember(fleet, "p1", { models: m }), new SampleMember(fleet, "p2", { models: other })];
  const [, left] = [one, two].map((member) => fleet.join(member));
  const found = (build: string) => Array.from(fleet.machinesFor(build), ({ providerId }) => providerId);
  expect([found("m-q8"), found("other-q8"), found("third-q8")]).toEqual([["p1", "p2"], ["p2"], []]);
  one.become({ running: 1 });
  expect(found("m-q8")).toEqual(["p1", "p2"]);
  two.become({ models: [servedModel("other")] });
  expect([found("m-q8"), found("other-q8")]).toEqual([["p1"], ["p2"]]);
  left?.[Symbol.dispose]();
  one.become({ models: [] });
  for (const build of ["m-q8", "other-q8"]) expect(fleet.membersFor(build)).toEqual([]);
});
