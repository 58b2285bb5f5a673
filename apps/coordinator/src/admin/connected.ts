import type { Clock } from "@darkbloom/protocol/ports";
import type { Fleet } from "../machines/fleet.ts";
import type { Approvals } from "../machines/trust/approvals.ts";
import type { ConnectedMachines } from "./machines.ts";

/** The machines of this coordinator, as its operator lists them and decides on them. */
export const connectedMachines = (
  fleet: Fleet,
  approvals: Pick<Approvals, "decided">,
  clock: Pick<Clock, "monotonicMs">,
): ConnectedMachines => ({
  list: () =>
    fleet.members().map((member) => {
      const { machineId, approval, attestedUntilMs, trustLevel } = member.candidate();
      return {
        machineId,
        serial: member.view().serial,
        approval,
        attested: clock.monotonicMs() <= attestedUntilMs,
        trustLevel,
      };
    }),
  decided(decision) {
    approvals.decided(decision);
    fleet.approvalChanged(decision.machineId);
  },
});
