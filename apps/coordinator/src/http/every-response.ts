import { toHex } from "@darkbloom/protocol/bytes";
import { requestHeaders, responseHeaders } from "@darkbloom/protocol/headers";
import { requestIdFrom, type RequestId } from "@darkbloom/protocol/ids";
import type { Random } from "@darkbloom/protocol/ports";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { HttpSettings } from "./deps.ts";

/** How long a browser may remember what it was told of cross-origin calls. */
const PREFLIGHT_AGE_SEC = 600;

/** The caller's own request id where it is well formed, else one of ours. */
export function requestIdOf(request: Pick<IncomingMessage, "headers">, random: Random): RequestId {
  const own = request.headers[requestHeaders.requestId];
  return requestIdFrom(typeof own === "string" ? own : undefined) ?? (`req_${toHex(random.bytes(12))}` as RequestId);
}

/**
 * Headers of every response, put on the raw response so that answers which bypass Fastify carry them too:
 * the request id under both its names, no caching, no guessing of types, and CORS (Fetch standard §3.3) for the allowed origins.
 */
export function dressResponse(
  request: IncomingMessage,
  response: ServerResponse,
  requestId: RequestId,
  { corsOrigins }: HttpSettings,
): void {
  response.setHeader(responseHeaders.requestId, requestId);
  response.setHeader(responseHeaders.anthropicRequestId, requestId);
  response.setHeader("cache-control", "no-store");
  response.setHeader("x-content-type-options", "nosniff");
  if (corsOrigins.length === 0) return;
  const everyone = corsOrigins.includes("*");
  if (!everyone) response.setHeader("vary", "Origin");
  const { origin } = request.headers;
  if (origin === undefined || !(everyone || corsOrigins.includes(origin))) return;
  response.setHeader("access-control-allow-origin", everyone ? "*" : origin);
  response.setHeader("access-control-expose-headers", "*");
}

/** What a preflight is told besides. Credentials mode is never allowed, so that `*` means every header but Authorization. */
export function dressPreflight(response: ServerResponse, allow: string): void {
  response.setHeader("allow", allow);
  if (!response.hasHeader("access-control-allow-origin")) return;
  response.setHeader("access-control-allow-methods", allow);
  response.setHeader("access-control-allow-headers", "*, Authorization");
  response.setHeader("access-control-max-age", String(PREFLIGHT_AGE_SEC));
}
