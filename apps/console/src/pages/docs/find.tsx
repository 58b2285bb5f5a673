import { TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Asked } from "../../parts/states.tsx";
import { search, sections } from "./search.ts";
import classes from "./docs.module.css";

interface FindProps {
  readonly wanted: string;
  readonly onWant: (wanted: string) => void;
}

export const Find = ({ wanted, onWant }: FindProps): ReactNode => (
  <TextInput
    type="search"
    aria-label="Search the docs"
    placeholder="Search"
    value={wanted}
    onChange={({ currentTarget }) => onWant(currentTarget.value)}
  />
);

/** In the place of a page, what was found in all of them. */
export function Found({ wanted }: Pick<FindProps, "wanted">): ReactNode {
  const query = useQuery({ queryKey: ["docs"], queryFn: sections, staleTime: Infinity });
  return (
    <Asked query={query}>
      {(all) => {
        const hits = search(all, wanted);
        return (
          <div aria-live="polite">
            {hits.length === 0 ? (
              <p className={classes["none"]}>Nothing has all of these words. Try fewer, or others.</p>
            ) : (
              <ul className={classes["hits"]}>
                {hits.map(({ page, pageTitle, part, title, around }) => (
                  <li key={`${page}#${part}`}>
                    <Link to={`/console/docs/${page}`} {...(part !== "" && { hash: part })}>
                      {title}
                    </Link>
                    <span className={classes["of"]}>{pageTitle}</span>
                    <span className={classes["around"]}>{around}</span>
                  </li>
                ))}
              </ul>
            )}
          </div>
        );
      }}
    </Asked>
  );
}
