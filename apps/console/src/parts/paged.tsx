import { Button } from "@mantine/core";
import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Rows, type Column } from "./rows.tsx";
import { Failed, Loading } from "./states.tsx";

interface PagedProps<Row> {
  readonly query: UseInfiniteQueryResult<InfiniteData<{ readonly data: readonly Row[] }>>;
  /** What it lists, for who does not see it. */
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly keyOf: (row: Row) => string;
  /** In the place of no rows. */
  readonly empty: ReactNode;
}

/** A list that comes a page at a time, and goes on where somebody wants more. */
export function Paged<Row>({ query, label, columns, keyOf, empty }: PagedProps<Row>): ReactNode {
  const rows = query.data?.pages.flatMap(({ data }) => data);
  return (
    <>
      {rows ? (
        rows.length === 0 ? (
          empty
        ) : (
          <Rows label={label} columns={columns} rows={rows} keyOf={keyOf} />
        )
      ) : query.error ? (
        <Failed error={query.error} retry={() => void query.refetch()} />
      ) : (
        <Loading />
      )}
      {query.hasNextPage && (
        <Button
          variant="subtle"
          fullWidth
          loading={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          Show more
        </Button>
      )}
    </>
  );
}
