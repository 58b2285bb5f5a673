import { NetworkError, type FailureCode } from "@darkbloom/protocol/failures";
import type { FastifyRequest } from "fastify";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { hashOfKey, isKeyShaped } from "../accounts/keys.ts";
import type { KeyRecord } from "../accounts/port.ts";
import { FailedKeys } from "../limits/failed-keys.ts";
import { formatReset, openRate, RateLimiter, type RateDecision } from "../limits/rate.ts";
import type { HttpDeps, HttpSettings } from "./deps.ts";
import { DRAIN_RETRY_SEC } from "./failure.ts";
import { peerOf } from "./peer.ts";

/** What access is decided by. Both a request and an upgrade have it. */
export type Asked = Pick<FastifyRequest, "query" | "raw">;

/** A key is needed for some requests of a route. */
export interface KeyAtTimes {
  needsKey(asked: Asked, settings: HttpSettings): boolean;
  /** Who may, in words. */
  readonly who: string;
}

/**
 * Whom a route serves: everybody; whoever shows an API key; the operator; a provider, as its session decides when it
 * registers.
 */
export type Access = "open" | "key" | "admin" | "provider" | KeyAtTimes;

/**
 * What each route says of itself in its `config`. It is enforced from there (`Gate`), described from there
 * (`openapi.ts`) and listed from there (`docs/routes.md`); a route without it stops the start.
 */
export interface Declaration {
  readonly access: Access;
  /** `rate`: requests are counted, of the account where a key is shown, of the address where none is. */
  readonly limit: "rate" | "none";
  /** Refused before anything else as soon as the coordinator drains. */
  readonly whileDraining?: "refused";
}

export type Keyed = Declaration & { readonly access: "key" };

/** Of a request for an answer, whether it comes by itself or as a message over a WebSocket. */
export const inferenceAccess = { access: "key", limit: "rate", whileDraining: "refused" } as const satisfies Keyed;

interface RouteSaid {
  readonly url: string | undefined;
  readonly method: string | readonly string[];
  readonly config?: Partial<Declaration>;
}

/** @throws RangeError for a route that does not say who may use it */
export function declarationOf({ url, method, config = {} }: RouteSaid): Declaration {
  const { access, limit, whileDraining } = config;
  if (access === undefined || limit === undefined)
    throw new RangeError(`${[method].flat().join(", ")} ${url} does not say who may use it`);
  return { access, limit, ...(whileDraining && { whileDraining }) };
}

/** How a request can fail before its route does anything. */
export function failuresOfAccess({ access, limit, whileDraining }: Declaration): readonly FailureCode[] {
  const hasKeys = access === "key" || typeof access === "object";
  return [
    ...(hasKeys ? (["key_missing", "key_invalid"] as const) : []),
    // Wrong keys are counted wherever one can be shown.
    ...(limit === "rate" || hasKeys ? (["rate_limit_exceeded"] as const) : []),
    ...(whileDraining === "refused" ? (["draining"] as const) : []),
  ];
}

/** For the API description: a key goes into either of two headers; where it is needed at times alone, it may be left out. */
export function securityOf(access: Access): readonly Readonly<Record<string, readonly string[]>>[] | undefined {
  if (access === "key") return [{ bearer: [] }, { apiKey: [] }];
  return typeof access === "object" ? [{}, { bearer: [] }, { apiKey: [] }] : undefined;
}

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
    if (!needsKey(access, asked, settings)) {
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

/** @throws NetworkError `not_allowed` */
function needsKey(access: Access, asked: Asked, settings: HttpSettings): boolean {
  if (typeof access === "object") return access.needsKey(asked, settings);
  switch (access) {
    case "key":
      return true;
    case "open":
    case "provider":
      return false;
    // Nobody has that role here: the operator comes through the socket in the data folder.
    case "admin":
      throw new NetworkError({ code: "not_allowed" });
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
