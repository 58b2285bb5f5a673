import type { ReactNode } from "react";
import { Status, type CheckStatus } from "./badges.tsx";
import classes from "./steps.module.css";

interface StepsProps {
  readonly checks: readonly {
    readonly id: string;
    /** What it would show, in a sentence. */
    readonly claim?: string;
    readonly status: CheckStatus;
    readonly seen: string;
    readonly remedy: string;
  }[];
}

/** Each check by itself: what was seen, and what would mend it. */
export const Steps = ({ checks }: StepsProps): ReactNode => (
  <ol className={classes["steps"]}>
    {checks.map(({ id, claim, status, seen, remedy }) => (
      <li key={id} className={classes["step"]}>
        <Status status={status} />
        <span className={classes["id"]}>{id}</span>
        <span className={classes["seen"]}>
          {claim !== undefined && <span>{claim}: </span>}
          {seen}
          {status !== "pass" && remedy !== "" && <span className={classes["remedy"]}> {remedy}</span>}
        </span>
      </li>
    ))}
  </ol>
);
