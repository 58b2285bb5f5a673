import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { meQuery, type Me } from "../api/me.ts";
import { Page } from "../parts/page.tsx";
import { Failed, Loading, NotAllowed, SignInFirst } from "../parts/states.tsx";

interface OnlyForProps {
  readonly title: string;
  readonly may: (me: Me | null) => boolean;
  /** Everybody may: nobody's name is waited for. */
  readonly isOpen: boolean;
  readonly children: ReactNode;
}

/** A page for whom it is meant, and for all others why it is not. */
export function OnlyFor({ title, may, isOpen, children }: OnlyForProps): ReactNode {
  const { data: me, error, isPending, refetch } = useQuery(meQuery);
  if (isOpen) return children;
  if (me && may(me)) return children;
  return (
    <Page title={title}>
      {isPending ? (
        <Loading />
      ) : error ? (
        <Failed error={error} retry={() => void refetch()} />
      ) : me === null ? (
        <SignInFirst />
      ) : (
        <NotAllowed />
      )}
    </Page>
  );
}
