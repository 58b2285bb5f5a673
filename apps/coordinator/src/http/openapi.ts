import swagger, { type FastifyDynamicSwaggerOptions } from "@fastify/swagger";
import { failures, type FailureCode } from "@darkbloom/protocol/failures";
import { openaiErrorSchema } from "@darkbloom/protocol/dialects";
import Fastify, { type RouteOptions } from "fastify";
import { jsonSchemaTransform, jsonSchemaTransformObject, serializerCompiler } from "fastify-type-provider-zod";
import type { z } from "zod";
import { declarationOf, failuresOfAccess, taken, type Declaration } from "./access.ts";
import { otherCompilers } from "./compilers.ts";

/** The description of these routes, in JSON. Nobody is served by what it is made with. */
export async function documentOf(version: string, routes: readonly RouteOptions[]): Promise<string> {
  const app = Fastify({ logger: false, exposeHeadRoutes: false, schemaController: otherCompilers });
  app.setValidatorCompiler(() => (value) => ({ value }));
  app.setSerializerCompiler(serializerCompiler);
  void app.register(swagger, describeApi(version));
  void app.register(async (scope) => {
    for (const { method, url, schema, config } of routes)
      scope.route({ method, url, ...(schema && { schema }), ...(config && { config }), handler: () => undefined });
  });
  await app.ready();
  const document = JSON.stringify(app.swagger());
  await app.close();
  return document;
}

/** The API description is made of the schemas that check requests and render answers, and of what routes declare; see `http/routes.ts`. */
const describeApi = (version: string): FastifyDynamicSwaggerOptions => ({
  openapi: {
    openapi: "3.1.0",
    info: {
      title: "Darkbloom coordinator",
      version,
      description:
        "A private inference network behind OpenAI's API. Every answer is signed by the machine that made it.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "An API key, `eigeninference-…`" },
        apiKey: {
          type: "apiKey",
          in: "header",
          name: "x-api-key",
          description: "The same key, as Anthropic's SDKs send it",
        },
        operatorToken: {
          type: "http",
          scheme: "bearer",
          description: "An operator's token for a program, `darkbloom-operator-…`, with this scope",
        },
        session: {
          type: "http",
          scheme: "bearer",
          description: "A session, `darkbloom-session-…`, of `darkbloom login`",
        },
        cookie: {
          type: "apiKey",
          in: "cookie",
          name: "__Host-darkbloom",
          description:
            "The same of a browser that is signed in; without TLS, on this machine, `darkbloom-PORT`. What writes must come from a page of this coordinator",
        },
      },
    },
  },
  transform: ({ schema, route, ...document }) => {
    const { responseHeaders = {}, otherBodies = {}, fails = [], error } = route.config ?? {};
    const declared = declarationOf(route);
    const security = securityOf(declared);
    const failed = failureResponses([...failuresOfAccess(declared), ...fails], error);
    const response = { ...(isRecord(schema?.response) && schema.response), ...failed };
    const whole = { ...schema, ...(security && { security }), response };
    const { schema: plain, url } = jsonSchemaTransform({ ...document, route, schema: whole });
    const described: Record<string, unknown> = { ...plain };
    if (isRecord(described["response"]))
      described["response"] = Object.fromEntries(
        Object.entries(described["response"]).map(([status, one]) => [
          status,
          isRecord(one) ? { ...one, headers: headersOf(Number(status), security !== undefined, responseHeaders) } : one,
        ]),
      );
    if (isRecord(described["body"])) described["body"] = { content: contentsOf(described["body"], otherBodies) };
    return { schema: withoutEmptyTuples(described), url: url.replace("*", ":id") };
  },
  transformObject: jsonSchemaTransformObject,
});

/** JSON, and what else is taken in its place. */
const contentsOf = (json: object, others: Readonly<Record<string, string>>) => ({
  "application/json": { schema: json },
  ...Object.fromEntries(
    Object.entries(others).map(([type, description]) => [
      type,
      { schema: { type: "string", format: "binary", description } },
    ]),
  ),
});

/** The failures that a route can answer with: one entry per status, naming the codes. */
function failureResponses(
  codes: readonly FailureCode[],
  schema: z.ZodType = openaiErrorSchema,
): Record<string, object> {
  const byStatus = Map.groupBy(new Set([...codes, "internal_error"] as const), (code) => failures[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, these]) => [
      status,
      { description: these.join(", "), content: { "application/json": { schema } } },
    ]),
  );
}

/** zod writes an empty tuple as `prefixItems: []`, which JSON Schema forbids; `maxItems: 0` beside it says it all. */
function withoutEmptyTuples<Value>(value: Value): Value;
function withoutEmptyTuples(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((inside: unknown) => withoutEmptyTuples(inside));
  if (!isPlain(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, inside]) => !(name === "prefixItems" && Array.isArray(inside) && inside.length === 0))
      .map(([name, inside]) => [name, withoutEmptyTuples(inside)]),
  );
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  isRecord(value) && Object.getPrototypeOf(value) === Object.prototype;

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

function headersOf(status: number, isKeyed: boolean, ofSuccess: Readonly<Record<string, string>>) {
  const words = {
    "x-request-id": "the caller's own id where it is well formed, else ours",
    "request-id": "the same, as Anthropic's SDKs read it",
    ...(isKeyed && {
      "x-ratelimit-limit-requests": "requests that are taken at once after a pause",
      "x-ratelimit-remaining-requests": "how many of them would be taken right now",
      "x-ratelimit-reset-requests": "until that is at its most again, e.g. `1s`",
    }),
    ...((status === 429 || status === 503) && { "retry-after": "seconds, where waiting helps" }),
    ...(status === 405 && { allow: "the methods that this path takes" }),
    ...(status === 401 && { "www-authenticate": "`Bearer`" }),
    ...(status === 200 && ofSuccess),
  };
  return Object.fromEntries(
    Object.entries(words).map(([name, description]) => [name, { type: "string", description }]),
  );
}

type Scheme = Readonly<Record<string, readonly string[]>>;

/** For the API description: a key goes into either of two headers; where it is needed at times alone, it may be left out. */
function securityOf({ access, scope }: Declaration): readonly Scheme[] | undefined {
  const { takesKeys, takesSessions } = taken(access);
  if (!takesKeys && !takesSessions) return undefined;
  return [
    ...(typeof access === "object" ? [{}] : []),
    ...(takesKeys ? [{ bearer: [] }, { apiKey: [] }] : []),
    ...(takesSessions ? [{ session: [] }, { cookie: [] }] : []),
    ...(scope ? [{ operatorToken: [scope] }] : []),
  ];
}
