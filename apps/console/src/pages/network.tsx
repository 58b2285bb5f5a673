import { SegmentedControl, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Level } from "../parts/badges.tsx";
import { Count, When } from "../parts/figures.tsx";
import { anyText, oneOf, useFilters } from "../parts/filters.ts";
import { Figures, Page, Panel } from "../parts/page.tsx";
import { Rows, type Column } from "../parts/rows.tsx";
import { Asked, Empty } from "../parts/states.tsx";
import { Checks, Load, MachineName, Models } from "./network/cells.tsx";
import { networkQuery, type Machine } from "./network/machines.ts";
import { MachineDrawer } from "./network/machine-drawer.tsx";
import { VerifyAll } from "./network/verify-all.tsx";

const readers = {
  level: oneOf("any", "self_signed", "hardware"),
  show: oneOf("all", "serving"),
  find: anyText,
  machine: anyText,
};

const columns: readonly Column<Machine>[] = [
  { name: "Machine", isName: true, cell: (machine) => <MachineName machine={machine} /> },
  { name: "Level", cell: ({ trust_level }) => <Level level={trust_level} /> },
  { name: "Checks", cell: ({ checks }) => <Checks checks={checks} /> },
  { name: "Models", cell: ({ models }) => <Models models={models} /> },
  { name: "Load", cell: (machine) => <Load machine={machine} /> },
  { name: "Verified", isNumber: true, cell: ({ verified_at }) => <When at={verified_at} /> },
];

/** The machines that are connected, for everybody; whoever looks can verify them in the own browser. */
export default function Network(): ReactNode {
  const query = useQuery(networkQuery);
  const [filters, change] = useFilters(readers);
  return (
    <Page
      title="Network"
      intro="The machines that are connected now, and what each has shown of itself. You need not take the coordinator's word for it."
    >
      <Asked query={query}>
        {({ machines }) => (
          <>
            <Summary machines={machines} />
            <VerifyAll machines={machines.length} />
            <Panel
              title="Machines"
              aside={
                <>
                  <TextInput
                    size="xs"
                    aria-label="Find a machine"
                    placeholder="Serial, chip or model"
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
                      { value: "serving", label: "Serving" },
                    ]}
                  />
                  <SegmentedControl
                    size="xs"
                    aria-label="Level"
                    value={filters.level}
                    onChange={(level) => change({ level })}
                    data={[
                      { value: "any", label: "Any level" },
                      { value: "self_signed", label: "Self-signed" },
                      { value: "hardware", label: "Hardware" },
                    ]}
                  />
                </>
              }
            >
              <Listed machines={machines} filters={filters} onOpen={(machine) => change({ machine })} />
            </Panel>
            <MachineDrawer
              machine={machines.find((one) => one.provider_id === filters.machine)}
              onClose={() => change({ machine: "" })}
            />
          </>
        )}
      </Asked>
    </Page>
  );
}

function Summary({ machines }: { readonly machines: readonly Machine[] }): ReactNode {
  const serving = machines.filter(({ serves }) => serves);
  const vouched = machines.filter(({ trust_level }) => trust_level === "hardware");
  const models = new Set(serving.flatMap((machine) => machine.models));
  const loads = serving.flatMap(({ load }) => load ?? []);
  const [running, slots] = [sum(loads.map((one) => one.running)), sum(loads.map((one) => one.slots))];
  return (
    <Figures
      figures={[
        { label: "Connected", value: <Count value={machines.length} /> },
        { label: "Serving", value: <Count value={serving.length} /> },
        { label: "At level hardware", value: <Count value={vouched.length} /> },
        { label: "Models", value: <Count value={models.size} /> },
        ...(loads.length > 0
          ? [{ label: "Running now", value: <Count value={running} />, note: `of ${slots} slots` }]
          : []),
      ]}
    />
  );
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

interface ListedProps {
  readonly machines: readonly Machine[];
  readonly filters: { readonly level: string; readonly show: string; readonly find: string };
  readonly onOpen: (providerId: string) => void;
}

function Listed({ machines, filters: { level, show, find }, onOpen }: ListedProps): ReactNode {
  if (machines.length === 0)
    return (
      <Empty icon="machine" title="No machine is connected">
        A provider joins with <code>darkbloom provider start</code>. It appears here as soon as it has.
      </Empty>
    );
  const wanted = find.toLowerCase();
  const shown = machines.filter(
    (one) =>
      (level === "any" || one.trust_level === level) &&
      (show === "all" || one.serves) &&
      [one.provider_serial ?? "", one.chip_name, one.hardware_model, ...one.models].some((word) =>
        word.toLowerCase().includes(wanted),
      ),
  );
  if (shown.length === 0) return <Empty title="No machine is like this">Change the filters above.</Empty>;
  return (
    <Rows
      label="Machines"
      columns={columns}
      rows={shown}
      keyOf={({ provider_id }) => provider_id}
      onOpen={({ provider_id }) => onOpen(provider_id)}
    />
  );
}
