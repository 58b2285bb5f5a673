import { NetworkError } from "@darkbloom/protocol/failures";
import { ourWords } from "@darkbloom/protocol/ids";
import type { FastifyRequest } from "fastify";
import { nothing, type AdminCall } from "../admin/call.ts";
import { AdminError, adminFailure, failureOf } from "../admin/fault.ts";
import { ADMIN_BODY_BYTES_MAX } from "../admin/limits.ts";
import { actorOf, callerOf } from "./access.ts";
import { parseJson } from "./body.ts";
import { readCallerBody } from "./caller-body.ts";
import type { Door, Route } from "./door.ts";

/** One of the operator's operations over HTTP, for a session with the role, or a token with the scope: the same as through the socket, in their name. */
export const operate = (door: Door, call: AdminCall): Route => ({
  schema: {
    summary: call.summary,
    tags: ["operator"],
    ...(call.method === "POST" && { body: call.body }),
    ...(call.method === "GET" && call.body !== nothing && { querystring: call.body }),
    response: {
      200: call.answer,
      "4xx": { description: "Refused, with a sentence", content: { "application/json": { schema: adminFailure } } },
    },
  },
  config: { access: "operator", scope: call.scope, limit: "rate", fails: ["body_invalid", "payload_too_large"] },
  handler: async (request, reply) => {
    const asked = call.body.safeParse(await askedWith(door, request, call));
    if (!asked.success) throw invalid;
    const { token } = callerOf(request);
    const besides = call.besides?.(asked.data);
    if (token && besides && !token.scopes.includes(besides)) throw new NetworkError({ code: "scope_needed" });
    const admin = door.deps.adminFor(actorOf(request));
    try {
      return await call.perform(admin, asked.data);
    } catch (error) {
      if (!(error instanceof AdminError)) throw error;
      return reply
        .code(error.status)
        .type("application/json; charset=utf-8")
        .serializer((text: string) => text)
        .send(JSON.stringify(failureOf(error)));
    }
  },
});

const invalid = new NetworkError({
  code: "body_invalid",
  param: null,
  expected: ourWords`GET /openapi.json describes what this route takes`,
});

async function askedWith(door: Door, request: FastifyRequest, { method, body }: AdminCall): Promise<unknown> {
  if (method === "GET") return body === nothing ? undefined : request.query;
  using room = door.bodies.share(callerOf(request).account);
  return parseJson(await readCallerBody(door, request, ADMIN_BODY_BYTES_MAX, room));
}
