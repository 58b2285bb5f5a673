import type { Dialect } from "@darkbloom/protocol/dialects";
import { failures, NetworkError, type Failure } from "@darkbloom/protocol/failures";
import { ourWords, type RequestId } from "@darkbloom/protocol/ids";
import type { FastifyReply } from "fastify";
import { hasZodFastifySchemaValidationErrors } from "fastify-type-provider-zod";
import type { Events } from "../events/events.ts";

/** What callers of a draining coordinator are told: about as long as a restart takes. */
export const DRAIN_RETRY_SEC = 3;

/** Of Fastify's own: a path that cannot be read, a parameter of it that is too long, and QUERY (RFC 10008), which no route takes. */
const noRoute: readonly unknown[] = [
  "FST_ERR_BAD_URL",
  "FST_ERR_MAX_PARAM_LENGTH",
  "FST_ERR_ROUTE_MISSING_CONTENT_TYPE",
];

/**
 * Whatever was thrown, as a failure that can be told. What is not a NetworkError and not Fastify's own
 * refusal of a request is a bug: it is reported, and the caller learns nothing of its text.
 */
export function failureOf(events: Events, requestId: RequestId, error: unknown): Failure {
  if (error instanceof NetworkError) return error.failure;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code !== undefined && noRoute.includes(code)) return { code: "route_not_found" };
  if (code === "FST_ERR_CTP_INVALID_MEDIA_TYPE")
    return { code: "body_invalid", param: null, expected: ourWords`its content-type must be application/json` };
  if (hasZodFastifySchemaValidationErrors(error))
    return { code: "body_invalid", param: null, expected: ourWords`GET /openapi.json describes what this route takes` };
  events.bug({ where: "http", requestId }, error);
  return { code: "internal_error" };
}

/** The headers that a failure brings along. */
export function failureHeaders(failure: Failure): Record<string, string> {
  return {
    "content-type": "application/json; charset=utf-8",
    ...("retryAfterSec" in failure && { "retry-after": String(Math.max(1, Math.ceil(failure.retryAfterSec))) }),
    // By which the official SDKs know that sending the same again is in vain.
    ...(failure.code === "idempotency_conflict" && failure.conflict === "other_body" && { "x-should-retry": "false" }),
    ...(failure.code === "session_missing" && { "www-authenticate": 'Bearer realm="darkbloom"' }),
    ...(failure.code === "session_invalid" && {
      "www-authenticate": 'Bearer realm="darkbloom", error="invalid_token"',
    }),
    ...(failure.code === "key_missing" && { "www-authenticate": 'Bearer realm="darkbloom"' }),
    ...(isOfWrongKey(failure) && { "www-authenticate": 'Bearer realm="darkbloom", error="invalid_token"' }),
    // RFC 9110 §15.5.22.
    ...(failure.code === "upgrade_needed" && { upgrade: "websocket", connection: "upgrade" }),
    ...(failure.code === "method_not_allowed" && { allow: failure.allow }),
  };
}

const isOfWrongKey = ({ code }: Failure): boolean =>
  code === "key_invalid" || code === "key_disabled" || code === "key_expired" || code === "token_invalid";

/** Answers with the failure's status, headers and the dialect's envelope; nothing may have been sent. */
export function sendFailure(
  reply: FastifyReply,
  dialect: Dialect,
  failure: Failure,
  requestId: RequestId,
): FastifyReply {
  return reply
    .code(failures[failure.code].status)
    .headers(failureHeaders(failure))
    .serializer((body: string) => body)
    .send(dialect.errorBody(failure, requestId));
}
