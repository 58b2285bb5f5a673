import { Button, SegmentedControl } from "@mantine/core";
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { DayChart, Swatch } from "../../parts/day-chart.tsx";
import { DownloadCsv } from "../../parts/download.tsx";
import { Balance, Count, Money } from "../../parts/figures.tsx";
import { oneOf, useFilters } from "../../parts/filters.ts";
import { Figures, Panel } from "../../parts/page.tsx";
import { Rows, type Column } from "../../parts/rows.tsx";
import { Asked, Empty } from "../../parts/states.tsx";
import {
  earnedAsCsv,
  earnedByDay,
  earnedQuery,
  sumOf,
  type Earned,
  type Grouping,
  type Row,
  type Summary,
} from "./earned.ts";
import classes from "./my-machines.module.css";

/** How far back, in days: as it stands in the address. */
const spans = { "30d": 30, "7d": 7, "90d": 90 } as const;
const readers = { by: oneOf("day", "machine", "model"), span: oneOf("30d", "7d", "90d") };

/** Shown until somebody wants all: about as high as the drawing beside them. */
const ROWS = 7;

const headOf: Readonly<Record<Grouping, string>> = { day: "Day", machine: "Machine", model: "Model" };

interface EarningsProps {
  readonly summary: UseQueryResult<Summary>;
}

/** What one's machines have earned, by day as bars, and by day, machine or model as a table and a file. */
export function Earnings({ summary }: EarningsProps): ReactNode {
  const [{ by, span }, change] = useFilters(readers);
  const days = spans[span];
  const byDay = useQuery(earnedQuery("day", days));
  const listed = useQuery(earnedQuery(by, days));
  return (
    <Panel
      title="Earnings"
      aside={
        <>
          <SegmentedControl
            size="xs"
            aria-label="Listed by"
            value={by}
            onChange={(chosen) => change({ by: chosen })}
            data={(["day", "machine", "model"] as const).map((value) => ({ value, label: headOf[value] }))}
          />
          <SegmentedControl
            size="xs"
            aria-label="How far back"
            value={span}
            onChange={(chosen) => change({ span: chosen })}
            data={(["7d", "30d", "90d"] as const).map((value) => ({ value, label: `${spans[value]} days` }))}
          />
        </>
      }
      isPadded
    >
      <Asked query={summary} rows={2}>
        {(told) => (
          <Asked query={byDay}>
            {(earned) => (
              <>
                <Sums summary={told} earned={earned} days={days} />
                {earned.data.length === 0 ? (
                  <Empty icon="credits" title={`Nothing was earned in ${days} days`}>
                    Each answer that one of your machines gives to somebody else stands here as soon as it is paid.
                  </Empty>
                ) : (
                  <div className={classes["earned"]}>
                    <Chart earned={earned} />
                    <Asked query={listed}>{(rows) => <Listed key={`${by} ${span}`} earned={rows} />}</Asked>
                  </div>
                )}
              </>
            )}
          </Asked>
        )}
      </Asked>
      <div className={classes["file"]}>
        <DownloadCsv ask={() => earnedAsCsv(by, days)} name={`earnings-by-${by}-${days}-days.csv`} />
      </div>
    </Panel>
  );
}

interface SumsProps {
  readonly summary: Summary;
  readonly earned: Earned;
  readonly days: number;
}

const Sums = ({ summary, earned, days }: SumsProps): ReactNode => (
  <Figures
    figures={[
      { label: `Earned in ${days} days`, value: <Money micro={sumOf(earned.data)} /> },
      {
        label: "Answers",
        value: <Count value={earned.data.reduce((sum, { answers }) => sum + answers, 0)} />,
        note: `in ${days} days`,
      },
      { label: "Left of what was earned", value: <Balance micro={Number(summary.earned_micro_usd)} /> },
      {
        label: "May be withdrawn now",
        value: <Balance micro={Number(summary.withdrawable_micro_usd)} />,
        note: "has cleared, and was paid for with money paid in",
      },
    ]}
  />
);

const Chart = ({ earned }: { readonly earned: Earned }): ReactNode => (
  <div className={classes["chart"]}>
    <DayChart days={earnedByDay(earned)} title="Earnings by day" amounts="Earned" counts="Answers" timeZone="UTC" />
    <ul className={classes["legend"]}>
      <li>
        <Swatch series={0} /> from money that was paid in: may be withdrawn once it has cleared
      </li>
      <li>
        <Swatch series={1} /> from granted money: can be spent here
      </li>
    </ul>
  </div>
);

const inShort = new Intl.DateTimeFormat(undefined, {
  weekday: "short",
  day: "numeric",
  month: "short",
  timeZone: "UTC",
});

interface OfProps {
  readonly by: Grouping;
  readonly row: Row;
}

const Of = ({ by, row: { of, name } }: OfProps): ReactNode => (
  <span className={by === "day" ? classes["date"] : classes["of"]}>
    {by === "day" ? inShort.format(new Date(of)) : (name ?? of)}
  </span>
);

const columnsOf = (by: Grouping): readonly Column<Row>[] => [
  {
    name: headOf[by],
    isName: true,
    cell: (row) => <Of by={by} row={row} />,
  },
  { name: "Answers", isNumber: true, cell: ({ answers }) => <Count value={answers} /> },
  { name: "Tokens in", isNumber: true, cell: ({ prompt_tokens }) => <Count value={prompt_tokens} /> },
  { name: "Tokens out", isNumber: true, cell: ({ completion_tokens }) => <Count value={completion_tokens} /> },
  { name: "Earned", isNumber: true, cell: ({ earned_micro_usd }) => <Money micro={Number(earned_micro_usd)} /> },
];

function Listed({ earned: { by, data } }: { readonly earned: Earned }): ReactNode {
  const [isWhole, setWhole] = useState(false);
  return (
    <div className={classes["listed"]}>
      <Rows
        label={`Earnings by ${by}`}
        columns={columnsOf(by)}
        rows={isWhole ? data : data.slice(0, ROWS)}
        keyOf={({ of }) => of}
      />
      {!isWhole && data.length > ROWS && (
        <Button variant="subtle" fullWidth onClick={() => setWhole(true)}>
          Show all {data.length.toLocaleString()}
        </Button>
      )}
    </div>
  );
}
