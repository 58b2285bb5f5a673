import type { ReactNode } from "react";
import { Badge, type Tone } from "../../parts/badges.tsx";
import { Count } from "../../parts/figures.tsx";
import { Rows, type Column } from "../../parts/rows.tsx";
import type { Outcome, Spend } from "./spend.ts";
import classes from "./overview.module.css";

const told: Readonly<Record<Outcome, readonly [words: string, tone: Tone, meaning: string]>> = {
  finished: ["finished", "good", "The answer came whole"],
  caller_gone: ["you left", "plain", "The connection was closed before the answer was whole"],
  refused: ["refused", "warn", "The machine did not take the request"],
  too_slow: ["too slow", "warn", "The answer took longer than a request may"],
  provider_fault: ["machine failed", "bad", "The machine broke off, or what it said was not in order"],
  receipt_mismatch: ["receipt wrong", "bad", "What the machine signed is not what it answered"],
  shutdown: ["coordinator stopped", "warn", "The coordinator was stopped before the answer was whole"],
  crashed: ["coordinator crashed", "bad", "The coordinator ended without warning; it was settled afterwards"],
};

/** How many requests ended how. */
export function Outcomes({ spend: { outcomes, requests } }: { readonly spend: Spend }): ReactNode {
  const columns: readonly Column<(typeof outcomes)[number]>[] = [
    {
      name: "Outcome",
      isName: true,
      cell: ([outcome]) => {
        const [words, tone, meaning] = told[outcome];
        return (
          <span className={classes["outcome"]}>
            <Badge tone={tone}>{words}</Badge>
            <span className={classes["meaning"]}>{meaning}</span>
          </span>
        );
      },
    },
    { name: "Requests", isNumber: true, cell: ([, count]) => <Count value={count} /> },
    { name: "Share", isNumber: true, cell: ([, count]) => percent.format(count / requests) },
  ];
  return <Rows label="How requests ended" columns={columns} rows={outcomes} keyOf={([outcome]) => outcome} />;
}

const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });
