import type { Clock } from "@darkbloom/protocol/ports";
import type { Fleet } from "../machines/fleet.ts";
import { isAttested } from "../machines/eligibility.ts";
import type { Approvals } from "../machines/trust/approvals.ts";
import type { ConnectedMachines } from "./machines.ts";

/** The machines of this coordinator, as its operator lists them and decides on them. */
export const connectedMachines = (
  fleet: Fleet,
  approvals: Pick<Approvals, "decided">,
  clock: Pick<Clock, "monotonicMs">,
): ConnectedMachines => ({
  list: () =>
    fleet.machines().map((machine) => ({
      machineId: machine.machineId,
      serial: machine.serial,
      approval: machine.approval,
      attested: isAttested(machine, clock.monotonicMs()),
      trustLevel: machine.verdict.level,
    })),
  decided(decision) {
    approvals.decided(decision);
    fleet.approvalChanged(decision.machineId);
  },
});
