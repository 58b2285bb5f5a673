import { SegmentedControl, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { meQuery } from "../api/me.ts";
import { modelsQuery } from "../api/models.ts";
import { anyText, oneOf, useFilters } from "../parts/filters.ts";
import { Page, Panel } from "../parts/page.tsx";
import { Rows, type Column } from "../parts/rows.tsx";
import { Asked, Empty, Loading } from "../parts/states.tsx";
import { Capacity, Context, ModelName, Price, Tasks } from "./models/cells.tsx";
import { ModelDrawer } from "./models/model-drawer.tsx";
import { openModelsQuery, shownOf, type Shown } from "./models/models-of.ts";

const readers = { find: anyText, show: oneOf("all", "serving"), model: anyText };

const columns: readonly Column<Shown>[] = [
  { name: "Model", isName: true, cell: (model) => <ModelName model={model} /> },
  { name: "Can", cell: ({ told }) => <Tasks tasks={told?.tasks} /> },
  { name: "Context", isNumber: true, cell: ({ told }) => <Context tokens={told?.context_length} /> },
  { name: "In, 1M tokens", isNumber: true, cell: ({ inputPrice }) => <Price micro={inputPrice} /> },
  { name: "Out, 1M tokens", isNumber: true, cell: ({ outputPrice }) => <Price micro={outputPrice} /> },
  { name: "Now", cell: (model) => <Capacity model={model} /> },
];

/** What can be asked here, by whom it is answered now, and at which price. */
export default function Models(): ReactNode {
  const me = useQuery(meQuery);
  return (
    <Page
      title="Models"
      intro="What this network answers with: what each model can do, what it costs, and how much room there is for it now."
    >
      {me.isPending ? (
        <Panel>
          <Loading />
        </Panel>
      ) : me.data ? (
        <Mine />
      ) : (
        <Everybodys />
      )}
    </Page>
  );
}

/** With all that is told to who may ask. */
function Mine(): ReactNode {
  const models = useQuery(modelsQuery);
  const open = useQuery(openModelsQuery);
  return (
    <Asked query={open}>
      {(known) => <Asked query={models}>{(told) => <Listed models={shownOf(known, told)} />}</Asked>}
    </Asked>
  );
}

function Everybodys(): ReactNode {
  const open = useQuery(openModelsQuery);
  return <Asked query={open}>{(known) => <Listed models={shownOf(known)} />}</Asked>;
}

function Listed({ models }: { readonly models: readonly Shown[] }): ReactNode {
  const [{ find, show, model }, change] = useFilters(readers);
  const wanted = find.toLowerCase();
  const shown = models.filter(
    (one) =>
      (show === "all" || one.machines.length > 0) &&
      [one.id, one.told?.name ?? ""].some((name) => name.toLowerCase().includes(wanted)),
  );
  return (
    <>
      <Panel
        title="Models"
        aside={
          <>
            <TextInput
              size="xs"
              aria-label="Find a model"
              placeholder="Name"
              value={find}
              onChange={({ currentTarget }) => change({ find: currentTarget.value })}
            />
            <SegmentedControl
              size="xs"
              aria-label="Which models"
              value={show}
              onChange={(value) => change({ show: value })}
              data={[
                { value: "all", label: "All" },
                { value: "serving", label: "Answered now" },
              ]}
            />
          </>
        }
      >
        {models.length === 0 ? (
          <Empty icon="models" title="No models yet">
            The operator's catalogue is empty, or none of it is for you.
          </Empty>
        ) : shown.length === 0 ? (
          <Empty title="No model is like this">Change the filters above.</Empty>
        ) : (
          <Rows
            label="Models"
            columns={columns}
            rows={shown}
            keyOf={({ id }) => id}
            onOpen={({ id }) => change({ model: id })}
          />
        )}
      </Panel>
      <ModelDrawer model={models.find(({ id }) => id === model)} onClose={() => change({ model: "" })} />
    </>
  );
}
