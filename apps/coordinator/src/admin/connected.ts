import type { MachineId } from "@darkbloom/protocol/ids";
import type { SessionNet } from "../machines/connection/net.ts";
import { isAttested } from "../machines/eligibility.ts";
import type { Approvals, Decided } from "../machines/trust/approvals.ts";
import type { ConnectedMachines } from "./machines.ts";

/** What an operator has decided here, for whoever else hosts machines of this network. */
type Tell = (made: { readonly machineId: MachineId; readonly what: Decided | "forgiven" }) => void;

/** The machines of this coordinator, as its operator lists them and decides on them. */
export const connectedMachines = (
  { fleet, records, clock }: Pick<SessionNet, "fleet" | "records" | "clock">,
  approvals: Pick<Approvals, "decided">,
  tellOthers: Tell = () => undefined,
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
    tellOthers({ machineId: decision.machineId, what: decision.state });
  },
  forgiven(machineId) {
    records.forgive(machineId);
    fleet.decidedOn(machineId);
    tellOthers({ machineId, what: "forgiven" });
  },
});
