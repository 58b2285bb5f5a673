import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { meQuery } from "../api/me.ts";
import { Failed, NotFound } from "../parts/states.tsx";
import { addressOf, loadPage, maySee, pages } from "./navigation.ts";
import { queries } from "./queries.ts";
import { OnlyFor } from "./only-for.tsx";
import { Shell } from "./shell.tsx";

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
  errorComponent: ({ error, reset }) => <Failed error={error} retry={reset} />,
});

/** Whoever opens the bare address comes to the first page that is theirs. */
const home = (path: string) =>
  createRoute({
    getParentRoute: () => root,
    path,
    beforeLoad: async () => {
      const me = await queries.ensureQueryData(meQuery).catch(() => null);
      const first = pages.find(({ audience }) => me !== null && audience === "consumer") ?? pages[0];
      if (first) throw redirect({ to: addressOf(first), replace: true });
    },
  });

const routes = pages.flatMap((entry) => {
  const Page = lazyRouteComponent(() => loadPage(entry));
  const at = (path: string) =>
    createRoute({
      getParentRoute: () => root,
      path,
      // What stands behind the question mark each page reads for itself.
      validateSearch: (search: Record<string, unknown>) => search,
      loader: () => Page.preload?.(),
      component: () => (
        <OnlyFor title={entry.title} may={(me) => maySee(entry, me)} isOpen={entry.audience === "everyone"}>
          <Page />
        </OnlyFor>
      ),
      staticData: { title: entry.title },
    });
  const address = addressOf(entry);
  return entry.deeper === undefined ? [at(address)] : [at(address), at(`${address}/${entry.deeper}`)];
});

declare module "@tanstack/react-router" {
  interface StaticDataRouteOption {
    title?: string;
  }
}

export const router = createRouter({
  routeTree: root.addChildren([home("/"), home("/console"), ...routes]),
  defaultPreload: "intent",
  scrollRestoration: true,
});
