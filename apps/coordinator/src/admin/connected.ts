import type { SessionNet } from "../machines/connection/net.ts";
import { isAttested } from "../machines/eligibility.ts";
import type { Approvals } from "../machines/trust/approvals.ts";
import type { ConnectedMachines } from "./machines.ts";

/** The machines of this coordinator, as its operator lists them and decides on them. */
export const connectedMachines = (
  { fleet, records, clock }: Pick<SessionNet, "fleet" | "records" | "clock">,
  approvals: Pick<Approvals, "decided">,
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
    fleet.decidedOn(decision.machineId);
  },
  forgiven(machineId) {
    records.forgive(machineId);
    fleet.decidedOn(machineId);
  },
});
