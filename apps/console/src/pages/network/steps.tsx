import type { ReactNode } from "react";
import { Status, type CheckStatus } from "../../parts/badges.tsx";
import classes from "./network.module.css";

interface StepsProps {
  readonly checks: readonly {
    readonly id: string;
    readonly status: CheckStatus;
    readonly seen: string;
    readonly remedy: string;
  }[];
}

/** Each check by itself: what was seen, and what would mend it. */
export const Steps = ({ checks }: StepsProps): ReactNode => (
  <ol className={classes["steps"]}>
    {checks.map(({ id, status, seen, remedy }) => (
      <li key={id} className={classes["step"]}>
        <Status status={status} />
        <span className={classes["id"]}>{id}</span>
        <span className={classes["seen"]}>
          {seen}
          {status !== "pass" && remedy !== "" && <span className={classes["remedy"]}> {remedy}</span>}
        </span>
      </li>
    ))}
  </ol>
);
