import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { Badge } from "../../parts/badges.tsx";
import { When } from "../../parts/figures.tsx";
import { Panel } from "../../parts/page.tsx";
import { Rows, type Column } from "../../parts/rows.tsx";
import { Snippet } from "../../parts/snippet.tsx";
import { Asked, Empty } from "../../parts/states.tsx";
import { Twice } from "../../parts/twice.tsx";
import { Role } from "./cells.tsx";
import {
  addressAt,
  invitesQuery,
  isOpenInvite,
  useInvite,
  useRevokeInvite,
  type Invite,
  type Person,
} from "./people-of.ts";
import { timeOf } from "./person-drawer.tsx";
import classes from "./people.module.css";

const columns: readonly Column<Invite>[] = [
  {
    name: "For",
    isName: true,
    cell: ({ mail }) => <span className={classes["name"]}>{mail ?? "whoever has the link"}</span>,
  },
  { name: "Role", cell: ({ role }) => <Role role={role} /> },
  { name: "State", cell: (invite) => <InviteState invite={invite} /> },
  { name: "Made", isNumber: true, cell: ({ created_at }) => <When at={timeOf(created_at)} /> },
  { name: "Ends", isNumber: true, cell: ({ expires_at }) => <When at={timeOf(expires_at)} /> },
  { name: "Take back", isNumber: true, cell: (invite) => (isOpenInvite(invite) ? <TakeBack invite={invite} /> : null) },
];

/** Who was let come, and lets somebody come. */
export function Invites(): ReactNode {
  const query = useQuery(invitesQuery);
  return (
    <>
      <NewInvite />
      <Panel title="Invites">
        <Asked query={query}>
          {(invites) =>
            invites.length === 0 ? (
              <Empty icon="team" title="Nobody was invited">
                An invite lets one person come, within seven days.
              </Empty>
            ) : (
              <Rows label="Invites" columns={columns} rows={invites} keyOf={({ invite_id }) => invite_id} />
            )
          }
        </Asked>
      </Panel>
    </>
  );
}

function InviteState({ invite }: { readonly invite: Invite }): ReactNode {
  if (invite.used_at !== null) return <Badge tone="good">used</Badge>;
  if (invite.revoked_at !== null) return <Badge tone="plain">taken back</Badge>;
  return isOpenInvite(invite) ? <Badge tone="warn">open</Badge> : <Badge tone="plain">over</Badge>;
}

function TakeBack({ invite }: { readonly invite: Invite }): ReactNode {
  const revoking = useRevokeInvite(invite.invite_id);
  return (
    <Twice
      label="Take back"
      sure="Take it back now"
      isBusy={revoking.isPending}
      error={revoking.error}
      onSure={() => revoking.mutate(undefined)}
    />
  );
}

function NewInvite(): ReactNode {
  const inviting = useInvite();
  const [mail, setMail] = useState("");
  const [role, setRole] = useState<Person["role"]>("member");
  const made = inviting.data;
  return (
    <Panel title="Invite somebody" isPadded>
      <form
        className={classes["form"]}
        onSubmit={(event) => {
          event.preventDefault();
          inviting.mutate({ mail: mail.trim(), role }, { onSuccess: () => setMail("") });
        }}
      >
        <TextInput
          label="Mail address"
          placeholder="None: a link, for whoever has it"
          className={classes["mail"]}
          value={mail}
          onChange={({ currentTarget }) => setMail(currentTarget.value)}
        />
        <NativeSelect
          label="Role"
          value={role}
          onChange={({ currentTarget }) => setRole(currentTarget.value === "operator" ? "operator" : "member")}
          data={["member", "operator"]}
        />
        <Button type="submit" loading={inviting.isPending}>
          Invite
        </Button>
      </form>
      {inviting.error && (
        <p className={classes["wrong"]} role="alert">
          {inviting.error.message}
        </p>
      )}
      {made && (
        <div className={classes["made"]} role="status">
          <p className={classes["words"]}>
            {made.mail === null
              ? "Shown this once: whoever follows it comes in, once, within seven days."
              : `${made.mail} signs in here by a code that comes by mail, within seven days:`}
          </p>
          <Snippet text={addressAt(made.path)} what="the address" />
        </div>
      )}
    </Panel>
  );
}
