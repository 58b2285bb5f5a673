import type { MachineId } from "@darkbloom/protocol/ids";
import { expect, it } from "vitest";
import type { Grievance, Standings } from "./standings.ts";

export const idOf = (n: number) => `mach_${String(n).padStart(32, "0")}` as MachineId;
export const held = (n: number, more: Partial<Grievance> = {}): Grievance => ({
  machineId: idOf(n),
  why: "answer",
  untilAt: null,
  sinceAt: n,
  ...more,
});

/** What any store of grievances must do. `open` gives a fresh one. */
export function standingsContract(name: string, open: () => Promise<Standings>): void {
  /** Goal: one grievance for each machine, oldest first, until it is forgiven. Method: write, change, forgive. */
  it(`keeps one grievance for each machine: ${name}`, async () => {
    const standings = await open();
    expect(await standings.list()).toEqual([]);
    await standings.put(held(1, { why: "challenge", untilAt: 1_000 }));
    await standings.put(held(2));
    expect(await standings.list()).toEqual([held(1, { why: "challenge", untilAt: 1_000 }), held(2)]);
    await standings.put(held(1, { sinceAt: 3 }));
    expect(await standings.list()).toEqual([held(2), held(1, { sinceAt: 3 })]);
    await standings.put(held(4, { sinceAt: 3 }));
    await standings.put(held(1, { sinceAt: 3 }));
    expect((await standings.list()).map(({ machineId }) => machineId)).toEqual([2, 4, 1].map(idOf));
    await standings.forgive(idOf(2));
    await standings.forgive(idOf(9));
    expect(await standings.list()).toEqual([held(4, { sinceAt: 3 }), held(1, { sinceAt: 3 })]);
  });
}
