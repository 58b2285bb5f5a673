import { NetworkError } from "@darkbloom/protocol/failures";
import type { FastifyRequest } from "fastify";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { hashOfKey, isKeyShaped } from "../accounts/keys.ts";
import type { KeyRecord } from "../accounts/port.ts";
import { FailedKeys } from "../limits/failed-keys.ts";
import { formatReset, openRate, RateLimiter, type RateDecision } from "../limits/rate.ts";
import type { Asked, Declaration, Keyed } from "./access.ts";
import type { HttpDeps } from "./deps.ts";
import { DRAIN_RETRY_SEC } from "./failure.ts";
import { peerOf } from "./peer.ts";

type GateDeps = Pick<HttpDeps, "accounts" | "clock" | "crypto" | "isDraining" | "settings">;
type Headers = Readonly<Record<string, string>>;

/** Enforces what routes declare: the one place that says who comes in, before any of them does anything. */
export class Gate {
  readonly #deps: GateDeps;
  readonly #accounts: RateLimiter;
  readonly #addresses: RateLimiter<string>;
  readonly #failedKeys: FailedKeys;

  constructor(deps: GateDeps) {
    this.#deps = deps;
    this.#accounts = new RateLimiter(deps.clock, deps.settings);
    this.#addresses = new RateLimiter(deps.clock, openRate);
    this.#failedKeys = new FailedKeys(deps.clock);
  }

  /**
   * Lets in whom the declaration means, and counts the request.
   *
   * @param tell hears the headers that the answer is to have, also where the request is refused
   * @returns who is calling, where a key was needed
   * @throws NetworkError one of `failuresOfAccess`, or `not_allowed`
   */
  enter(declaration: Keyed, asked: Asked, tell?: (headers: Headers) => void): Promise<KeyRecord>;
  enter(declaration: Declaration, asked: Asked, tell?: (headers: Headers) => void): Promise<KeyRecord | undefined>;
  async enter(
    { access, limit, whileDraining }: Declaration,
    asked: Asked,
    tell: (headers: Headers) => void = () => {},
  ): Promise<KeyRecord | undefined> {
    const { isDraining, settings } = this.#deps;
    if (whileDraining === "refused" && isDraining())
      throw new NetworkError({ code: "draining", retryAfterSec: DRAIN_RETRY_SEC });
    // Nobody has that role here: the operator comes through the socket in the data folder.
    if (access === "admin") throw new NetworkError({ code: "not_allowed" });
    const needsKey = access === "key" || (typeof access === "object" && access.needsKey(asked, settings));
    if (!needsKey) {
      if (limit === "rate") refuseAbove(this.#addresses.take(this.#bucketOf(asked.raw)));
      return undefined;
    }
    const caller = await this.#callerOf(asked.raw);
    if (limit === "rate") {
      const decision = this.#accounts.take(caller.account);
      tell(rateHeaders(decision));
      refuseAbove(decision);
    }
    return caller;
  }

  /** An address that has shown too many wrong keys waits before a further one is looked up. */
  async #callerOf(request: IncomingMessage): Promise<KeyRecord> {
    const { accounts, crypto } = this.#deps;
    const key = keyFrom(request.headers);
    if (key === undefined) throw new NetworkError({ code: "key_missing" });
    const bucket = this.#bucketOf(request);
    const hash = hashOfKey(crypto, key);
    const retryAfterSec = this.#failedKeys.waitSec(bucket, hash);
    if (retryAfterSec !== undefined) throw new NetworkError({ code: "rate_limit_exceeded", retryAfterSec });
    const caller = isKeyShaped(key) ? await accounts.find(hash) : undefined;
    if (!caller || caller.revokedAt !== null) {
      this.#failedKeys.wrong(bucket, hash);
      throw new NetworkError({ code: "key_invalid" });
    }
    this.#failedKeys.right(hash);
    return caller;
  }

  #bucketOf(request: IncomingMessage): string {
    return peerOf(request, this.#deps.settings.trustProxy).bucket;
  }
}

/** Who is calling. @throws RangeError for a request that its route let in without a key: the declaration is wrong */
export function callerOf({ caller, routeOptions }: Pick<FastifyRequest, "caller" | "routeOptions">): KeyRecord {
  if (!caller) throw new RangeError(`${routeOptions.url} asks who is calling and does not ask for a key`);
  return caller;
}

function refuseAbove({ allowed, retryAfterSec }: RateDecision): void {
  if (!allowed) throw new NetworkError({ code: "rate_limit_exceeded", retryAfterSec });
}

/** `Authorization: Bearer KEY` (RFC 6750; the scheme is case-insensitive by RFC 9110 §11.1) or `x-api-key: KEY`. */
function keyFrom(headers: IncomingHttpHeaders): string | undefined {
  const bearer = /^bearer +(?<key>\S+) *$/i.exec(headers.authorization ?? "")?.groups?.["key"];
  const apiKey = headers["x-api-key"];
  return bearer ?? (typeof apiKey === "string" && apiKey !== "" ? apiKey : undefined);
}

const rateHeaders = ({ limit, remaining, resetMs }: RateDecision): Headers => ({
  "x-ratelimit-limit-requests": String(limit),
  "x-ratelimit-remaining-requests": String(remaining),
  "x-ratelimit-reset-requests": formatReset(resetMs),
});
