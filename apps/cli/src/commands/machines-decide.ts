import { ALL_MACHINES } from "@darkbloom/coordinator/admin/machines";
import { administer, adminNeeds } from "../admin.ts";
import { command } from "../command.ts";
import { outputOf, timeOf } from "../output.ts";

const SAMPLE_ID = "mach_0123456789abcdef0123456789abcdef";

const decideCommand = (path: string, state: "approved" | "refused", word: string, does: string, example: string) =>
  command({
    path,
    does,
    examples: [`${path} ${SAMPLE_ID} --data .darkbloom`, `${path} ${example}`],
    needs: adminNeeds,
    operand: "SERIAL|ID",
    async run({ json, ...at }, which) {
      const decisions = await administer(at, (admin) => admin.decideMachine(which, state));
      const output = outputOf(json);
      for (const { machineId, serial, decidedAt } of decisions)
        output.result(
          { machine_id: machineId, serial, state, decided_at: timeOf(decidedAt) },
          () => `${word} ${machineId}${serial === null ? "" : ` (${serial})`}.`,
        );
      if (decisions.length === 0 && !json) output.result({}, () => "No connected machine waits for a decision.");
      return 0;
    },
  });

export const machinesApprove = decideCommand(
  "machines approve",
  "approved",
  "Approved",
  `Let a machine serve, at once; '${ALL_MACHINES}' means every connected one that is not decided on.`,
  ALL_MACHINES,
);

export const machinesRefuse = decideCommand(
  "machines refuse",
  "refused",
  "Refused",
  "Give a machine no more requests, at once, whether or not the coordinator asks for approval.",
  "SW-0123456789AB",
);
