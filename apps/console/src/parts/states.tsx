import { Button, Skeleton } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ApiError } from "../api/client.ts";
import { Icon, type IconName } from "./icons.tsx";
import classes from "./states.module.css";

/** Rows that stand for those that come. */
export const Loading = ({ rows = 4 }: { readonly rows?: number }): ReactNode => (
  <div className={classes["loading"]} role="status" aria-label="Loading">
    {Array.from({ length: rows }, (_, row) => (
      <Skeleton key={row} height={18} radius="sm" width={`${92 - ((row * 17) % 40)}%`} />
    ))}
  </div>
);

interface NoticeProps {
  readonly icon: IconName;
  readonly title: string;
  readonly children?: ReactNode;
  readonly action?: ReactNode;
}

/** In the place of what cannot be shown: what it is, why, and what to do. */
const Notice = ({ icon, title, children, action }: NoticeProps): ReactNode => (
  <div className={classes["notice"]}>
    <span className={classes["sign"]}>
      <Icon name={icon} size={22} />
    </span>
    <h2 className={classes["title"]}>{title}</h2>
    {children !== undefined && <div className={classes["words"]}>{children}</div>}
    {action}
  </div>
);

/** There is nothing yet. */
export const Empty = (props: Omit<NoticeProps, "icon"> & { readonly icon?: IconName }): ReactNode => (
  <Notice icon="catalogue" {...props} />
);

export const SignInFirst = (): ReactNode => (
  <Notice
    icon="lock"
    title="Sign in to see this"
    action={
      <Button component="a" href="/sign-in">
        Sign in
      </Button>
    }
  >
    This page shows what is yours: your keys, your requests, your machines.
  </Notice>
);

export const NotAllowed = (): ReactNode => (
  <Notice icon="lock" title="This page is for operators">
    You are signed in, and your role does not show it. Ask whoever runs this coordinator.
  </Notice>
);

export const NotFound = (): ReactNode => (
  <Notice icon="question" title="There is no such page">
    The list at the side has every page there is.
  </Notice>
);

/** @param retry asks again */
export function Failed({ error, retry }: { readonly error: unknown; readonly retry?: () => void }): ReactNode {
  const isRefused = error instanceof ApiError;
  return (
    <div role="alert">
      <Notice
        icon="cross"
        title={isRefused ? "The coordinator refuses this" : "This could not be loaded"}
        action={
          retry && (
            <Button variant="default" onClick={retry}>
              Try again
            </Button>
          )
        }
      >
        {error instanceof TypeError ? "The coordinator does not answer." : error instanceof Error ? error.message : ""}
        {isRefused && error.requestId !== undefined && <div className={classes["id"]}>{error.requestId}</div>}
      </Notice>
    </div>
  );
}

interface AskedProps<Data> {
  readonly query: UseQueryResult<Data>;
  readonly rows?: number;
  readonly children: (data: Data) => ReactNode;
}

/** What was asked for, once it is there; until then that it comes, or why it does not. */
export function Asked<Data>({ query, rows, children }: AskedProps<Data>): ReactNode {
  if (query.data !== undefined) return children(query.data);
  if (query.error) return <Failed error={query.error} retry={() => void query.refetch()} />;
  return <Loading {...(rows !== undefined && { rows })} />;
}
