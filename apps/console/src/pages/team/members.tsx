import { NativeSelect } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Team } from "../../api/teams.ts";
import { useMe } from "../../api/me.ts";
import { Wrong } from "../../parts/act.tsx";
import { Badge } from "../../parts/badges.tsx";
import { When } from "../../parts/figures.tsx";
import { Panel } from "../../parts/page.tsx";
import { Rows, type Column } from "../../parts/rows.tsx";
import { Asked } from "../../parts/states.tsx";
import { Twice } from "../../parts/twice.tsx";
import { mayManage, membersQuery, roles, useChangeRole, useTakeOut, type Member } from "./team-of.ts";
import classes from "./team.module.css";

/** Who is in a team, with what role; owners change roles, admins take members out, everybody may leave. */
export function Members({ team }: { readonly team: Team }): ReactNode {
  const me = useMe();
  const query = useQuery(membersQuery(team.id));
  const columns: readonly Column<Member>[] = [
    { name: "Member", isName: true, cell: (member) => <Name member={member} isMe={member.id === me?.id} /> },
    {
      name: "Role",
      cell: (member) =>
        team.role === "owner" ? (
          <RoleChoice teamId={team.id} member={member} />
        ) : (
          <Badge tone="plain">{member.role}</Badge>
        ),
    },
    { name: "Joined", isNumber: true, cell: ({ joined_at }) => <When at={joined_at} /> },
    {
      name: "",
      isNumber: true,
      cell: (member) => {
        const isMe = member.id === me?.id;
        const mayTakeOut = team.role === "owner" || (mayManage(team.role) && member.role === "member");
        return isMe || mayTakeOut ? <TakeOut teamId={team.id} member={member} isMe={isMe} /> : null;
      },
    },
  ];
  return (
    <Panel title="Members">
      <Asked query={query}>
        {(members) => <Rows label="Members" columns={columns} rows={members} keyOf={({ id }) => id} />}
      </Asked>
    </Panel>
  );
}

const Name = ({ member: { name, mail, id }, isMe }: { readonly member: Member; readonly isMe: boolean }): ReactNode => (
  <span className={classes["person"]}>
    <span className={classes["name"]}>
      {name || "Unnamed"} {isMe && <Badge tone="good">you</Badge>}
    </span>
    <span className={classes["under"]}>{mail ?? id}</span>
  </span>
);

interface OfMember {
  readonly teamId: string;
  readonly member: Member;
}

function RoleChoice({ teamId, member }: OfMember): ReactNode {
  const changing = useChangeRole(teamId, member.id);
  return (
    <span className={classes["stack"]}>
      <NativeSelect
        size="xs"
        aria-label={`Role of ${member.name}`}
        value={member.role}
        disabled={changing.isPending}
        onChange={({ currentTarget: { value } }) => {
          const role = roles.find((one) => one === value);
          if (role) changing.mutate(role);
        }}
        data={[...roles]}
      />
      {changing.error && <Wrong error={changing.error} />}
    </span>
  );
}

function TakeOut({ teamId, member, isMe }: OfMember & { readonly isMe: boolean }): ReactNode {
  const taking = useTakeOut(teamId, member.id);
  return (
    <Twice
      label={isMe ? "Leave" : "Take out"}
      sure={isMe ? "Leave, and revoke my keys here" : "Take out, and revoke their keys here"}
      isBusy={taking.isPending}
      error={taking.error}
      onSure={() => taking.mutate(undefined)}
    />
  );
}
