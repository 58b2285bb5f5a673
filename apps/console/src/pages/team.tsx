import { Button, NativeSelect } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";
import { actingOn, actOn } from "../api/acting.ts";
import { teamsQuery, type Team as OneTeam } from "../api/teams.ts";
import { Act } from "../parts/act.tsx";
import { Badge } from "../parts/badges.tsx";
import { Copyable } from "../parts/copy.tsx";
import { Facts } from "../parts/facts.tsx";
import { Balance, When } from "../parts/figures.tsx";
import { Icon } from "../parts/icons.tsx";
import { Page, Panel } from "../parts/page.tsx";
import { Asked, Empty } from "../parts/states.tsx";
import { Twice } from "../parts/twice.tsx";
import { Invites } from "./team/invites.tsx";
import { Members } from "./team/members.tsx";
import { NewTeam } from "./team/new-team.tsx";
import { Settings } from "./team/settings.tsx";
import { Spenders } from "./team/spenders.tsx";
import { balanceQuery, mayManage, useDelete } from "./team/team-of.ts";
import classes from "./team/team.module.css";

/** The teams that one is in: who is in them, what bounds them, who spent what. */
export default function Team(): ReactNode {
  const query = useQuery(teamsQuery);
  const { teamId } = useParams({ strict: false });
  const navigate = useNavigate();
  const [isMaking, setMaking] = useState(false);
  const open = (id: string): void => void navigate({ to: id === "" ? "/console/team" : `/console/team/${id}` });
  const make = (
    <Button leftSection={<Icon name="add" />} onClick={() => setMaking(true)}>
      New team
    </Button>
  );
  return (
    <Page title="Team" intro="An account that many share: one balance, and who may do what on it." actions={make}>
      <Asked query={query}>
        {(teams) => {
          const team =
            teams.find(({ id }) => id === (teamId ?? actingOn)) ?? (teamId === undefined ? teams[0] : undefined);
          if (team)
            return (
              <>
                {teams.length > 1 && (
                  <NativeSelect
                    aria-label="Which team"
                    className={classes["choice"]}
                    value={team.id}
                    onChange={({ currentTarget }) => open(currentTarget.value)}
                    data={teams.map(({ id, name }) => ({ value: id, label: name }))}
                  />
                )}
                <One key={team.id} team={team} onGone={() => open("")} />
              </>
            );
          return (
            <Panel>
              {teams.length === 0 ? (
                <Empty icon="team" title="You are in no team" action={make}>
                  Make one and invite the others, or open the link that somebody sends you.
                </Empty>
              ) : (
                <Empty icon="team" title="You are in no such team">
                  Whoever sent you here may have to invite you first.
                </Empty>
              )}
            </Panel>
          );
        }}
      </Asked>
      <NewTeam isOpen={isMaking} onClose={() => setMaking(false)} onMade={open} />
    </Page>
  );
}

function One({ team, onGone }: { readonly team: OneTeam; readonly onGone: () => void }): ReactNode {
  const { data: balance } = useQuery(balanceQuery(team.id));
  const isActing = team.id === actingOn;
  return (
    <>
      <Panel
        title={team.name}
        aside={
          <Button size="compact-sm" variant="default" onClick={() => actOn(isActing ? undefined : team.id)}>
            {isActing ? "Act on your own account" : "Act on its account"}
          </Button>
        }
        isPadded
      >
        <Facts
          facts={[
            ["You are", <Badge tone="plain">{team.role}</Badge>],
            ["Can be spent", balance ? <Balance micro={balance.balance_micro_usd} /> : "…"],
            ["Account", <Copyable text={team.id} what="the team's account" />],
            ["Made", <When at={team.created_at} />],
          ]}
        />
      </Panel>
      <Members team={team} />
      {mayManage(team.role) && <Invites team={team} />}
      <Spenders team={team} />
      {mayManage(team.role) && <Settings team={team} />}
      {team.role === "owner" && <Delete team={team} onGone={onGone} />}
    </>
  );
}

function Delete({ team, onGone }: { readonly team: OneTeam; readonly onGone: () => void }): ReactNode {
  const deleting = useDelete(team.id);
  return (
    <Act words="Deleted, a team is gone for all its members. It must have no key that is good and no money left.">
      <Twice
        label="Delete this team"
        sure={`Delete ${team.name} for good`}
        isBusy={deleting.isPending}
        error={deleting.error}
        onSure={() => deleting.mutate(undefined, { onSuccess: team.id === actingOn ? () => actOn(undefined) : onGone })}
      />
    </Act>
  );
}
