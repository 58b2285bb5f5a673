import type { ReactNode } from "react";
import { Badge } from "../../parts/badges.tsx";
import { When } from "../../parts/figures.tsx";
import { nameOf, type Decided } from "./machines-of.ts";
import classes from "./machines.module.css";

interface OfMachine {
  readonly machine: Decided;
}

export const Name = ({ machine }: OfMachine): ReactNode => (
  <span className={classes["machine"]}>
    <span className={classes["name"]}>{nameOf(machine)}</span>
    <code className={classes["under"]}>{machine.machine_id}</code>
  </span>
);

const states = {
  approved: ["approved", "good"],
  refused: ["refused", "bad"],
  undecided: ["not decided on", "plain"],
} as const;

export const State = ({ machine: { state } }: OfMachine): ReactNode => {
  const [words, tone] = states[state];
  return <Badge tone={tone}>{words}</Badge>;
};

export function Presence({ machine: { connected, attested } }: OfMachine): ReactNode {
  if (!connected) return <Badge tone="plain">away</Badge>;
  return attested ? <Badge tone="good">connected</Badge> : <Badge tone="warn">has not shown its key</Badge>;
}

const whys = {
  answer: "it signed what it did not answer",
  challenge: "it failed a challenge",
} as const satisfies Record<NonNullable<Decided["grievance"]>["why"], string>;

/** What it did, and until when it gets no requests for it. */
export function Grievance({ machine: { grievance } }: OfMachine): ReactNode {
  if (grievance === null) return <span className={classes["none"]}>nothing</span>;
  return (
    <span className={classes["held"]}>
      <Badge tone="bad">{whys[grievance.why]}</Badge>
      <span className={classes["none"]}>
        {grievance.until_at === null ? (
          "until it is forgiven"
        ) : (
          <When at={new Date(grievance.until_at).toISOString()} />
        )}
      </span>
    </span>
  );
}
