import { useNavigate } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Badge } from "../../parts/badges.tsx";
import { When } from "../../parts/figures.tsx";
import { Panel } from "../../parts/page.tsx";
import { Rows, type Column } from "../../parts/rows.tsx";
import { Empty } from "../../parts/states.tsx";
import type { Live, Trouble } from "./live-of.ts";
import classes from "./live.module.css";

const columns: readonly Column<Trouble>[] = [
  {
    name: "Machine",
    isName: true,
    cell: ({ serial, machine_id }) => (
      <span className={classes["machine"]}>
        {serial}
        <span className={classes["under"]}>{machine_id}</span>
      </span>
    ),
  },
  { name: "Why", isText: true, cell: ({ words }) => `It ${words}` },
  {
    name: "Connected to",
    cell: ({ is_here }) => <Badge tone="plain">{is_here ? "this coordinator" : "another"}</Badge>,
  },
  { name: "Since", isNumber: true, cell: ({ since }) => <When at={since} /> },
];

/** Machines that are connected, and that no request reaches. */
export function Troubles({ live: { troubles, machines } }: { readonly live: Live }): ReactNode {
  const navigate = useNavigate();
  return (
    <Panel title="Machines in trouble">
      {troubles.length === 0 ? (
        <Empty icon={machines.connected === 0 ? "machine" : "check"} title={titleOf(machines)}>
          A machine that is connected, and that no request reaches, stands here with the reason.
        </Empty>
      ) : (
        <>
          <Rows
            label="Machines in trouble"
            columns={columns}
            rows={troubles}
            keyOf={({ machine_id }) => machine_id}
            onOpen={({ machine_id }) => void navigate({ to: "/console/machines", search: { machine: machine_id } })}
          />
          {troubles.length < machines.troubled && (
            <p className={classes["note"]}>
              The latest {troubles.length} of {machines.troubled.toLocaleString()}.
            </p>
          )}
        </>
      )}
    </Panel>
  );
}

const titleOf = ({ connected }: Live["machines"]): string =>
  connected === 0 ? "No machine is connected" : "No machine is in trouble";
