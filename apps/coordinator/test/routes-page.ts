import { join } from "node:path";
import { adminOf } from "../src/admin/operations.ts";
import { adminRoutes } from "../src/admin/routes.ts";
import { routesPage } from "../src/http/route-table.ts";
import { documentOf } from "../src/http/openapi.ts";
import { routesOf, upgrades } from "../src/http/routes.ts";
import { doorOf } from "../src/http/server.ts";
import { edgeDeps } from "./http-kit.ts";

export const routesFile = join(import.meta.dirname, "../../../docs/routes.md");

/** What `docs/routes.md` is to hold. */
export function routesText(): string {
  const document = (): never => {
    throw new Error("nobody asks for the description");
  };
  const nothing = async () => {};
  const unasked = { list: async () => [], put: nothing, forgive: nothing };
  const { deps } = edgeDeps();
  const admin = adminOf({
    ...deps,
    withdrawals: deps.payouts.withdrawals,
    links: undefined,
    decisions: unasked,
    standings: unasked,
  });
  return routesPage(routesOf(doorOf(deps), { document }), upgrades, adminRoutes(admin, { document }));
}

/** What `GET /openapi.json` answers, without a server. */
export function descriptionOf(): Promise<string> {
  const document = (): never => {
    throw new Error("it is being made");
  };
  const { deps } = edgeDeps();
  const routes = routesOf(doorOf(deps), { document }).map(({ method, path, route }) => ({
    ...route,
    method,
    url: path,
  }));
  return documentOf(deps.settings.version, routes);
}
