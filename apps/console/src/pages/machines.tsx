import { SegmentedControl, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Level } from "../parts/badges.tsx";
import { anyText, oneOf, useFilters } from "../parts/filters.ts";
import { Page, Panel } from "../parts/page.tsx";
import { Rows, type Column } from "../parts/rows.tsx";
import { Asked, Empty } from "../parts/states.tsx";
import { Twice } from "../parts/twice.tsx";
import { Grievance, Name, Presence, State } from "./machines/cells.tsx";
import { MachineDrawer } from "./machines/machine-drawer.tsx";
import { decidedQuery, useApproveAll, type Decided } from "./machines/machines-of.ts";
import { networkQuery } from "./network/machines.ts";
import classes from "./machines/machines.module.css";

const readers = { show: oneOf("all", "undecided", "refused", "held"), find: anyText, machine: anyText };

/** The machines that an operator decides on. */
export default function Machines(): ReactNode {
  const query = useQuery(decidedQuery);
  const [filters, change] = useFilters(readers);
  const modelsOf = useModels();
  const undecided = query.data?.filter(({ state, attested }) => state === "undecided" && attested) ?? [];
  const open = query.data?.find(({ machine_id }) => machine_id === filters.machine);
  const columns: readonly Column<Decided>[] = [
    { name: "Machine", isName: true, cell: (machine) => <Name machine={machine} /> },
    { name: "Here", cell: (machine) => <Presence machine={machine} /> },
    { name: "Level", cell: ({ trust_level }) => trust_level && <Level level={trust_level} /> },
    { name: "Models", cell: (machine) => <span className={classes["models"]}>{modelsOf(machine)?.join(", ")}</span> },
    { name: "Decision", cell: (machine) => <State machine={machine} /> },
    { name: "Held against it", cell: (machine) => <Grievance machine={machine} /> },
  ];
  return (
    <Page
      title="Machines"
      intro="Which machines may serve here, and what is held against any. Where the coordinator asks for approval, none serves that was not decided on."
      actions={undecided.length > 0 && <ApproveAll count={undecided.length} />}
    >
      <Panel
        title="Machines"
        aside={
          <>
            <TextInput
              size="xs"
              aria-label="Find a machine"
              placeholder="Serial or id"
              value={filters.find}
              onChange={({ currentTarget }) => change({ find: currentTarget.value })}
            />
            <SegmentedControl
              size="xs"
              aria-label="Which machines"
              value={filters.show}
              onChange={(show) => change({ show })}
              data={[
                { value: "all", label: "All" },
                { value: "undecided", label: "Undecided" },
                { value: "refused", label: "Refused" },
                { value: "held", label: "Held" },
              ]}
            />
          </>
        }
      >
        <Asked query={query}>
          {(machines) => {
            const shown = machines.filter((machine) => isShown(machine, filters));
            if (shown.length === 0)
              return (
                <Empty icon="machine" title={machines.length === 0 ? "No machine yet" : "No machine is like this"}>
                  A machine is here once it has connected, or was decided on.
                </Empty>
              );
            return (
              <Rows
                label="Machines"
                columns={columns}
                rows={shown}
                keyOf={({ machine_id }) => machine_id}
                onOpen={({ machine_id }) => change({ machine: machine_id })}
              />
            );
          }}
        </Asked>
      </Panel>
      <MachineDrawer machine={open} models={open && modelsOf(open)} onClose={() => change({ machine: "" })} />
    </Page>
  );
}

function ApproveAll({ count }: { readonly count: number }): ReactNode {
  const approving = useApproveAll();
  return (
    <Twice
      label="Approve all undecided"
      sure={`Approve ${count} now`}
      isBusy={approving.isPending}
      error={approving.error}
      onSure={() => approving.mutate("approved")}
    />
  );
}

/** What machines serve is known of those that are connected, by their serial. */
function useModels(): (machine: Decided) => readonly string[] | undefined {
  const { data } = useQuery(networkQuery);
  const bySerial = new Map(data?.machines.map(({ provider_serial, models }) => [provider_serial, models]));
  return ({ serial, connected }) => (connected && serial !== null ? bySerial.get(serial) : undefined);
}

function isShown(machine: Decided, { show, find }: { readonly show: string; readonly find: string }): boolean {
  if (show === "held" && machine.grievance === null) return false;
  if ((show === "undecided" || show === "refused") && machine.state !== show) return false;
  const wanted = find.toLowerCase();
  return `${machine.serial ?? ""} ${machine.machine_id}`.toLowerCase().includes(wanted);
}
