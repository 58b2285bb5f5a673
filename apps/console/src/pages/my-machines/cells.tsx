import type { ReactNode } from "react";
import { Badge } from "../../parts/badges.tsx";
import { When } from "../../parts/figures.tsx";
import type { Mine } from "./mine.ts";
import classes from "./my-machines.module.css";

interface OfMachine {
  readonly machine: Mine;
}

export const Name = ({ machine: { name, serial, id } }: OfMachine): ReactNode => (
  <span className={classes["machine"]}>
    <span className={classes["name"]}>{name}</span>
    <span className={classes["under"]}>{serial ?? id}</span>
  </span>
);

export function State({ machine: { keeps_from_earning, private_only } }: OfMachine): ReactNode {
  if (keeps_from_earning?.gate === "not_proven") return <Badge tone="warn">not yours yet</Badge>;
  if (keeps_from_earning) return <Badge tone="bad">not earning</Badge>;
  return private_only ? <Badge tone="plain">serves you alone</Badge> : <Badge tone="good">earning</Badge>;
}

/** Whether it earns and, if not, the one reason and what to do about it. */
export function Course({ machine }: OfMachine): ReactNode {
  const why = machine.keeps_from_earning;
  return (
    <span className={classes["course"]}>
      <span className={classes["reason"]}>
        <State machine={machine} />
        {why && (
          <span>
            It {why.words}
            {why.since !== null && (
              <>
                , since <When at={why.since} />
              </>
            )}
          </span>
        )}
      </span>
      {why && <span className={classes["remedy"]}>{why.remedy}</span>}
    </span>
  );
}

/** A time that may not be there. */
export const Since = ({ at, none }: { readonly at: string | null; readonly none: string }): ReactNode =>
  at === null ? <span className={classes["none"]}>{none}</span> : <When at={at} />;
