import { administerExisting } from "../admin.ts";
import { command } from "../command.ts";
import { outputOf } from "../output.ts";

export const machinesForgive = command({
  path: "machines forgive",
  does: "Hold nothing against a machine any longer, such as an answer that did not match its signature.",
  examples: ["machines forgive mach_0123456789abcdef0123456789abcdef --data .darkbloom"],
  needs: { data: { default: ".darkbloom" }, database: "optional", json: { default: "false" } },
  operand: "SERIAL|ID",
  async run({ data, database, json }, which) {
    const { machineId, serial } = await administerExisting({ data, database }, (admin) => admin.forgiveMachine(which));
    outputOf(json).result(
      { machine_id: machineId, serial },
      () => `Nothing is held against ${machineId}${serial === null ? "" : ` (${serial})`} any longer.`,
    );
    return 0;
  },
});
