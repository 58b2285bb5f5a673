import { queryOptions, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { paths } from "../../../generated/openapi.ts";
import { useChangeOf } from "../../api/change.ts";
import { answered, api } from "../../api/client.ts";
import { Badge } from "../../parts/badges.tsx";
import { When } from "../../parts/figures.tsx";
import { Panel } from "../../parts/page.tsx";
import { Rows, type Column } from "../../parts/rows.tsx";
import { Asked } from "../../parts/states.tsx";
import { Twice } from "../../parts/twice.tsx";
import classes from "./account.module.css";

type Session = paths["/v1/me/sessions"]["get"]["responses"]["200"]["content"]["application/json"]["data"][number];

const SESSIONS = ["sessions"] as const;
const sessionsQuery = queryOptions({
  queryKey: SESSIONS,
  queryFn: async () => (await answered(api.GET("/v1/me/sessions"))).data,
  meta: { changesWith: ["sessions"] },
});

const endSession = (id: string) => answered(api.DELETE("/v1/me/sessions/{id}", { params: { path: { id } } }));

const columns: readonly Column<Session>[] = [
  {
    name: "Where",
    isName: true,
    cell: ({ client, kind, current }) => (
      <span className={classes["where"]}>
        <span className={classes["client"]}>{client}</span>
        {kind === "cli" && <span className={classes["kind"]}>a program</span>}
        {current && <Badge tone="good">this one</Badge>}
      </span>
    ),
  },
  { name: "Signed in", isNumber: true, cell: ({ created_at }) => <When at={created_at} /> },
  { name: "Last used", isNumber: true, cell: ({ last_used_at }) => <When at={last_used_at} /> },
  { name: "Ends", isNumber: true, cell: ({ expires_at }) => <When at={expires_at} /> },
  { name: "", isNumber: true, cell: (session) => (session.current ? null : <EndOne session={session} />) },
];

/** Where one is signed in; each of it is ended here, at once. */
export function Sessions(): ReactNode {
  const query = useQuery(sessionsQuery);
  const others = query.data?.filter(({ current }) => !current) ?? [];
  const ending = useChangeOf(SESSIONS, async (ids: readonly string[]) => {
    for (const id of ids) await endSession(id);
  });
  return (
    <Panel
      title="Where you are signed in"
      aside={
        others.length > 0 && (
          <Twice
            label="End all others"
            sure={others.length === 1 ? "End the other now" : `End ${others.length} now`}
            isBusy={ending.isPending}
            error={ending.error}
            onSure={() => ending.mutate(others.map(({ id }) => id))}
          />
        )
      }
    >
      <Asked query={query}>
        {(sessions) => <Rows label="Sessions" columns={columns} rows={sessions} keyOf={({ id }) => id} />}
      </Asked>
    </Panel>
  );
}

function EndOne({ session: { id } }: { readonly session: Session }): ReactNode {
  const ending = useChangeOf(SESSIONS, () => endSession(id));
  return (
    <Twice
      label="End"
      sure="End it now"
      isBusy={ending.isPending}
      error={ending.error}
      onSure={() => ending.mutate(undefined)}
    />
  );
}
