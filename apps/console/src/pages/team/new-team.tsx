import { Button, Modal, TextInput } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { Wrong } from "../../parts/act.tsx";
import { useMake } from "./team-of.ts";
import classes from "./team.module.css";

interface NewTeamProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly onMade: (id: string) => void;
}

export function NewTeam({ isOpen, onClose, onMade }: NewTeamProps): ReactNode {
  const making = useMake();
  const [name, setName] = useState("");
  const close = (): void => {
    making.reset();
    setName("");
    onClose();
  };
  return (
    <Modal opened={isOpen} onClose={close} title="New team" closeButtonProps={{ "aria-label": "Close" }}>
      <form
        className={classes["form"]}
        onSubmit={(event) => {
          event.preventDefault();
          making.mutate(name, {
            onSuccess: ({ id }) => {
              close();
              onMade(id);
            },
          });
        }}
      >
        <p className={classes["words"]}>One balance for many. You own it, and invite the others.</p>
        <TextInput
          label="Name"
          placeholder="The lab"
          data-autofocus
          value={name}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
        />
        {making.error && <Wrong error={making.error} />}
        <Button type="submit" loading={making.isPending}>
          Make it
        </Button>
      </form>
    </Modal>
  );
}
