import { administer, adminNeeds } from "../admin.ts";
import { command } from "../command.ts";
import { outputOf } from "../output.ts";

export const machinesForgive = command({
  path: "machines forgive",
  does: "Hold nothing against a machine any longer, such as an answer that did not match its signature.",
  examples: ["machines forgive mach_0123456789abcdef0123456789abcdef --data .darkbloom"],
  needs: adminNeeds,
  operand: "SERIAL|ID",
  async run({ json, ...at }, which) {
    const { machineId, serial } = await administer(at, (admin) => admin.forgiveMachine(which));
    outputOf(json).result(
      { machine_id: machineId, serial },
      () => `Nothing is held against ${machineId}${serial === null ? "" : ` (${serial})`} any longer.`,
    );
    return 0;
  },
});
