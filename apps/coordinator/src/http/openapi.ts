import type { FastifyDynamicSwaggerOptions } from "@fastify/swagger";
import type { FastifyInstance } from "fastify";
import { jsonSchemaTransform, jsonSchemaTransformObject } from "fastify-type-provider-zod";
import { z } from "zod";
import { failureResponses, type Route } from "./door.ts";

/** The API description is made of the schemas that check requests and render answers; see `http/routes.ts`. */
export const describeApi = (version: string): FastifyDynamicSwaggerOptions => ({
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
      },
    },
  },
  transform: (document) => {
    const { schema, url } = jsonSchemaTransform(document);
    const { responseHeaders = {} } = document.route.config ?? {};
    const described: Record<string, unknown> = { ...schema };
    if (isRecord(described["response"])) {
      const isKeyed = described["security"] !== undefined;
      described["response"] = Object.fromEntries(
        Object.entries(described["response"]).map(([status, response]) => [
          status,
          isRecord(response) ? { ...response, headers: headersOf(Number(status), isKeyed, responseHeaders) } : response,
        ]),
      );
    }
    return { schema: withoutEmptyTuples(described), url: url.replace("*", ":id") };
  },
  transformObject: jsonSchemaTransformObject,
});

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

/** `GET /openapi.json` */
export const showOpenApi = (app: FastifyInstance): Route => ({
  schema: {
    summary: "This description",
    tags: ["guide"],
    response: {
      200: { description: "An OpenAPI 3.1 document", content: { "application/json": { schema: z.looseObject({}) } } },
      ...failureResponses([]),
    },
  },
  handler: async (_request, reply) => reply.type("application/json; charset=utf-8").send(JSON.stringify(app.swagger())),
});
