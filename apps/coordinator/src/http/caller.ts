import { NetworkError } from "@darkbloom/protocol/failures";
import type { FastifyReply } from "fastify";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { hashOfKey, isKeyShaped } from "../accounts/keys.ts";
import type { KeyRecord } from "../accounts/port.ts";
import { formatReset, type RateDecision } from "../limits/rate.ts";
import type { Door } from "./door.ts";
import { peerOf } from "./peer.ts";

/**
 * Who is calling, checked and counted. Every route that needs a key starts with this.
 *
 * @throws NetworkError `key_missing`, `key_invalid` or `rate_limit_exceeded`
 */
export async function admit(door: Door, headers: IncomingHttpHeaders, reply: FastifyReply): Promise<KeyRecord> {
  const caller = await identify(door, { socket: reply.request.raw.socket, headers });
  const decision = door.limiter.take(caller.account);
  for (const [name, value] of Object.entries(rateHeaders(decision))) reply.raw.setHeader(name, value);
  refuseAboveRate(decision);
  return caller;
}

/**
 * Who is calling, checked, and counted nowhere.
 *
 * @throws NetworkError `key_missing`, `key_invalid`, or `rate_limit_exceeded` where wrong keys came from there
 */
export async function identify(
  { deps, failedKeys }: Door,
  request: Pick<IncomingMessage, "headers" | "socket">,
): Promise<KeyRecord> {
  const { accounts, crypto, settings } = deps;
  const key = keyFrom(request.headers);
  if (key === undefined) throw new NetworkError({ code: "key_missing" });
  const { bucket } = peerOf(request, settings.trustProxy);
  const hash = hashOfKey(crypto, key);
  const retryAfterSec = failedKeys.waitSec(bucket, hash);
  if (retryAfterSec !== undefined) throw new NetworkError({ code: "rate_limit_exceeded", retryAfterSec });
  const caller = isKeyShaped(key) ? await accounts.find(hash) : undefined;
  if (!caller || caller.revokedAt !== null) {
    failedKeys.wrong(bucket, hash);
    throw new NetworkError({ code: "key_invalid" });
  }
  failedKeys.right(hash);
  return caller;
}

/** @throws NetworkError `rate_limit_exceeded` */
export function refuseAboveRate({ allowed, retryAfterSec }: RateDecision): void {
  if (!allowed) throw new NetworkError({ code: "rate_limit_exceeded", retryAfterSec });
}

/** `Authorization: Bearer KEY` (RFC 6750; the scheme is case-insensitive by RFC 9110 §11.1) or `x-api-key: KEY`. */
function keyFrom(headers: IncomingHttpHeaders): string | undefined {
  const bearer = /^bearer +(?<key>\S+) *$/i.exec(headers.authorization ?? "")?.groups?.["key"];
  const apiKey = headers["x-api-key"];
  return bearer ?? (typeof apiKey === "string" && apiKey !== "" ? apiKey : undefined);
}

const rateHeaders = ({ limit, remaining, resetMs }: RateDecision) => ({
  "x-ratelimit-limit-requests": String(limit),
  "x-ratelimit-remaining-requests": String(remaining),
  "x-ratelimit-reset-requests": formatReset(resetMs),
});
