import type { FailureCode } from "@darkbloom/protocol/failures";
import type { FastifyRequest } from "fastify";
import type { HttpSettings } from "./deps.ts";

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
 * What each route says of itself in its `config`. It is enforced from there (`gate.ts`), described from there
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
