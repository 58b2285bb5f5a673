import { Button, NativeSelect } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import type { Team } from "../../api/teams.ts";
import { Wrong } from "../../parts/act.tsx";
import { Badge } from "../../parts/badges.tsx";
import { When } from "../../parts/figures.tsx";
import { Panel } from "../../parts/page.tsx";
import { Rows, type Column } from "../../parts/rows.tsx";
import { Snippet } from "../../parts/snippet.tsx";
import { Asked, Empty } from "../../parts/states.tsx";
import { Twice } from "../../parts/twice.tsx";
import { invitesQuery, roles, useInvite, useWithdraw, type Invite, type Role } from "./team-of.ts";
import classes from "./team.module.css";

/** A link lets one person in, with the role that it was made for. */
export function Invites({ team }: { readonly team: Team }): ReactNode {
  const query = useQuery(invitesQuery(team.id));
  const inviting = useInvite(team.id);
  const [role, setRole] = useState<Role>("member");
  const columns: readonly Column<Invite>[] = [
    { name: "For", isName: true, cell: (invite) => <Badge tone="plain">{invite.role}</Badge> },
    { name: "Made", isNumber: true, cell: ({ created_at }) => <When at={created_at} /> },
    { name: "Good until", isNumber: true, cell: ({ expires_at }) => <When at={expires_at} /> },
    { name: "", isNumber: true, cell: ({ id }) => <Withdraw teamId={team.id} inviteId={id} /> },
  ];
  return (
    <Panel
      title="Open invites"
      aside={
        <form
          className={classes["line"]}
          onSubmit={(event) => {
            event.preventDefault();
            inviting.mutate(role);
          }}
        >
          {team.role === "owner" && (
            <NativeSelect
              size="xs"
              aria-label="Invite as"
              value={role}
              onChange={({ currentTarget }) => setRole(roles.find((one) => one === currentTarget.value) ?? "member")}
              data={[...roles]}
            />
          )}
          <Button type="submit" size="compact-sm" loading={inviting.isPending}>
            Invite somebody
          </Button>
        </form>
      }
    >
      {inviting.error && <Wrong error={inviting.error} />}
      {inviting.data && (
        <div className={classes["made"]} role="status">
          <p className={classes["words"]}>
            Shown this once. Whoever opens it signed in may join as {inviting.data.role}, once and within seven days.
          </p>
          <Snippet text={inviting.data.url} what="the invite" />
        </div>
      )}
      <Asked query={query} rows={2}>
        {(invites) =>
          invites.length === 0 ? (
            <Empty icon="team" title="No invite is open">
              An invite is a link that lets one person into this team.
            </Empty>
          ) : (
            <Rows label="Open invites" columns={columns} rows={invites} keyOf={({ id }) => id} />
          )
        }
      </Asked>
    </Panel>
  );
}

function Withdraw({ teamId, inviteId }: { readonly teamId: string; readonly inviteId: string }): ReactNode {
  const withdrawing = useWithdraw(teamId, inviteId);
  return (
    <Twice
      label="Withdraw"
      sure="Withdraw it now"
      isBusy={withdrawing.isPending}
      error={withdrawing.error}
      onSure={() => withdrawing.mutate(undefined)}
    />
  );
}
