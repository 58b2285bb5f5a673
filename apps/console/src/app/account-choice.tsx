import { NativeSelect } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { actingOn, actOn } from "../api/acting.ts";
import { teamsQuery } from "../api/teams.ts";
import type { Me } from "../api/me.ts";

/** On whose account somebody acts who is in a team: their own, or the team's. */
export function AccountChoice({ me }: { readonly me: Me }): ReactNode {
  const { data: teams = [] } = useQuery(teamsQuery);
  if (teams.length === 0 && actingOn === undefined) return null;
  return (
    <NativeSelect
      size="xs"
      aria-label="Account"
      value={actingOn ?? ""}
      onChange={({ currentTarget: { value } }) => actOn(value === "" ? undefined : value)}
      data={[
        { value: "", label: `${me.name}, your own` },
        ...teams.map(({ id, name }) => ({ value: id, label: `${name}, a team` })),
      ]}
    />
  );
}
