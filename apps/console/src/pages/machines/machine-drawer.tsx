import { Button, Drawer } from "@mantine/core";
import type { ReactNode } from "react";
import { Act, Wrong } from "../../parts/act.tsx";
import { Level } from "../../parts/badges.tsx";
import { Copyable } from "../../parts/copy.tsx";
import { Facts } from "../../parts/facts.tsx";
import { When } from "../../parts/figures.tsx";
import { Twice } from "../../parts/twice.tsx";
import { Grievance, Presence, State } from "./cells.tsx";
import { nameOf, useDecide, useForgive, type Decided } from "./machines-of.ts";
import classes from "./machines.module.css";

interface MachineDrawerProps {
  readonly machine: Decided | undefined;
  readonly models: readonly string[] | undefined;
  readonly onClose: () => void;
}

/** One machine: let serve, or not, or forgiven. */
export const MachineDrawer = ({ machine, models, onClose }: MachineDrawerProps): ReactNode => (
  <Drawer
    opened={machine !== undefined}
    onClose={onClose}
    size="lg"
    title={machine ? nameOf(machine) : "A machine"}
    closeButtonProps={{ "aria-label": "Close" }}
  >
    {machine && <One key={machine.machine_id} machine={machine} models={models} />}
  </Drawer>
);

function One({ machine, models }: Pick<MachineDrawerProps, "models"> & { readonly machine: Decided }): ReactNode {
  const { machine_id, decided_at, trust_level, grievance, state } = machine;
  const deciding = useDecide(machine_id);
  const forgiving = useForgive(machine_id);
  return (
    <div className={classes["one"]}>
      <Facts
        facts={[
          ["Decision", <State machine={machine} />],
          ["Made", decided_at === null ? "not yet" : <When at={new Date(decided_at).toISOString()} />],
          ["Here", <Presence machine={machine} />],
          ["Level", trust_level === null ? "not known while it is away" : <Level level={trust_level} />],
          ["Models", models?.join(", ") || "none are known now"],
          ["Held against it", <Grievance machine={machine} />],
          ["Machine", <Copyable text={machine_id} what="the machine's id" />],
        ]}
      />
      {state !== "approved" && (
        <Act words="Approved it serves, also where this coordinator asks for approval.">
          <Button size="compact-sm" loading={deciding.isPending} onClick={() => deciding.mutate("approved")}>
            Approve
          </Button>
        </Act>
      )}
      {state !== "refused" && (
        <Act words="Refused it gets no request any more. What runs on it goes to its end.">
          <Twice
            label="Refuse"
            sure="Refuse it now"
            isBusy={deciding.isPending}
            onSure={() => deciding.mutate("refused")}
          />
        </Act>
      )}
      {grievance && (
        <Act words="Forgiven it is given requests again. What it did may happen again.">
          <Twice
            label="Forgive"
            sure="Forgive it now"
            isBusy={forgiving.isPending}
            error={forgiving.error}
            onSure={() => forgiving.mutate(undefined)}
          />
        </Act>
      )}
      {deciding.error && <Wrong error={deciding.error} />}
    </div>
  );
}
