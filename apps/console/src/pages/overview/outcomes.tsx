import type { ReactNode } from "react";
import { Count } from "../../parts/figures.tsx";
import { meaningOf, OutcomeBadge } from "../../parts/outcome.tsx";
import { Rows, type Column } from "../../parts/rows.tsx";
import type { Spend } from "./spend.ts";
import classes from "./overview.module.css";

/** How many requests ended how. */
export function Outcomes({ spend: { outcomes, requests } }: { readonly spend: Spend }): ReactNode {
  const columns: readonly Column<(typeof outcomes)[number]>[] = [
    {
      name: "Outcome",
      isName: true,
      cell: ([outcome]) => (
        <span className={classes["outcome"]}>
          <OutcomeBadge outcome={outcome} />
          <span className={classes["meaning"]}>{meaningOf(outcome)}</span>
        </span>
      ),
    },
    { name: "Requests", isNumber: true, cell: ([, count]) => <Count value={count} /> },
    { name: "Share", isNumber: true, cell: ([, count]) => percent.format(count / requests) },
  ];
  return <Rows label="How requests ended" columns={columns} rows={outcomes} keyOf={([outcome]) => outcome} />;
}

const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });
