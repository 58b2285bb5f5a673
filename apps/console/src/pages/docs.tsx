import { NativeSelect } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useRouterState } from "@tanstack/react-router";
import { useEffect, type ReactNode } from "react";
import { anyText, useFilters } from "../parts/filters.ts";
import { Asked, NotFound } from "../parts/states.tsx";
import { chapters, pageNamed, type Page } from "./docs/files.ts";
import { Find, Found } from "./docs/find.tsx";
import { Shown } from "./docs/shown.tsx";
import classes from "./docs/docs.module.css";

const readers = { find: anyText };
const FIRST = "readme";

/** The docs, as of the version that runs here, with this coordinator's address in the examples. */
export default function Docs(): ReactNode {
  const { page: name = FIRST } = useParams({ strict: false });
  const [{ find }, change] = useFilters(readers);
  const navigate = useNavigate();
  const page = pageNamed(name);
  return (
    <div className={classes["docs"]}>
      <div className={classes["side"]}>
        <Find wanted={find} onWant={(wanted) => change({ find: wanted })} />
        <nav aria-label="Docs" className={classes["chapters"]}>
          {chapters.map(({ heading, pages }) => (
            <div key={heading}>
              <h2>{heading}</h2>
              <ul>
                {pages.map((one) => (
                  <li key={one.name}>
                    <Link
                      to={`/console/docs/${one.name}`}
                      className={classes["page"]}
                      aria-current={one.name === name ? "page" : undefined}
                    >
                      {one.title}
                    </Link>
                  </li>
                ))}
              </ul>
            </div>
          ))}
        </nav>
        <NativeSelect
          aria-label="Page of the docs"
          className={classes["choice"]}
          value={name}
          onChange={({ currentTarget }) => void navigate({ to: `/console/docs/${currentTarget.value}` })}
          data={chapters.map(({ heading, pages }) => ({
            group: heading,
            items: pages.map((one) => ({ value: one.name, label: one.title })),
          }))}
        />
      </div>
      <div className={classes["main"]}>
        {find.trim() !== "" ? (
          <>
            <h1 className={classes["title"]}>What was found</h1>
            <Found wanted={find} />
          </>
        ) : page ? (
          <One key={page.name} page={page} />
        ) : (
          <NotFound />
        )}
      </div>
    </div>
  );
}

function One({ page }: { readonly page: Page }): ReactNode {
  const query = useQuery({ queryKey: ["docs", page.name], queryFn: page.load, staleTime: Infinity });
  const hash = useRouterState({ select: ({ location }) => location.hash });
  const isThere = query.data !== undefined;
  // The part is there only once the page is.
  useEffect(() => {
    if (isThere && hash !== "") document.querySelector(`#${CSS.escape(hash)}`)?.scrollIntoView();
  }, [isThere, hash]);
  return (
    <Asked query={query} rows={12}>
      {(doc) => <Shown doc={doc} />}
    </Asked>
  );
}
