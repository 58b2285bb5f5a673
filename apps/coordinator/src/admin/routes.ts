import { showOpenApi, type Described } from "../http/described.ts";
import type { Route } from "../http/door.ts";
import type { Placed } from "../http/routes.ts";
import { nothing, type AdminCall } from "./call.ts";
import { adminCalls } from "./calls.ts";
import { adminFailure } from "./fault.ts";
import type { Admin } from "./operations.ts";

/** What each says of who may use it: the operator, whichever way that is shown. */
const declared = { access: "operator", limit: "none" } as const;

/** The operator's routes. @param described all of them */
export const adminRoutes = (admin: Admin, described: Pick<Described, "document">): readonly Placed[] => [
  ...Object.values<AdminCall>(adminCalls).map((call): Placed => ({
    method: call.method,
    path: call.path,
    route: routeOf(admin, call),
  })),
  { method: "GET", path: "/openapi.json", route: { ...showOpenApi(described), config: declared } },
];

const routeOf = (admin: Admin, call: AdminCall): Route => ({
  schema: {
    summary: call.summary,
    tags: ["operator"],
    ...(call.method === "POST" && { body: call.body }),
    ...(takesQuery(call) && { querystring: call.body }),
    response: {
      200: call.answer,
      "4xx": { description: "Refused, with a sentence", content: { "application/json": { schema: adminFailure } } },
    },
  },
  config: { ...declared, error: adminFailure },
  handler: ({ body, query }) => call.perform(admin, takesQuery(call) ? query : body),
});

const takesQuery = ({ method, body }: AdminCall): boolean => method === "GET" && body !== nothing;
