import { NetworkError, type FailureCode } from "@darkbloom/protocol/failures";
import { requestHeaders } from "@darkbloom/protocol/headers";
import { ourWords, type AccountId, type ParamPath, type Sha256Hex } from "@darkbloom/protocol/ids";
import type { FastifyRequest } from "fastify";
import type { IncomingMessage } from "node:http";
import type { Actor } from "../accounts/audit.ts";
import { hashOfKey, isKeyShaped } from "../accounts/keys.ts";
import { under, type Ceiling } from "../accounts/ceilings.ts";
import { isLive, isTokenShaped, tokenStandIn, type OperatorToken, type Scope } from "../accounts/operator-tokens.ts";
import type { SignedIn } from "../accounts/people.ts";
import { KEY_USED_EVERY_MS, type KeyRecord } from "../accounts/port.ts";
import { isGood, isSessionShaped, SESSION_USE_WRITTEN_EVERY_MS, standInFor } from "../accounts/sessions.ts";
import type { Member, Team } from "../accounts/teams.ts";
import { FailedKeys } from "../limits/failed-keys.ts";
import { formatReset, openRate, RateLimiter, type RateDecision } from "../limits/rate.ts";
import { endedCookies, isFromOwnPage, isWrite, shownIn, type Shown } from "./credentials.ts";
import type { HttpDeps, HttpSettings } from "./deps.ts";
import { DRAIN_RETRY_SEC } from "./failure.ts";
import { peerOf } from "./peer.ts";

/** What access is decided by. Both a request and an upgrade have it. */
export type Asked = Pick<FastifyRequest, "query" | "raw">;

/** A key, or a session, is needed for some requests of a route. */
export interface KeyAtTimes {
  needsKey(asked: Asked, settings: HttpSettings): boolean;
  /** Who may, in words. */
  readonly who: string;
}

/**
 * Whom a route serves: everybody; whoever shows an API key; somebody who is signed in; either; an operator; a provider, as its
 * session decides when it registers.
 */
export type Access = "open" | "key" | "session" | "key or session" | "operator" | "provider" | KeyAtTimes;

/** Who is calling: a key's side, or where somebody who is signed in asks, what stands in for one. */
export interface Caller extends KeyRecord {
  readonly signedIn?: SignedIn;
  /** Of a program that asks with an operator's token. */
  readonly token?: OperatorToken;
  /** Of a team's account: what nobody there goes beyond. */
  readonly ceiling?: Ceiling;
  /** And who asks there, or made the key; undefined for a key that an operator made. */
  readonly member?: Member | undefined;
}

/**
 * What each route says of itself in its `config`. It is enforced from there (`Gate`), described from there
 * (`openapi.ts`) and listed from there (`docs/routes.md`); a route without it stops the start.
 */
export interface Declaration {
  readonly access: Access;
  /** What an operator's token must name to be let in as well; without it none is. */
  readonly scope?: Scope | undefined;
  /** `rate`: requests are counted, of the account where it is known who calls, of the address where it is not. */
  readonly limit: "rate" | "none";
  /** Refused before anything else as soon as the coordinator drains. */
  readonly whileDraining?: "refused";
}

export type Known = Declaration & { readonly access: Exclude<Access, "open" | "provider" | KeyAtTimes> };

/** Of a request for an answer, whether it comes by itself or as a message over a WebSocket. */
export const inferenceAccess = {
  access: "key or session",
  limit: "rate",
  whileDraining: "refused",
} as const satisfies Known;

interface RouteSaid {
  readonly url: string | undefined;
  readonly method: string | readonly string[];
  readonly config?: Partial<Declaration>;
}

/** @throws RangeError for a route that does not say who may use it */
export function declarationOf({ url, method, config = {} }: RouteSaid): Declaration {
  const { access, limit, scope, whileDraining } = config;
  if (access === undefined || limit === undefined)
    throw new RangeError(`${[method].flat().join(", ")} ${url} does not say who may use it`);
  return { access, limit, ...(scope && { scope }), ...(whileDraining && { whileDraining }) };
}

/** How a request can fail before its route does anything. */
export function failuresOfAccess({ access, limit, scope, whileDraining }: Declaration): readonly FailureCode[] {
  const { takesKeys, takesSessions } = taken(access);
  return [
    ...(takesKeys ? (["key_missing", "key_invalid", "key_disabled", "key_expired"] as const) : []),
    ...(takesKeys && !takesSessions ? (["not_allowed"] as const) : []),
    ...(takesKeys || takesSessions ? (["account_not_found"] as const) : []),
    ...(takesSessions ? (["session_invalid", "origin_foreign", "body_invalid"] as const) : []),
    ...(takesSessions && !takesKeys ? (["session_missing", "session_needed"] as const) : []),
    ...(access === "operator" ? (["role_needed"] as const) : []),
    ...(takesKeys || takesSessions ? (["scope_needed"] as const) : []),
    ...(scope ? (["token_invalid"] as const) : []),
    // Wrong ones are counted wherever one can be shown.
    ...(limit === "rate" || takesKeys || takesSessions ? (["rate_limit_exceeded"] as const) : []),
    ...(whileDraining === "refused" ? (["draining"] as const) : []),
  ];
}

/** Which of the two a route lets in. */
export function taken(access: Access): { readonly takesKeys: boolean; readonly takesSessions: boolean } {
  const either = access === "key or session" || typeof access === "object";
  return {
    takesKeys: either || access === "key",
    takesSessions: either || access === "session" || access === "operator",
  };
}

type GateDeps = Pick<
  HttpDeps,
  "accounts" | "clock" | "crypto" | "events" | "isDraining" | "people" | "settings" | "teams" | "tokens"
>;
type Headers = Readonly<Record<string, string | string[]>>;

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
   * @returns who is calling, where that has to be known
   * @throws NetworkError one of `failuresOfAccess`
   */
  enter(declaration: Known, asked: Asked, tell?: (headers: Headers) => void): Promise<Caller>;
  enter(declaration: Declaration, asked: Asked, tell?: (headers: Headers) => void): Promise<Caller | undefined>;
  async enter(
    { access, limit, scope, whileDraining }: Declaration,
    asked: Asked,
    tell: (headers: Headers) => void = () => {},
  ): Promise<Caller | undefined> {
    const { isDraining, settings } = this.#deps;
    if (whileDraining === "refused" && isDraining())
      throw new NetworkError({ code: "draining", retryAfterSec: DRAIN_RETRY_SEC });
    if (!isAsked(access, asked, settings)) {
      if (limit === "rate") refuseAbove(this.#addresses.take(this.#bucketOf(asked.raw)));
      return undefined;
    }
    const caller = await this.#callerOf(asked.raw, { access, scope }, tell);
    if (limit === "rate") {
      const decision = this.#accounts.take(caller.account);
      tell(rateHeaders(decision));
      refuseAbove(decision);
    }
    return caller;
  }

  /** Who was let in before, as they would be now; nothing is counted again. @throws NetworkError where they would not be */
  recheck(declaration: Pick<Declaration, "access" | "scope">, request: IncomingMessage): Promise<Caller> {
    return this.#callerOf(request, declaration, () => {});
  }

  /** Who is signed in, for a page that everybody may see. Nothing is refused; a wrong session is as good as none. */
  async visitor(request: IncomingMessage, tell: (headers: Headers) => void): Promise<SignedIn | undefined> {
    const shown = shownIn(request, this.#deps.settings.trustProxy);
    if (shown?.kind !== "session") return undefined;
    return await this.#callerOf(request, { access: "session" }, tell).then(
      ({ signedIn }) => signedIn,
      (error: unknown) => {
        if (error instanceof NetworkError && failsByCaller.has(error.failure.code)) return undefined;
        throw error;
      },
    );
  }

  /** An address that has shown too many wrong ones waits before a further one is looked up. */
  async #callerOf(
    request: IncomingMessage,
    { access, scope }: Pick<Declaration, "access" | "scope">,
    tell: (headers: Headers) => void,
  ): Promise<Caller> {
    const { crypto, settings } = this.#deps;
    const { takesKeys, takesSessions } = taken(access);
    const shown = shownIn(request, settings.trustProxy);
    if (!shown) throw new NetworkError({ code: takesKeys ? "key_missing" : "session_missing" });
    if (shown.kind === "token" && scope === undefined) throw new NetworkError({ code: "scope_needed" });
    if (shown.kind !== "token" && (shown.kind === "key" ? !takesKeys : !takesSessions))
      throw new NetworkError({ code: shown.kind === "key" ? "session_needed" : "not_allowed" });
    // Another port's server may have set one for a path alone; a browser sends that first, and it would count here and not there.
    if (shown.kind === "session" && shown.isOneOfSeveral) {
      tell({ "set-cookie": endedCookies(request, settings.trustProxy) });
      throw new NetworkError({ code: "body_invalid", param: "cookie" as ParamPath, expected: oneCookie });
    }
    if (shown.kind === "session" && shown.byCookie && isWrite(request) && !isFromOwnPage(request, settings.trustProxy))
      throw new NetworkError({ code: "origin_foreign" });
    const bucket = this.#bucketOf(request);
    const hash = hashOfKey(crypto, shown.text);
    const retryAfterSec = this.#failedKeys.waitSec(bucket, hash);
    if (retryAfterSec !== undefined) throw new NetworkError({ code: "rate_limit_exceeded", retryAfterSec });
    const found = await this.#lookedUp(shown, hash);
    const caller = found && (await this.#acting(found, request.headers[requestHeaders.account]));
    if (!caller) {
      this.#failedKeys.wrong(bucket, hash);
      throw new NetworkError({ code: `${shown.kind}_invalid` });
    }
    this.#failedKeys.right(hash);
    if (caller.token && !caller.token.scopes.some((one) => one === scope))
      throw new NetworkError({ code: "scope_needed" });
    if (access === "operator" && !caller.token && caller.signedIn?.person.role !== "operator")
      throw new NetworkError({ code: "role_needed" });
    if (shown.kind === "key") {
      this.#assertOpen(caller);
      this.#writeUse(caller);
    }
    return caller;
  }

  /** Of a key that is known and was not revoked. @throws NetworkError `key_disabled` or `key_expired` */
  #assertOpen({ disabled, expiresAt }: KeyRecord): void {
    if (disabled) throw new NetworkError({ code: "key_disabled" });
    if (expiresAt !== null && this.#deps.clock.now() >= expiresAt) throw new NetworkError({ code: "key_expired" });
  }

  #writeUse({ keyId, lastUsedAt }: KeyRecord): void {
    const now = this.#deps.clock.now();
    if (lastUsedAt === null || now - lastUsedAt >= KEY_USED_EVERY_MS)
      this.#inBackground(this.#deps.accounts.used(keyId, now));
  }

  async #lookedUp({ kind, text }: Shown, hash: Sha256Hex): Promise<Caller | undefined> {
    const { accounts, clock, people } = this.#deps;
    if (kind === "token") return isTokenShaped(text) ? await this.#ofToken(hash) : undefined;
    if (kind === "key") {
      const key = isKeyShaped(text) ? await accounts.find(hash) : undefined;
      return key?.revokedAt === null ? key : undefined;
    }
    const signedIn = isSessionShaped(text) ? await people.findSession(hash) : undefined;
    const now = clock.now();
    if (!signedIn || !isGood(signedIn, now)) return undefined;
    if (now - signedIn.session.usedAt >= SESSION_USE_WRITTEN_EVERY_MS)
      this.#inBackground(people.usedSession(signedIn.session.sessionId, now));
    return { ...standInFor(signedIn), signedIn };
  }

  /**
   * That something was used is for whoever looks at a list later: no request waits for it, and a later one tries again. That the
   * storage is away is told by what cannot do without it; told here it would stand in the log for every request.
   */
  #inBackground(written: Promise<unknown>): void {
    written.catch((error: unknown) => {
      const isStorage = error instanceof NetworkError && error.failure.code === "storage_unavailable";
      if (!isStorage) this.#deps.events.bug({ where: "background" }, error);
    });
  }

  /** A program, for as long as whoever made its token is an operator. */
  async #ofToken(hash: Sha256Hex): Promise<Caller | undefined> {
    const { clock, people, tokens } = this.#deps;
    const token = await tokens.find(hash);
    if (!token || !isLive(token, clock.now())) return undefined;
    const maker = token.createdBy === null ? undefined : await people.person(token.createdBy);
    if (token.createdBy !== null && (maker?.role !== "operator" || maker.disabledAt !== null)) return undefined;
    return { ...tokenStandIn(token), token };
  }

  /**
   * On whose account: one's own, or a team's that one is in and names. Undefined for a key whose maker is in its team no longer.
   *
   * @throws NetworkError `account_not_found`
   */
  async #acting(caller: Caller, named: string | readonly string[] | undefined): Promise<Caller | undefined> {
    const { teams } = this.#deps;
    const { account, createdBy, signedIn } = caller;
    if (named !== undefined && named !== account) {
      const membership = signedIn && isAccountShaped(named) && (await teams.find(named, signedIn.person.personId));
      if (!membership) throw new NetworkError({ code: "account_not_found" });
      return within(caller, membership.team, membership.member);
    }
    const team = signedIn || caller.token ? undefined : await teams.team(account);
    if (!team) return caller;
    if (createdBy === null) return within(caller, team, undefined);
    const membership = await teams.find(account, createdBy);
    return membership && within(caller, team, membership.member);
  }

  #bucketOf(request: IncomingMessage): string {
    return peerOf(request, this.#deps.settings.trustProxy).bucket;
  }
}

const oneCookie = ourWords`two sign-ins came along, both are taken away now; sign in again`;
const failsByCaller: ReadonlySet<FailureCode> = new Set([
  "session_invalid",
  "account_not_found",
  "origin_foreign",
  "rate_limit_exceeded",
  "body_invalid",
]);

/** Whether somebody has to say who they are. */
function isAsked(access: Access, asked: Asked, settings: HttpSettings): boolean {
  return typeof access === "object" ? access.needsKey(asked, settings) : access !== "open" && access !== "provider";
}

type Let = Pick<FastifyRequest, "caller" | "routeOptions">;

/** Who is calling. @throws RangeError for a request that its route let in unasked: the declaration is wrong */
export function callerOf({ caller, routeOptions }: Let): Caller {
  if (!caller) throw new RangeError(`${routeOptions.url} asks who is calling and does not ask for a key`);
  return caller;
}

/** Who is signed in. @throws RangeError for a route that takes keys as well */
export function signedInOf(request: Let): SignedIn {
  const { signedIn } = callerOf(request);
  if (!signedIn) throw new RangeError(`${request.routeOptions.url} asks who is signed in and takes keys as well`);
  return signedIn;
}

/** An account's id, as far as a header may be one. */
const isAccountShaped = (named: string | readonly string[]): named is AccountId =>
  typeof named === "string" && /^[\w-]{1,128}$/.test(named);

const within = (caller: Caller, { account, ceiling }: Team, member: Member | undefined): Caller => ({
  ...under(caller, ceiling),
  account,
  ceiling,
  member,
});

/** Who is written down as having done what an operator does: a person, or a program by its token. */
export function actorOf(request: Let): Actor {
  return callerOf(request).token?.tokenId ?? signedInOf(request).person.personId;
}

function refuseAbove({ allowed, retryAfterSec }: RateDecision): void {
  if (!allowed) throw new NetworkError({ code: "rate_limit_exceeded", retryAfterSec });
}

const rateHeaders = ({ limit, remaining, resetMs }: RateDecision): Headers => ({
  "x-ratelimit-limit-requests": String(limit),
  "x-ratelimit-remaining-requests": String(remaining),
  "x-ratelimit-reset-requests": formatReset(resetMs),
});
