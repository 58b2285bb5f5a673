import type { MachineId, Serial } from "@darkbloom/protocol/ids";
import { expect, it } from "vitest";
import type { Decisions } from "./approvals.ts";

/** What any store of decisions must do. `open` gives a fresh one. */
export function decisionsContract(name: string, open: () => Promise<Decisions>): void {
  /** Goal: the latest decision on each machine stands, under the name that was known last. Method: decide, and decide anew without a name. */
  it(`keeps the latest decision on each machine: ${name}`, async () => {
    const decisions = await open();
    const [machineId, second] = ["1", "2"].map((digit) => `mach_${digit.repeat(32)}` as MachineId) as [
      MachineId,
      MachineId,
    ];
    const serial = "SW-1" as Serial;
    expect(await decisions.list()).toEqual([]);
    await decisions.put({ machineId, serial, state: "approved", decidedAt: 1 });
    await decisions.put({ machineId: second, serial: null, state: "refused", decidedAt: 1 });
    expect((await decisions.list()).map((one) => one.machineId)).toEqual([machineId, second]);
    await decisions.put({ machineId: second, serial, state: "refused", decidedAt: 2 });
    await decisions.put({ machineId, serial: null, state: "refused", decidedAt: 3 });
    expect(await decisions.list()).toEqual([
      { machineId: second, serial, state: "refused", decidedAt: 2 },
      { machineId, serial, state: "refused", decidedAt: 3 },
    ]);
  });
}
