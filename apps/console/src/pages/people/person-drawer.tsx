import { Button, Drawer } from "@mantine/core";
import type { ReactNode } from "react";
import { useMe } from "../../api/me.ts";
import { Act } from "../../parts/act.tsx";
import { Copyable } from "../../parts/copy.tsx";
import { Facts } from "../../parts/facts.tsx";
import { When } from "../../parts/figures.tsx";
import { Snippet } from "../../parts/snippet.tsx";
import { Twice } from "../../parts/twice.tsx";
import { Role, State } from "./cells.tsx";
import { addressAt, useDisable, useEnable, useSignInLink, type Person } from "./people-of.ts";
import classes from "./people.module.css";

interface PersonDrawerProps {
  readonly person: Person | undefined;
  readonly onClose: () => void;
}

/** One person: let in no more, or again, or by a link. */
export const PersonDrawer = ({ person, onClose }: PersonDrawerProps): ReactNode => (
  <Drawer
    opened={person !== undefined}
    onClose={onClose}
    size="lg"
    title={person?.name || "A person"}
    closeButtonProps={{ "aria-label": "Close" }}
  >
    {person && <One key={person.person_id} person={person} />}
  </Drawer>
);

function One({ person }: { readonly person: Person }): ReactNode {
  const me = useMe();
  return (
    <div className={classes["one"]}>
      <Facts
        facts={[
          ["State", <State person={person} />],
          ["Role", <Role role={person.role} />],
          ["Mail", person.mail ?? "none is known"],
          ["Here since", <When at={timeOf(person.created_at)} />],
          ["Person", <Copyable text={person.person_id} what="the person's id" />],
          ["Account", <Copyable text={person.account} what="the account's id" />],
        ]}
      />
      {person.disabled_at !== null ? (
        <Enable person={person} />
      ) : me?.id === person.person_id ? (
        <p className={classes["words"]}>This is you: only another operator disables you.</p>
      ) : (
        <Disable person={person} />
      )}
      {person.role === "operator" && person.disabled_at === null && <SignInLink person={person} />}
    </div>
  );
}

export const timeOf = (at: number): string => new Date(at).toISOString();

function Disable({ person }: { readonly person: Person }): ReactNode {
  const disabling = useDisable(person.person_id);
  return (
    <Act words="To disable somebody ends their sessions and revokes their keys at once, also those that they made on a team's account. Enabled again they sign in again; their keys stay revoked.">
      <Twice
        label="Disable"
        sure="End all of it now"
        isBusy={disabling.isPending}
        error={disabling.error}
        onSure={() => disabling.mutate(undefined)}
      />
    </Act>
  );
}

function Enable({ person }: { readonly person: Person }): ReactNode {
  const enabling = useEnable(person.person_id);
  return (
    <Act words="They may sign in again. Their keys stay revoked." error={enabling.error}>
      <Button
        size="compact-sm"
        variant="default"
        loading={enabling.isPending}
        onClick={() => enabling.mutate(undefined)}
      >
        Enable
      </Button>
    </Act>
  );
}

function SignInLink({ person }: { readonly person: Person }): ReactNode {
  const making = useSignInLink(person.account);
  return (
    <Act words="A link signs this operator in, once and within ten minutes, whoever follows it." error={making.error}>
      {making.data ? (
        <Snippet text={addressAt(making.data.path)} what="the link" />
      ) : (
        <Button size="compact-sm" variant="default" loading={making.isPending} onClick={() => making.mutate(undefined)}>
          Make a sign-in link
        </Button>
      )}
    </Act>
  );
}
