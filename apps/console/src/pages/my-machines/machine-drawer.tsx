import { Button, Drawer, Switch, TextInput } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { Act, Wrong } from "../../parts/act.tsx";
import { Level } from "../../parts/badges.tsx";
import { Copyable } from "../../parts/copy.tsx";
import { Facts } from "../../parts/facts.tsx";
import { ExactMoney, When } from "../../parts/figures.tsx";
import { Steps } from "../../parts/steps.tsx";
import { Twice } from "../../parts/twice.tsx";
import { Course, Since } from "./cells.tsx";
import { earnedBy, useEdit, useUnlink, type Mine } from "./mine.ts";
import classes from "./my-machines.module.css";

interface MachineDrawerProps {
  readonly machine: Mine | undefined;
  readonly onClose: () => void;
}

/** One machine of one's own: how it fares, what it is called, whom it serves, and its end. */
export const MachineDrawer = ({ machine, onClose }: MachineDrawerProps): ReactNode => (
  <Drawer
    opened={machine !== undefined}
    onClose={onClose}
    size="xl"
    title={machine?.name ?? "A machine"}
    closeButtonProps={{ "aria-label": "Close" }}
  >
    {machine && <One key={machine.id} machine={machine} onGone={onClose} />}
  </Drawer>
);

const NEVER = "not since the coordinator started";

function One({ machine, onGone }: { readonly machine: Mine; readonly onGone: () => void }): ReactNode {
  const { id, owned, trust_level, models, checks } = machine;
  return (
    <div className={classes["one"]}>
      <Facts
        facts={[
          ["Now", <Course machine={machine} />],
          ["Level", trust_level === null ? "not known while it is away" : <Level level={trust_level} />],
          ["Models", models.join(", ") || "none are known while it is away"],
          ["Connection began or ended", <Since at={machine.last_seen_at} none="never" />],
          ["Last given a request", <Since at={machine.last_offered_at} none={NEVER} />],
          ["Last answered well", <Since at={machine.last_served_at} none={NEVER} />],
          ["Earned for your account", <ExactMoney micro={earnedBy(machine)} />],
          ...(machine.serial === null ? [] : [["Serial", machine.serial] as const]),
          ["Machine", <Copyable text={id} what="the machine's id" />],
          ["Let in", <When at={machine.linked_at} />],
        ]}
      />
      {owned && checks.length > 0 && (
        <section aria-label="Checks">
          <h3 className={classes["title"]}>What it has shown</h3>
          <Steps checks={checks} />
        </section>
      )}
      <Edit machine={machine} />
      <Unlink id={id} onGone={onGone} />
    </div>
  );
}

function Edit({ machine: { id, name, private_only } }: { readonly machine: Mine }): ReactNode {
  const [draft, setDraft] = useState({ name, private_only });
  const editing = useEdit(id);
  const isChanged = draft.name !== name || draft.private_only !== private_only;
  return (
    <form
      className={classes["form"]}
      onSubmit={(event) => {
        event.preventDefault();
        editing.mutate(draft);
      }}
    >
      <TextInput
        label="Name"
        description="For you alone"
        value={draft.name}
        onChange={({ currentTarget }) => setDraft({ ...draft, name: currentTarget.value })}
      />
      <Switch
        label="Serve my account alone"
        description="It is in no public list, and earns nothing"
        checked={draft.private_only}
        onChange={({ currentTarget }) => setDraft({ ...draft, private_only: currentTarget.checked })}
      />
      {editing.error && <Wrong error={editing.error} />}
      <Button type="submit" size="compact-sm" variant="default" loading={editing.isPending} disabled={!isChanged}>
        Save
      </Button>
    </form>
  );
}

function Unlink({ id, onGone }: { readonly id: string; readonly onGone: () => void }): ReactNode {
  const unlinking = useUnlink(id);
  return (
    <Act words="Unlinked it is yours no more: its token is good for nothing and its connection ends, at once. What it answers now is lost.">
      <Twice
        label="Unlink"
        sure="Unlink it now"
        isBusy={unlinking.isPending}
        error={unlinking.error}
        onSure={() => unlinking.mutate(undefined, { onSuccess: onGone })}
      />
    </Act>
  );
}
