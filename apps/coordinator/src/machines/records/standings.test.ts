import type { MachineId } from "@darkbloom/protocol/ids";
import { SimulatedClock } from "@darkbloom/testkit";
import { describe, expect, it } from "vitest";
import { MachineRecords } from "./records.ts";
import { afterChallenge, DISTRUST_MS, distrustedFor, freshStanding, isDistrusted, type Standing } from "./standing.ts";
import { GRIEVANCES_MAX, type Grievance } from "./standings.ts";

const id = "mach_1" as MachineId;
const refuted = (clock: SimulatedClock): Standing =>
  [1, 2, 3].reduce((standing) => afterChallenge(standing, "refuted", clock.monotonicMs()), freshStanding);

function recordsWith(known: readonly Grievance[] = []) {
  const clock = new SimulatedClock();
  const kept: Grievance[] = [];
  return { clock, kept, records: new MachineRecords(clock, known, (grievance) => void kept.push(grievance)) };
}

/** Goal: what a machine did outlasts the process; what it shows of itself is judged anew. Method: each standing, and what of it is kept. */
it.each<[held: string, standingAt: (clock: SimulatedClock) => Standing, why: Grievance["why"] | undefined]>([
  ["nothing", () => freshStanding, undefined],
  ["an answer that is not what it signed", () => distrustedFor(freshStanding, "answer"), "answer"],
  ["three proofs that did not hold", refuted, "challenge"],
  ["a protection that is off", () => distrustedFor(freshStanding, "posture"), undefined],
  ["another machine than it was", () => distrustedFor(freshStanding, "changed"), undefined],
])("of %s", async (_, standingAt, why) => {
  const { clock, kept, records } = recordsWith();
  await clock.advance(5_000);
  const standing = standingAt(clock);
  records.judged(id, standing);
  records.judged(id, standing);
  const untilAt = why === "challenge" ? clock.now() + DISTRUST_MS : null;
  expect(kept).toEqual(why ? [{ machineId: id, why, untilAt, sinceAt: clock.now() }] : []);
});

describe("a machine against which something is held", () => {
  const grievance = (more: Partial<Grievance> = {}): Grievance => ({
    machineId: id,
    why: "challenge",
    untilAt: new SimulatedClock().now() + 60_000,
    sinceAt: 0,
    ...more,
  });

  /** Goal: a restart forgets nothing, and no time is added. Method: the same grievance in a new process, before and after its end. */
  it.each([
    ["is distrusted", 59_999, true],
    ["is so no longer than was said", 60_000, false],
  ])("%s", async (_, afterMs, expected) => {
    const { clock, records } = recordsWith([grievance()]);
    const { standing } = records.open(id);
    expect(standing.distrust).toEqual({ why: "challenge", untilMs: clock.monotonicMs() + 60_000 });
    await clock.advance(afterMs);
    expect(isDistrusted(standing, clock.monotonicMs())).toBe(expected);
    expect(records.open("mach_2" as MachineId).standing).toEqual(freshStanding);
  });

  it("has nothing held against it once that is over", async () => {
    const { clock, records } = recordsWith([grievance()]);
    await clock.advance(60_000);
    expect(records.open(id).standing).toEqual(freshStanding);
  });

  it("is distrusted for good where nobody said until when", () => {
    const { records } = recordsWith([grievance({ why: "answer", untilAt: null })]);
    expect(records.open(id).standing.distrust).toEqual({ why: "answer", untilMs: Number.POSITIVE_INFINITY });
  });

  /** Goal: forgiven is forgiven, in this process and in the next; what it does then counts. Method: forgive, connect anew, lie again. */
  it("may be forgiven", () => {
    const { kept, records } = recordsWith([grievance({ why: "answer", untilAt: null })]);
    const record = records.open(id);
    records.forgive(id);
    expect(record.standing).toEqual(freshStanding);
    expect(records.open(id).standing).toEqual(freshStanding);
    records.judged(id, distrustedFor(freshStanding, "answer"));
    expect(kept).toHaveLength(1);
  });

  it("may be forgiven while it is away", () => {
    const { records } = recordsWith([grievance({ why: "answer", untilAt: null })]);
    records.forgive(id);
    expect(records.open(id).standing).toEqual(freshStanding);
  });

  /** Goal: a worse thing takes the place of a lesser one, and the same thing again after its end is kept again. Method: both in turn. */
  it("is kept for what it did last", async () => {
    const { clock, kept, records } = recordsWith();
    records.judged(id, refuted(clock));
    records.judged(id, distrustedFor(freshStanding, "answer"));
    expect(kept.map(({ why }) => why)).toEqual(["challenge", "answer"]);
    const other = recordsWith();
    other.records.judged(id, refuted(other.clock));
    await other.clock.advance(DISTRUST_MS);
    other.records.judged(id, refuted(other.clock));
    expect(other.kept).toHaveLength(2);
  });

  /** Goal: a standing whose time is over is none. Method: judged with it after its end. */
  it("is not kept for what is over", async () => {
    const { clock, kept, records } = recordsWith();
    const standing = refuted(clock);
    await clock.advance(DISTRUST_MS);
    records.judged(id, standing);
    expect(kept).toEqual([]);
  });
});

/** Goal: new identities are no way to fill the memory. Method: one more than may be remembered; the oldest goes. */
it("remembers so many grievances", () => {
  const { records } = recordsWith();
  const idOf = (n: number) => `mach_${n}` as MachineId;
  for (let n = 0; n <= GRIEVANCES_MAX; n++) records.judged(idOf(n), distrustedFor(freshStanding, "answer"));
  expect(records.open(idOf(0)).standing).toEqual(freshStanding);
  expect(records.open(idOf(1)).standing.distrust?.why).toBe("answer");
});
