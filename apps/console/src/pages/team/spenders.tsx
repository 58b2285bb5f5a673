import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Team } from "../../api/teams.ts";
import { Count, Money } from "../../parts/figures.tsx";
import { Panel } from "../../parts/page.tsx";
import { Rows, type Column } from "../../parts/rows.tsx";
import { Asked, Empty } from "../../parts/states.tsx";
import { KeyName, State } from "../keys/cells.tsx";
import type { Key } from "../keys/keys-of.ts";
import { KEYS_LOOKED_AT_MAX, keysQuery, mayManage, membersQuery } from "./team-of.ts";
import classes from "./team.module.css";

const windows = { none: "in all", daily: "today (UTC)", weekly: "this week", monthly: "this month" } as const;

/** Who spent what, by the keys that each has made; what was asked in a browser has no key, and is not in it. */
export function Spenders({ team }: { readonly team: Team }): ReactNode {
  const query = useQuery(keysQuery(team.id));
  const { data: members } = useQuery(membersQuery(team.id));
  const nameOf = (id: string | null): string =>
    id === null ? "the operator" : (members?.find((member) => member.id === id)?.name ?? "somebody who has left");
  const columns: readonly Column<Key>[] = [
    { name: "Key", isName: true, cell: (key) => <KeyName apiKey={key} /> },
    { name: "Made by", cell: ({ created_by }) => nameOf(created_by) },
    { name: "State", cell: (key) => <State apiKey={key} /> },
    { name: "Tokens", isNumber: true, cell: ({ usage_tokens }) => <Count value={usage_tokens} /> },
    {
      name: "Spent",
      isNumber: true,
      cell: ({ usage_usd, limit_reset }) => (
        <>
          <Money micro={Math.round(Number(usage_usd) * 1e6)} />{" "}
          <span className={classes["under"]}>{windows[limit_reset]}</span>
        </>
      ),
    },
  ];
  return (
    <Panel title={mayManage(team.role) ? "Who spent what" : "What your keys spent"}>
      <Asked query={query}>
        {(keys) =>
          keys.length === 0 ? (
            <Empty icon="keys" title="No keys yet">
              A key that is made on the team's account stands here, with what it has spent.
            </Empty>
          ) : (
            <>
              <Rows label="Keys of the team" columns={columns} rows={keys} keyOf={({ id }) => id} />
              {keys.length >= KEYS_LOOKED_AT_MAX && (
                <p className={classes["note"]}>The team has more keys than are shown here.</p>
              )}
            </>
          )
        }
      </Asked>
    </Panel>
  );
}
