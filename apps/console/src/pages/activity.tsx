import { Button, NativeSelect, SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";
import { USED_ROWS, usedQuery, type Used } from "../api/money.ts";
import { Count, ExactMoney, Money, When } from "../parts/figures.tsx";
import { anyText, oneOf, useFilters } from "../parts/filters.ts";
import { OutcomeBadge } from "../parts/outcome.tsx";
import { Figures, Page, Panel } from "../parts/page.tsx";
import { Rows, type Column } from "../parts/rows.tsx";
import { Asked, Empty } from "../parts/states.tsx";
import { Tokens } from "./activity/cells.tsx";
import { RequestDrawer } from "./activity/request-drawer.tsx";

/** Shown at first, and with each further look. */
const ROWS = 100;

const readers = { show: oneOf("all", "finished", "other"), model: anyText };

const columns: readonly Column<Used>[] = [
  { name: "Model", isName: true, cell: ({ model }) => model },
  { name: "Outcome", cell: ({ outcome }) => <OutcomeBadge outcome={outcome} /> },
  { name: "Tokens", isNumber: true, cell: (used) => <Tokens used={used} /> },
  { name: "Cost", isNumber: true, cell: ({ cost_micro_usd }) => <ExactMoney micro={cost_micro_usd} /> },
  { name: "When", isNumber: true, cell: ({ timestamp }) => <When at={timestamp} /> },
];

/** Each request of one's account: what it took, what it cost, and its receipt, checked here. */
export default function Activity(): ReactNode {
  const query = useQuery(usedQuery);
  const [filters, change] = useFilters(readers);
  const { jobId } = useParams({ strict: false });
  const navigate = useNavigate();
  const open = (id: string): void =>
    void navigate({
      to: id === "" ? "/console/activity" : `/console/activity/${id}`,
      search: true,
      resetScroll: false,
    });
  return (
    <Page
      title="Activity"
      intro="Each request that was paid, or could have been, from your account. Open one, and this browser checks its receipt."
    >
      <Asked query={query}>
        {(all) => (
          <>
            <Summary all={all} />
            <Panel
              title="Requests"
              aside={
                <>
                  <NativeSelect
                    size="xs"
                    aria-label="Model"
                    value={filters.model}
                    onChange={({ currentTarget }) => change({ model: currentTarget.value })}
                    data={[
                      { value: "", label: "Any model" },
                      ...new Set([...all.map(({ model }) => model), ...(filters.model === "" ? [] : [filters.model])]),
                    ]}
                  />
                  <SegmentedControl
                    size="xs"
                    aria-label="Which requests"
                    value={filters.show}
                    onChange={(show) => change({ show })}
                    data={[
                      { value: "all", label: "All" },
                      { value: "finished", label: "Answered" },
                      { value: "other", label: "Not to the end" },
                    ]}
                  />
                </>
              }
            >
              <Listed all={all} filters={filters} onOpen={open} />
            </Panel>
            {all.length >= USED_ROWS && <p>These are the newest {USED_ROWS}; the coordinator lists no more.</p>}
            <RequestDrawer jobId={jobId} used={all.find(({ job_id }) => job_id === jobId)} onClose={() => open("")} />
          </>
        )}
      </Asked>
    </Page>
  );
}

function Summary({ all }: { readonly all: readonly Used[] }): ReactNode {
  const finished = all.filter(({ outcome }) => outcome === "finished").length;
  const sum = (of: (used: Used) => number): number => all.reduce((total, used) => total + of(used), 0);
  return (
    <Figures
      figures={[
        { label: "Requests shown", value: <Count value={all.length} />, note: `${finished} answered` },
        { label: "Tokens in", value: <Count value={sum(({ prompt_tokens }) => prompt_tokens)} /> },
        { label: "Tokens out", value: <Count value={sum(({ completion_tokens }) => completion_tokens)} /> },
        { label: "Cost", value: <Money micro={sum(({ cost_micro_usd }) => cost_micro_usd)} /> },
      ]}
    />
  );
}

interface ListedProps {
  readonly all: readonly Used[];
  readonly filters: { readonly show: "all" | "finished" | "other"; readonly model: string };
  readonly onOpen: (jobId: string) => void;
}

function Listed({ all, filters: { show, model }, onOpen }: ListedProps): ReactNode {
  const [rows, setRows] = useState(ROWS);
  if (all.length === 0)
    return (
      <Empty icon="activity" title="No requests yet">
        Whatever is asked on your account stands here: from a program with a key, or in the playground.
      </Empty>
    );
  const shown = all.filter(
    (used) =>
      (show === "all" || (used.outcome === "finished") === (show === "finished")) &&
      (model === "" || used.model === model),
  );
  if (shown.length === 0) return <Empty title="No request is like this">Change the filters above.</Empty>;
  return (
    <>
      <Rows
        label="Requests"
        columns={columns}
        rows={shown.slice(0, rows)}
        keyOf={({ job_id }) => job_id}
        onOpen={({ job_id }) => onOpen(job_id)}
      />
      {shown.length > rows && (
        <Button variant="subtle" fullWidth onClick={() => setRows(rows + ROWS)}>
          Show more
        </Button>
      )}
    </>
  );
}
