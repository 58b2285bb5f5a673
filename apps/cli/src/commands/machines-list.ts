import { administerExisting } from "../admin.ts";
import { command } from "../command.ts";
import { columns, outputOf } from "../output.ts";

const heads = ["MACHINE ID", "SERIAL", "STATE", "DECIDED", "HERE", "TRUST"];

export const machinesList = command({
  path: "machines list",
  does: "List the machines that are connected or were decided on.",
  examples: ["machines list --data .darkbloom", "machines list --json"],
  needs: { data: { default: ".darkbloom" }, json: { default: "false" } },
  async run({ data, json }) {
    const machines = await administerExisting(data, (admin) => admin.listMachines());
    const output = outputOf(json);
    if (json) {
      for (const { machineId, serial, state, decidedAt, connected, attested, trustLevel } of machines)
        output.result(
          {
            machine_id: machineId,
            serial,
            state,
            decided_at: decidedAt === null ? null : timeOf(decidedAt),
            connected,
            attested,
            trust_level: trustLevel,
          },
          () => "",
        );
      return 0;
    }
    const rows = machines.map(({ machineId, serial, state, decidedAt, connected, attested, trustLevel }) => [
      machineId,
      serial ?? "-",
      state,
      decidedAt === null ? "-" : timeOf(decidedAt),
      connected ? (attested ? "yes" : "not attested") : "no",
      trustLevel ?? "-",
    ]);
    output.result({}, () =>
      rows.length === 0 ? "No machine is connected, and none was decided on." : columns([heads, ...rows]),
    );
    return 0;
  },
});

const timeOf = (at: number): string => new Date(at).toISOString();
