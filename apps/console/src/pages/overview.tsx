import { SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { balanceQuery, USED_ROWS, usedQuery, type Used } from "../api/money.ts";
import { DayChart, Swatch } from "../parts/day-chart.tsx";
import { Balance, Count, Money, When } from "../parts/figures.tsx";
import { oneOf, useFilters } from "../parts/filters.ts";
import { Figures, Page, Panel } from "../parts/page.tsx";
import { Rows, type Column } from "../parts/rows.tsx";
import { Asked, Empty } from "../parts/states.tsx";
import { FirstSteps } from "./overview/first-steps.tsx";
import { Outcomes } from "./overview/outcomes.tsx";
import { spendOf, type ModelSpend } from "./overview/spend.ts";
import classes from "./overview/overview.module.css";

/** How far back, in days: as it stands in the address. */
const spans = { "14d": 14, "7d": 7, "30d": 30 } as const;
const readers = { span: oneOf("14d", "7d", "30d") };

const columns: readonly Column<ModelSpend>[] = [
  {
    name: "Model",
    isName: true,
    cell: ({ model, series }) => (
      <span className={classes["model"]}>
        <Swatch series={series} />
        {model}
      </span>
    ),
  },
  { name: "Requests", isNumber: true, cell: ({ requests }) => <Count value={requests} /> },
  { name: "Prompt tokens", isNumber: true, cell: ({ promptTokens }) => <Count value={promptTokens} /> },
  { name: "Answer tokens", isNumber: true, cell: ({ completionTokens }) => <Count value={completionTokens} /> },
  { name: "Spent", isNumber: true, cell: ({ micro }) => <Money micro={micro} /> },
];

/** The home of who is signed in: what there is to spend, and what was spent on what. */
export default function Overview(): ReactNode {
  const balance = useQuery(balanceQuery);
  const used = useQuery(usedQuery);
  return (
    <Page title="Overview" intro="What your account can spend, and what it was spent on.">
      <Asked query={balance}>
        {({ balance_micro_usd, held_micro_usd }) => (
          <Asked query={used}>
            {(rows) => <Account spendable={balance_micro_usd} held={held_micro_usd} used={rows} />}
          </Asked>
        )}
      </Asked>
    </Page>
  );
}

interface AccountProps {
  /** Micro-USD, both. */
  readonly spendable: number;
  readonly held: number;
  readonly used: readonly Used[];
}

function Account({ spendable, held, used }: AccountProps): ReactNode {
  const [{ span }, change] = useFilters(readers);
  const days = spans[span];
  const spend = spendOf(used, days, new Date());
  const unfinished = spend.outcomes.reduce((sum, [outcome, count]) => (outcome === "finished" ? sum : sum + count), 0);
  const oldest = used.length < USED_ROWS ? undefined : used.at(-1);
  return (
    <>
      <Figures
        figures={[
          { label: "Can be spent", value: <Balance micro={spendable} /> },
          { label: "Held for what runs", value: <Money micro={held} /> },
          { label: `Spent in ${days} days`, value: <Money micro={spend.micro} /> },
          { label: "Requests", value: <Count value={spend.requests} />, note: `in ${days} days` },
          { label: "Not finished", value: <Count value={unfinished} />, note: `of ${spend.requests.toLocaleString()}` },
        ]}
      />
      {used.length === 0 ? (
        <FirstSteps hasMoney={spendable > 0} />
      ) : (
        <>
          <Panel
            title="Spend by day"
            aside={
              <SegmentedControl
                size="xs"
                aria-label="How far back"
                value={span}
                onChange={(chosen) => change({ span: chosen })}
                data={(["7d", "14d", "30d"] as const).map((value) => ({ value, label: `${spans[value]} days` }))}
              />
            }
            isPadded
          >
            <DayChart
              days={spend.days.map(({ requests, ...day }) => ({ ...day, count: requests }))}
              title="Spend by day"
              amounts="Spent"
              counts="Requests"
            />
            {oldest && (
              <p className={classes["note"]}>
                Reckoned from your last {USED_ROWS} requests, the oldest <When at={oldest.timestamp} />.
              </p>
            )}
          </Panel>
          <Panel title="By model">
            {spend.models.length === 0 ? (
              <Empty title={`Nothing in ${days} days`}>Look further back above.</Empty>
            ) : (
              <Rows label="Spend by model" columns={columns} rows={spend.models} keyOf={({ model }) => model} />
            )}
          </Panel>
          {spend.outcomes.length > 0 && (
            <Panel title="How requests ended">
              <Outcomes spend={spend} />
            </Panel>
          )}
        </>
      )}
    </>
  );
}
