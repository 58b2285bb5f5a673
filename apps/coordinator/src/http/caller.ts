import { NetworkError, toHex, utf8, type Sha256Hex } from "@darkbloom/protocol";
import type { FastifyReply } from "fastify";
import type { IncomingHttpHeaders } from "node:http";
import type { KeyRecord } from "../accounts/port.ts";
import { formatReset, type RateDecision, type RateLimiter } from "../limits/rate.ts";
import type { HttpDeps } from "./deps.ts";

/**
 * Who is calling, checked and counted. Every route that needs a key starts with this.
 *
 * @throws NetworkError `key_missing`, `key_invalid` or `rate_limit_exceeded`
 */
export async function admit(
  { accounts, crypto }: Pick<HttpDeps, "accounts" | "crypto">,
  limiter: RateLimiter,
  headers: IncomingHttpHeaders,
  reply: FastifyReply,
): Promise<KeyRecord> {
  const key = keyFrom(headers);
  if (key === undefined) throw new NetworkError({ code: "key_missing" });
  const caller = await accounts.find(toHex(crypto.sha256(utf8(key))) as Sha256Hex);
  if (!caller || caller.revokedAt !== null) throw new NetworkError({ code: "key_invalid" });

  const decision = limiter.take(caller.account);
  for (const [name, value] of Object.entries(rateHeaders(decision))) reply.raw.setHeader(name, value);
  if (!decision.allowed) throw new NetworkError({ code: "rate_limit_exceeded", retryAfterSec: decision.retryAfterSec });
  return caller;
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
