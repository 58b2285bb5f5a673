import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Level } from "../parts/badges.tsx";
import { Balance, Count } from "../parts/figures.tsx";
import { Icon } from "../parts/icons.tsx";
import { Figures, Page, Panel } from "../parts/page.tsx";
import { Rows, type Column } from "../parts/rows.tsx";
import { Asked, Empty } from "../parts/states.tsx";
import { Course, Name, Since } from "./my-machines/cells.tsx";
import { Earnings } from "./my-machines/earnings.tsx";
import { hasEarned, summaryQuery } from "./my-machines/earned.ts";
import { MachineDrawer } from "./my-machines/machine-drawer.tsx";
import { earnedBy, isEarning, mineQuery, type Mine } from "./my-machines/mine.ts";

const columns: readonly Column<Mine>[] = [
  { name: "Machine", isName: true, cell: (machine) => <Name machine={machine} /> },
  { name: "Now", isText: true, cell: (machine) => <Course machine={machine} /> },
  { name: "Level", cell: ({ trust_level }) => (trust_level ? <Level level={trust_level} /> : "not known") },
  { name: "Last answered", isNumber: true, cell: ({ last_served_at }) => <Since at={last_served_at} none="not yet" /> },
  { name: "Earned", isNumber: true, cell: (machine) => <Balance micro={earnedBy(machine)} /> },
];

/** The machines that are one's own: whether each earns and, if not, why, and what to do about it. */
export default function MyMachines(): ReactNode {
  const query = useQuery(mineQuery);
  const summary = useQuery(summaryQuery);
  const { machineId } = useParams({ strict: false });
  const navigate = useNavigate();
  const open = (id: string): void =>
    void navigate({
      to: id === "" ? "/console/my-machines" : `/console/my-machines/${id}`,
      search: true,
      resetScroll: false,
    });
  return (
    <Page
      title="My machines"
      intro="Whether each machine of yours earns and, where it does not, the one reason and what to do about it."
      actions={<AddOne />}
    >
      <Asked query={query}>
        {(machines) => (
          <>
            {machines.length > 0 && <Summary machines={machines} />}
            <Panel title="Machines">
              {machines.length === 0 ? (
                <Empty icon="machine" title="No machine is yours yet" action={<AddOne />}>
                  One command on a machine and one click here, and it serves this network as yours.
                </Empty>
              ) : (
                <Rows
                  label="Machines"
                  columns={columns}
                  rows={machines}
                  keyOf={({ id }) => id}
                  onOpen={({ id }) => open(id)}
                />
              )}
            </Panel>
            {(machines.length > 0 || hasEarned(summary.data)) && <Earnings summary={summary} />}
            <MachineDrawer machine={machines.find(({ id }) => id === machineId)} onClose={() => open("")} />
          </>
        )}
      </Asked>
    </Page>
  );
}

const AddOne = (): ReactNode => (
  <Button component={Link} to="/console/add-machine" leftSection={<Icon name="add" />}>
    Add a machine
  </Button>
);

function Summary({ machines }: { readonly machines: readonly Mine[] }): ReactNode {
  const earning = machines.filter(isEarning).length;
  const connected = machines.filter((one) => one.connected).length;
  return (
    <Figures
      figures={[
        { label: "Earning now", value: <Count value={earning} />, note: `of ${machines.length.toLocaleString()}` },
        { label: "Connected", value: <Count value={connected} /> },
        {
          label: "Earned in all",
          value: <Balance micro={machines.reduce((sum, machine) => sum + earnedBy(machine), 0)} />,
        },
      ]}
    />
  );
}
