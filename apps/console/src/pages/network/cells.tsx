import { Progress } from "@mantine/core";
import type { ReactNode } from "react";
import { Badge, Status } from "../../parts/badges.tsx";
import type { Machine } from "./machines.ts";
import classes from "./network.module.css";

/** A machine's name, and what it is. */
export const MachineName = ({ machine }: { readonly machine: Machine }): ReactNode => (
  <span className={classes["machine"]}>
    <span className={classes["serial"]}>{machine.provider_serial ?? machine.provider_id}</span>
    <span className={classes["chip"]}>
      {machine.chip_name}, {machine.hardware_model}
    </span>
  </span>
);

export const Checks = ({ checks }: Pick<Machine, "checks">): ReactNode => (
  <span className={classes["counts"]}>
    <Counted status="pass" count={checks.passed} />
    {checks.failed > 0 && <Counted status="fail" count={checks.failed} />}
    {checks.unknown > 0 && <Counted status="unknown" count={checks.unknown} />}
  </span>
);

const Counted = ({
  status,
  count,
}: {
  readonly status: "pass" | "fail" | "unknown";
  readonly count: number;
}): ReactNode => (
  <span className={classes["count"]}>
    <Status status={status} />
    {count}
  </span>
);

export const Models = ({ models }: Pick<Machine, "models">): ReactNode => (
  <span className={classes["models"]}>{models.length === 0 ? "none of this network's" : models.join(", ")}</span>
);

export function Load({ machine: { load, serves } }: { readonly machine: Machine }): ReactNode {
  if (!serves) return <Badge tone="bad">does not serve</Badge>;
  if (load === null) return <Badge tone="good">serves</Badge>;
  const { running, slots } = load;
  return (
    <span className={classes["load"]}>
      <Progress
        value={slots === 0 ? 0 : (100 * running) / slots}
        size="sm"
        className={classes["meter"]}
        aria-label={`${running} of ${slots} slots in use`}
      />
      <span className={classes["share"]}>
        {running} / {slots}
      </span>
    </span>
  );
}
