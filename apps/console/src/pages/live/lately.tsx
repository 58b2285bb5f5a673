import type { ReactNode } from "react";
import { Badge } from "../../parts/badges.tsx";
import { Count } from "../../parts/figures.tsx";
import { OutcomeBadge } from "../../parts/outcome.tsx";
import { Panel } from "../../parts/page.tsx";
import { Rows, type Column } from "../../parts/rows.tsx";
import { Empty } from "../../parts/states.tsx";
import type { Failed, Live, Settled } from "./live-of.ts";

interface Counted {
  readonly counts: readonly number[];
}

/** As the coordinator counts them. */
const spans = ["1 min", "5 min", "15 min"] as const;
const countColumns: readonly Column<Counted>[] = spans.map((name, place) => ({
  name,
  isNumber: true,
  cell: ({ counts }) => <Count value={counts[place] ?? 0} />,
}));

const blames: Readonly<Record<Failed["blame"], string>> = {
  caller: "whoever asked",
  provider: "a machine",
  network: "this network",
};

const failedColumns: readonly Column<Failed>[] = [
  { name: "Code", isName: true, cell: ({ code }) => <code>{code}</code> },
  { name: "Whose doing", cell: ({ blame }) => blames[blame] },
  { name: "Status", isNumber: true, cell: ({ status }) => status },
  ...countColumns,
];

const Ended = ({ outcome }: Pick<Settled, "outcome">): ReactNode =>
  outcome === "caller_gone" ? <Badge tone="plain">caller left</Badge> : <OutcomeBadge outcome={outcome} />;

const settledColumns: readonly Column<Settled>[] = [
  { name: "Outcome", isName: true, cell: ({ outcome }) => <Ended outcome={outcome} /> },
  ...countColumns,
];

/** What failed in the last minutes, by code, and how what was paid for ended. */
export const Lately = ({ live }: { readonly live: Live }): ReactNode => (
  <>
    <Panel title="Errors in the last minutes">
      {live.failures.length === 0 ? (
        <Empty icon="check" title="No error in 15 minutes">
          Each request that is refused or fails is counted here by its code.
        </Empty>
      ) : (
        <Rows label="Errors by code" columns={failedColumns} rows={live.failures} keyOf={({ code }) => code} />
      )}
    </Panel>
    {live.attempt_failures.length > 0 && (
      <Panel title="Attempts that failed, whether or not another machine answered">
        <Rows
          label="Failed attempts by code"
          columns={failedColumns}
          rows={live.attempt_failures}
          keyOf={({ code }) => code}
        />
      </Panel>
    )}
    {live.settled.length > 0 && (
      <Panel title="How requests ended in the last minutes">
        <Rows label="Settled requests" columns={settledColumns} rows={live.settled} keyOf={({ outcome }) => outcome} />
      </Panel>
    )}
  </>
);
