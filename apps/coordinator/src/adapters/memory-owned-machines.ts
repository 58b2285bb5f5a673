import type { Clock } from "@darkbloom/protocol/ports";
import { MachineOwners } from "../accounts/machine-owners.ts";
import type { OwnedMachine, OwnedMachines } from "../accounts/owned-machines.ts";

type Named = Pick<OwnedMachine, "account" | "machineId">;
const nameOf = ({ account, machineId }: Named): string => `${account} ${machineId}`;

/** Who owns which machine, with nothing behind it: for tests and networks in one process. */
export class MemoryOwnedMachines implements OwnedMachines {
  readonly #machines = new Map<string, OwnedMachine>();

  async list(): Promise<OwnedMachine[]> {
    return [...this.#machines.values()].toSorted((a, b) => a.createdAt - b.createdAt);
  }

  async put(machine: OwnedMachine): Promise<void> {
    for (const other of this.#machines.values())
      if (other.tokenHash === machine.tokenHash && nameOf(other) !== nameOf(machine))
        throw new RangeError("this token is known already");
    this.#machines.set(nameOf(machine), machine);
  }

  async show(machine: OwnedMachine): Promise<void> {
    const { tokenHash, provenAt, lastSeenAt } = machine;
    const there = this.#machines.get(nameOf(machine));
    if (there?.tokenHash === tokenHash) this.#machines.set(nameOf(machine), { ...there, provenAt, lastSeenAt });
  }

  async remove(machine: Named): Promise<void> {
    this.#machines.delete(nameOf(machine));
  }
}

export const ownersInMemory = (clock: Pick<Clock, "now">): MachineOwners =>
  new MachineOwners(new MemoryOwnedMachines(), clock);
