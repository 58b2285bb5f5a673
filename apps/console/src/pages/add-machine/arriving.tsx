import { Loader } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useState, type ReactNode } from "react";
import { Asked } from "../../parts/states.tsx";
import { Course, Name } from "../my-machines/cells.tsx";
import { mineQuery, type Mine } from "../my-machines/mine.ts";
import classes from "./add-machine.module.css";

/** One that is let in anew counts as new. */
const nameOf = ({ id, linked_at }: Mine): string => `${id} ${linked_at}`;

/** The machines that were let in since the page was opened, and those that were let in and have not come yet. */
export function Arriving(): ReactNode {
  const query = useQuery(mineQuery);
  const [before, setBefore] = useState<ReadonlySet<string>>();
  useEffect(() => {
    if (!before && query.data) setBefore(new Set(query.data.map(nameOf)));
  }, [before, query.data]);
  return (
    <Asked query={query} rows={1}>
      {(machines) => {
        const coming = machines.filter((machine) => !machine.owned || before?.has(nameOf(machine)) === false);
        return (
          <div aria-live="polite" className={classes["arriving"]}>
            {coming.length === 0 ? (
              <p className={classes["waiting"]}>
                <Loader size="xs" color="gray" /> No machine was let in since you opened this page. It appears here by
                itself.
              </p>
            ) : (
              <ul className={classes["list"]}>
                {coming.map((machine) => (
                  <li key={machine.id} className={classes["one"]}>
                    <Link to={`/console/my-machines/${machine.id}`} className={classes["link"]}>
                      <Name machine={machine} />
                    </Link>
                    <Course machine={machine} />
                  </li>
                ))}
              </ul>
            )}
          </div>
        );
      }}
    </Asked>
  );
}
