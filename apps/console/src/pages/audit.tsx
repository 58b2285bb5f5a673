import { Button, NativeSelect, TextInput } from "@mantine/core";
import { infiniteQueryOptions, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { paths } from "../../generated/openapi.ts";
import { answered, api } from "../api/client.ts";
import { When } from "../parts/figures.tsx";
import { anyText, oneOf, useFilters } from "../parts/filters.ts";
import { Page, Panel } from "../parts/page.tsx";
import { Rows, type Column } from "../parts/rows.tsx";
import { Empty, Failed, Loading } from "../parts/states.tsx";
import { told } from "./audit/actions.ts";
import { peopleQuery } from "./people/people-of.ts";
import classes from "./audit/audit.module.css";

type Entry = paths["/v1/admin/audit"]["get"]["responses"]["200"]["content"]["application/json"]["entries"][number];

const ROWS = 100;

const auditQuery = infiniteQueryOptions({
  queryKey: ["audit"],
  queryFn: async ({ pageParam }) => {
    const query = { rows: ROWS, ...(pageParam > 0 && { before: pageParam }) };
    return (await answered(api.GET("/v1/admin/audit", { params: { query } }))).entries;
  },
  initialPageParam: 0,
  getNextPageParam: (entries) => (entries.length < ROWS ? undefined : entries.at(-1)?.seq),
  meta: { changesWith: ["keys", "machines", "money", "people", "sessions"] },
});

const abouts = ["all", "people", "sessions", "keys", "machines", "teams", "money"] as const;
const readers = { about: oneOf(...abouts), find: anyText };

/** What sessions and operators have changed. */
export default function Audit(): ReactNode {
  const query = useInfiniteQuery(auditQuery);
  const { data: people = [] } = useQuery(peopleQuery);
  const [{ about, find }, change] = useFilters(readers);
  const names = new Map(people.map(({ person_id, name }) => [person_id, name]));
  const columns: readonly Column<Entry>[] = [
    { name: "What", isName: true, cell: ({ action }) => <span className={classes["what"]}>{told[action].words}</span> },
    {
      name: "By",
      cell: ({ actor }) => <Whom id={actor} name={actor === "socket" ? "the socket" : names.get(actor)} />,
    },
    { name: "On", cell: ({ subject }) => <Whom id={subject} name={names.get(subject)} /> },
    { name: "When", isNumber: true, cell: ({ at }) => <When at={new Date(at).toISOString()} /> },
  ];
  const entries = query.data?.pages.flat();
  const wanted = find.toLowerCase();
  const shown = entries?.filter(
    ({ action, actor, subject }) =>
      (about === "all" || told[action].about === about) &&
      [action, told[action].words, actor, subject, names.get(actor), names.get(subject)].some(
        (word) => word?.toLowerCase().includes(wanted) === true,
      ),
  );
  return (
    <Page
      title="Audit"
      intro="Who changed what, the newest first. Nothing is taken away from it, and it has nobody's words: only ids."
    >
      <Panel
        title="Changes"
        aside={
          <>
            <TextInput
              size="xs"
              aria-label="Find a change"
              placeholder="Name, id or action"
              value={find}
              onChange={({ currentTarget }) => change({ find: currentTarget.value })}
            />
            <NativeSelect
              size="xs"
              aria-label="About what"
              value={about}
              onChange={({ currentTarget }) => change({ about: readers.about(currentTarget.value) })}
              data={abouts.map((value) => ({ value, label: value === "all" ? "About anything" : `About ${value}` }))}
            />
          </>
        }
      >
        {shown ? (
          shown.length === 0 ? (
            <Empty icon="audit" title="No change is like this">
              {query.hasNextPage
                ? `None of the newest ${entries?.length.toLocaleString()} is. Older ones are shown below.`
                : "Change the filters above."}
            </Empty>
          ) : (
            <Rows label="Changes" columns={columns} rows={shown} keyOf={({ seq }) => String(seq)} />
          )
        ) : query.error ? (
          <Failed error={query.error} retry={() => void query.refetch()} />
        ) : (
          <Loading />
        )}
      </Panel>
      {query.hasNextPage && (
        <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          Show older ones
        </Button>
      )}
    </Page>
  );
}

/** Somebody by name, where one is known; whatever else by its id. */
const Whom = ({ id, name }: { readonly id: string; readonly name: string | undefined }): ReactNode =>
  name ? (
    <span title={id}>{name}</span>
  ) : (
    <code className={classes["id"]} title={id}>
      {id}
    </code>
  );
