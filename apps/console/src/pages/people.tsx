import { SegmentedControl, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { When } from "../parts/figures.tsx";
import { anyText, oneOf, useFilters } from "../parts/filters.ts";
import { Page, Panel } from "../parts/page.tsx";
import { Rows, type Column } from "../parts/rows.tsx";
import { Asked, Empty } from "../parts/states.tsx";
import { Role, State } from "./people/cells.tsx";
import { Invites } from "./people/invites.tsx";
import { peopleQuery, type Person } from "./people/people-of.ts";
import { PersonDrawer, timeOf } from "./people/person-drawer.tsx";
import classes from "./people/people.module.css";

const readers = { show: oneOf("all", "operators", "disabled"), find: anyText, person: anyText };

const columns: readonly Column<Person>[] = [
  {
    name: "Person",
    isName: true,
    cell: ({ name, mail, person_id }) => (
      <span className={classes["person"]}>
        <span className={classes["name"]}>{name || "Unnamed"}</span>
        <span className={classes["under"]}>{mail ?? person_id}</span>
      </span>
    ),
  },
  { name: "Role", cell: ({ role }) => <Role role={role} /> },
  { name: "State", cell: (person) => <State person={person} /> },
  { name: "Account", cell: ({ account }) => <code className={classes["id"]}>{account}</code> },
  { name: "Here since", isNumber: true, cell: ({ created_at }) => <When at={timeOf(created_at)} /> },
];

/** Everybody who can sign in, or could; an operator shuts somebody out, and lets somebody come. */
export default function People(): ReactNode {
  const query = useQuery(peopleQuery);
  const [filters, change] = useFilters(readers);
  return (
    <Page
      title="People"
      intro="Who can sign in here, and who may come. Whoever is disabled can do nothing from the next request on."
    >
      <Panel
        title="People"
        aside={
          <>
            <TextInput
              size="xs"
              aria-label="Find somebody"
              placeholder="Name, mail or id"
              value={filters.find}
              onChange={({ currentTarget }) => change({ find: currentTarget.value })}
            />
            <SegmentedControl
              size="xs"
              aria-label="Who"
              value={filters.show}
              onChange={(show) => change({ show })}
              data={[
                { value: "all", label: "All" },
                { value: "operators", label: "Operators" },
                { value: "disabled", label: "Disabled" },
              ]}
            />
          </>
        }
      >
        <Asked query={query}>
          {(people) => {
            const shown = people.filter((person) => isShown(person, filters));
            if (shown.length === 0)
              return (
                <Empty icon="team" title="Nobody is like this">
                  Change the filters above.
                </Empty>
              );
            return (
              <Rows
                label="People"
                columns={columns}
                rows={shown}
                keyOf={({ person_id }) => person_id}
                onOpen={({ person_id }) => change({ person: person_id })}
              />
            );
          }}
        </Asked>
      </Panel>
      <Invites />
      <PersonDrawer
        person={query.data?.find(({ person_id }) => person_id === filters.person)}
        onClose={() => change({ person: "" })}
      />
    </Page>
  );
}

function isShown(person: Person, { show, find }: { readonly show: string; readonly find: string }): boolean {
  if (show === "operators" && person.role !== "operator") return false;
  if (show === "disabled" && person.disabled_at === null) return false;
  const wanted = find.toLowerCase();
  return [person.name, person.mail ?? "", person.person_id, person.account].some((word) =>
    word.toLowerCase().includes(wanted),
  );
}
