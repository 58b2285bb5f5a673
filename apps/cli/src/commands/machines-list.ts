import type { ListedMachine } from "@darkbloom/coordinator/admin/machines";
import { administer, adminNeeds } from "../admin.ts";
import { command } from "../command.ts";
import { columns, outputOf, timeOf } from "../output.ts";

const heads = ["MACHINE ID", "SERIAL", "STATE", "DECIDED", "HERE", "TRUST", "HELD AGAINST IT"];

export const machinesList = command({
  path: "machines list",
  does: "List the machines that are connected, were decided on, or have something held against them.",
  examples: ["machines list --data .darkbloom", "machines list --json"],
  needs: adminNeeds,
  async run({ json, ...at }) {
    const machines = await administer(at, (admin) => admin.listMachines());
    const output = outputOf(json);
    if (json) {
      for (const { machineId, serial, state, decidedAt, connected, attested, trustLevel, grievance } of machines)
        output.result(
          {
            machine_id: machineId,
            serial,
            state,
            decided_at: timeOf(decidedAt),
            connected,
            attested,
            trust_level: trustLevel,
            grievance: grievance && {
              why: grievance.why,
              until_at: timeOf(grievance.untilAt),
            },
          },
          () => "",
        );
      return 0;
    }
    const rows = machines.map(({ machineId, serial, state, decidedAt, connected, attested, trustLevel, grievance }) => [
      machineId,
      serial ?? "-",
      state,
      timeOf(decidedAt) ?? "-",
      connected ? (attested ? "yes" : "not attested") : "no",
      trustLevel ?? "-",
      grievance ? heldFor(grievance) : "-",
    ]);
    output.result({}, () =>
      rows.length === 0
        ? "No machine is connected, none was decided on, and nothing is held against any."
        : columns([heads, ...rows]),
    );
    return 0;
  },
});

const heldFor = ({ why, untilAt }: NonNullable<ListedMachine["grievance"]>): string =>
  `${why === "answer" ? "an answer that it had not signed so" : "proofs that did not hold"}${untilAt === null ? "" : `, until ${timeOf(untilAt)}`}`;
