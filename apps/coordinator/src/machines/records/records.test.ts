import type { AccountId, MachineId } from "@darkbloom/protocol/ids";
import { SimulatedClock } from "@darkbloom/testkit";
import { describe, expect, it } from "vitest";
import { distrustedFor } from "./standing.ts";
import { UNFINISHED_SLOTS_MAX, UNKNOWN_SLOTS_MAX } from "./learnt-slots.ts";
import { conductOf, MachineRecords, newRecord, RECORDS_MAX, routedBy } from "./records.ts";

const idOf = (name: string) => name as MachineId;

/** Goal: what a machine did outlives its connection, within bounds. Method: connect anew, and as many others. */
describe("machines that are remembered", () => {
  it("are the same by whatever connection they come", () => {
    const records = new MachineRecords(new SimulatedClock());
    const record = records.open(idOf("key"));
    record.standing = distrustedFor(record.standing, "answer");
    record.conduct.faulted(0);
    expect(records.open(idOf("other")).standing.distrust).toBeUndefined();
    expect(records.open(idOf("key")).standing.distrust?.why).toBe("answer");
    expect(records.open(idOf("key")).conduct.figures.faultsAtMs).toHaveLength(1);
  });

  it("are so many at most, and the one that was away longest is forgotten", () => {
    const records = new MachineRecords(new SimulatedClock());
    for (const key of ["first", "second"]) records.open(idOf(key)).conduct.faulted(0);
    for (let n = 0; n < RECORDS_MAX - 2; n++) records.open(idOf(`key${n}`));
    records.open(idOf("first"));
    records.open(idOf("one more"));
    expect(records.open(idOf("first")).conduct.figures.faultsAtMs).toHaveLength(1);
    expect(records.open(idOf("second")).conduct.figures.faultsAtMs).toHaveLength(0);
  });
});

/** Goal: what another coordinator holds against a machine holds here too, once, whether it was here before or comes later; nothing that is over does. Method: one that is known, one that is not, and one whose time has passed. */
it("hold what another coordinator has against a machine", () => {
  const clock = new SimulatedClock();
  const records = new MachineRecords(clock);
  const known = records.open(idOf("known"));
  const sinceAt = clock.now();
  const grievance = { why: "answer", untilAt: sinceAt + 1_000, sinceAt } as const;
  expect(records.heard({ ...grievance, machineId: idOf("known") })).toBe(true);
  expect(records.heard({ ...grievance, machineId: idOf("known") })).toBe(false);
  expect(known.standing.distrust?.why).toBe("answer");
  expect(records.heard({ ...grievance, machineId: idOf("later") })).toBe(false);
  expect(records.open(idOf("later")).standing.distrust?.why).toBe("answer");
  expect(records.heard({ ...grievance, untilAt: sinceAt, machineId: idOf("over") })).toBe(false);
  expect(records.open(idOf("over")).standing.distrust).toBeUndefined();
});

function machine(besideAtStart = 0, runningNow = 1) {
  const record = newRecord();
  const clock = new SimulatedClock();
  const told: string[] = [];
  const line = conductOf(clock, record, besideAtStart, {
    running: () => runningNow,
    changed: () => void told.push("changed"),
    ejected: () => void told.push("ejected"),
  });
  return { record, clock, told, line };
}

/** Goal: routing is told of each change, and the owner where a machine is shut out. Method: three faults apart, then what it is given when it is back. */
it("counts faults, and gives one request at a time to whoever is back", async () => {
  const { record, clock, told, line } = machine();
  for (let n = 0; n < 3; n++) {
    line.faulted();
    await clock.advance(2_000);
  }
  expect(told).toEqual(["changed", "changed", "changed", "ejected"]);
  expect(routedBy(record, 4)).toMatchObject({ slots: 1, conduct: { isProbed: true } });
  for (let n = 0; n < 5; n++) line.measured();
  expect(routedBy(record, 4)).toMatchObject({ slots: 4, conduct: { isProbed: false } });
});

/** Goal: a machine that begins at once and then stalls holds no hundreds of callers, and few once it is shut out. Method: begun beside 200, with and without finished answers; then three faults. */
it("gives many slots for answers that end", async () => {
  const { record, clock, line } = machine(200, 200);
  line.began({ firstContentMs: 1, promptBytes: 10 });
  expect(routedBy(record, 1_024).slots).toBe(UNFINISHED_SLOTS_MAX);
  for (let n = 0; n < 400; n++) line.measured();
  line.began({ firstContentMs: 1, promptBytes: 10 });
  expect(routedBy(record, 1_024).slots).toBe(400);
  line.faulted();
  expect(routedBy(record, 1_024).slots).toBe(400);
  for (let n = 0; n < 4; n++) {
    await clock.advance(2_000);
    line.faulted();
  }
  for (let n = 0; n < 5; n++) line.measured();
  expect(routedBy(record, 1_024).slots).toBe(UNKNOWN_SLOTS_MAX);
});

/** Goal: how soon a machine begins is measured where company did not slow it. Method: begun in time and late, alone and beside others. */
it.each<[beside: number, firstContentMs: number, measured: number]>([
  [0, 100, 100],
  [1, 80, 90],
  [0, 10_000, 5_050],
  [1, 10_000, 100],
])("beside %i others, begun after %i ms: %i ms are expected", (beside, firstContentMs, measured) => {
  const { record, line } = machine(beside);
  record.pace.began({ firstContentMs: 100, promptBytes: 10 }, 0);
  line.began({ firstContentMs, promptBytes: 10 });
  expect(record.pace.figures.firstContentMs).toBe(measured);
});

/** Goal: only an answer whose bytes say it tells how fast a machine writes. Method: an answer with and without figures; a machine that is busy. */
it("keeps what answers say of speed, and what a busy machine says of slots", () => {
  const { record, line } = machine(2);
  line.measured();
  expect(record.pace.figures.decodeTokensPerSec).toBeUndefined();
  line.measured({ decodeMs: 1_000, relayedBytes: 20_000, isStream: true });
  expect(record.pace.figures.decodeTokensPerSec).toBe(100);
  line.wasBusy();
  expect(routedBy(record, 4)).toMatchObject({ slots: 2 });
  expect(record.conduct.figures.faultsAtMs).toHaveLength(1);
});

/** Goal: who takes nothing from anybody, and calls it no fault of its own, is shut out. Method: one caller again and again, then two more. */
it("shuts out a machine that declines what many callers send", () => {
  const { record, line } = machine(0);
  for (let time = 0; time < 10; time++) line.declined("ann" as AccountId);
  line.declined("bob" as AccountId);
  expect(record.conduct.figures.isProbed).toBe(false);
  line.declined("cid" as AccountId);
  expect(routedBy(record, 4)).toMatchObject({ slots: 1, conduct: { isProbed: true } });
});
