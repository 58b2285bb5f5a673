import type { AccountId, CoordinatorId, JobId, ProviderId } from "@darkbloom/protocol/ids";
import { seededRandom, SimulatedClock } from "@darkbloom/testkit";
import { expect, it } from "vitest";
import { Fleet } from "./fleet.ts";
import { SampleMember, wantOf } from "./members.samples.ts";
import type { MachineView } from "./ports.ts";
import { Slots, type SlotRequest } from "./slots.ts";

const elsewhere = "coord_1" as CoordinatorId;
const far = { home: elsewhere, roundTripMs: 1 };

/** A fleet whose free slots are kept for others while `held` says so. */
function net(heldUntilMs: (machine: MachineView, sinceMs: number) => number | undefined = () => undefined) {
  const clock = new SimulatedClock();
  const fleet = new Fleet(queueMicrotask);
  const saw: ProviderId[] = [];
  const turns = { saw: ({ providerId }: MachineView) => void saw.push(providerId), heldUntilMs };
  const slots = new Slots(fleet, clock, seededRandom(1), turns);
  let job = 0;
  const asking = (more: Partial<SlotRequest> = {}): Promise<string> =>
    slots
      .acquire({
        want: wantOf(),
        tried: new Set(),
        jobId: `job_${job++}` as JobId,
        account: "a" as AccountId,
        bytes: 1,
        ...more,
      })
      .then(
        ({ providerId }) => providerId,
        () => "none",
      );
  return { clock, fleet, slots, saw, asking };
}

/** Goal: a slot that is kept for somebody elsewhere is none for who has just come, and is looked at again by itself. Method: one free machine, kept for a while. */
it("waits for a slot that is kept for somebody else, until it is not", async () => {
  const { clock, fleet, slots, saw, asking } = net(() => (clock.monotonicMs() < 150 ? 150 : undefined));
  fleet.join(new SampleMember(fleet, "p1", { slots: 1 }));
  const waiting = asking();
  await clock.advance(149);
  expect([slots.waiting, saw]).toEqual([1, ["p1"]]);
  await clock.advance(1);
  expect([slots.waiting, await waiting, saw]).toEqual([0, "p1", ["p1"]]);
});

/** Goal: a slot is kept by how long somebody has waited. Method: two who wait for a full machine, of whom one may have it. */
it("gives a slot to who may have it, and keeps it from who may not", async () => {
  const { clock, fleet, slots, asking } = net((_, sinceMs) =>
    sinceMs > 1_000 ? clock.monotonicMs() + 60_000 : undefined,
  );
  const machine = new SampleMember(fleet, "p1", { slots: 1 });
  fleet.join(machine);
  await asking();
  await clock.advance(1_000);
  const older = asking({ account: "b" as AccountId });
  await clock.advance(1_000);
  const younger = asking();
  expect(slots.waiting).toBe(2);
  machine.close(machine.lines[0] ?? ("" as JobId));
  await clock.advance(0);
  expect([await older, slots.waiting]).toEqual(["p1", 1]);
  machine.close(machine.lines[0] ?? ("" as JobId));
  expect(await clock.until(younger, 30_000)).toBe("none");
});

/** Goal: others hear for which of their machines somebody waits here, and since when; of nobody else's, and of none that could not serve them. Method: three who wait, for machines here, there and at a third coordinator. */
it("tells for which far machines somebody waits, and since when", async () => {
  const { clock, fleet, slots, asking } = net();
  const full = { slots: 1, running: 1 };
  fleet.join(new SampleMember(fleet, "near", full));
  fleet.join(new SampleMember(fleet, "far", { ...full, far }));
  fleet.join(new SampleMember(fleet, "draining", { ...full, far, draining: true }));
  fleet.join(new SampleMember(fleet, "third", { ...full, far: { ...far, home: "coord_2" as CoordinatorId } }));
  expect([...slots.waitsAt(elsewhere)]).toEqual([]);
  const tried: ReadonlySet<ProviderId> = new Set(["far" as ProviderId]);
  void asking({ tried });
  await clock.advance(500);
  void asking();
  await clock.advance(500);
  void asking();
  expect(slots.waiting).toBe(3);
  expect([...slots.waitsAt(elsewhere)]).toEqual([["far", 500]]);
  expect([...slots.waitsAt("coord_2" as CoordinatorId)]).toEqual([["third", 0]]);
});
