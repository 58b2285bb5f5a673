import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

/** The kinds of change that a coordinator tells of. */
export type ChangeKind = "keys" | "load" | "machines" | "money" | "people" | "requests" | "sessions" | "teams";

declare module "@tanstack/react-query" {
  interface Register {
    /** After which changes what was asked is asked again. */
    queryMeta: { readonly changesWith?: readonly ChangeKind[] };
  }
}

/** After a stream that was refused, how soon another is tried. */
const RETRY_MS = 10_000;

/** Keeps what is shown as it is, for as long as somebody is signed in. @returns whether changes are heard of now */
export function useLive(isSignedIn: boolean): boolean {
  const client = useQueryClient();
  const [isLive, setLive] = useState(false);
  useEffect(() => {
    if (!isSignedIn) return undefined;
    let source: EventSource;
    let retry: ReturnType<typeof setTimeout> | undefined;
    const open = (): void => {
      source = new EventSource("/v1/me/events");
      let isFirst = true;
      source.addEventListener("open", () => {
        setLive(true);
        // What changed while nobody listened was told to nobody.
        if (!isFirst) void client.invalidateQueries();
        isFirst = false;
      });
      source.addEventListener("message", ({ data }) => void refresh(client, JSON.parse(String(data)) as ChangeKind[]));
      source.addEventListener("error", () => {
        setLive(false);
        if (source.readyState !== EventSource.CLOSED) return;
        void client.invalidateQueries({ queryKey: ["me"] });
        retry = setTimeout(open, RETRY_MS);
      });
    };
    open();
    return () => {
      clearTimeout(retry);
      source.close();
      setLive(false);
    };
  }, [client, isSignedIn]);
  return isLive;
}

const refresh = (client: QueryClient, kinds: readonly ChangeKind[]): Promise<void> =>
  client.invalidateQueries({
    predicate: ({ meta }) => meta?.changesWith?.some((kind) => kinds.includes(kind)) === true,
  });
