import type { Begun } from "./begun.ts";
import type { Role } from "./people.ts";

/** Of what a provider says of somebody: more is cut, or left out. */
export const PERSON_NAME_CHARS_MAX = 128;
export const GROUPS_MAX = 1_000;
/** OpenID Connect Core §2: a subject "MUST NOT exceed 255 ASCII characters in length". */
export const SUBJECT_CHARS_MAX = 255;

/** What a provider says of somebody, once its signature, its times and whom it is for were checked. */
export interface OpenIdClaims {
  readonly issuer: string;
  readonly subject: string;
  /** Undefined where the provider does not say that it is theirs. */
  readonly mail: string | undefined;
  readonly name: string | undefined;
  readonly groups: readonly string[];
}

/**
 * Why nobody was signed in by a provider.
 *
 * - `connection`: it does not answer, or says too much.
 * - `login`: it does not know this coordinator by its client id and secret.
 * - `denied`: somebody, or the provider, said no.
 * - `clock`: by our clock what it signed is over, or not yet good.
 * - `groups`: it has left out the groups, since there are too many.
 * - `answer`: anything else that it must not say.
 */
export const openIdFaults = ["connection", "login", "denied", "clock", "groups", "answer"] as const;
export type OpenIdFault = (typeof openIdFaults)[number];

export class OpenIdError extends Error {
  override readonly name = "OpenIdError";
  readonly fault: OpenIdFault;

  constructor(fault: OpenIdFault, options?: ErrorOptions) {
    super(fault, options);
    this.fault = fault;
  }
}

/** What only this coordinator, and the browser that begins, know of a sign-in by a provider. */
export interface BegunOpenId {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  readonly redirectUri: string;
}

/** A provider that signs people in. Both fail with an `OpenIdError`. */
export interface OpenIdProvider {
  /** @returns where the browser goes, and what is kept until it is back */
  begin(redirectUri: string): Promise<{ readonly url: string; readonly begun: BegunOpenId }>;
  /** @param answer the query with which the browser came back */
  end(begun: BegunOpenId, answer: URLSearchParams): Promise<OpenIdClaims>;
}

/** Who comes in of those whom the provider knows, and as what; as the operator has set it. */
export interface OpenIdRules {
  /** Whether a mail address that the provider vouches for makes somebody a person who is known by it here. */
  readonly joinByMail: boolean;
  /** Whoever is in none of these, and no operator by the next, is not let in; empty: everybody is. */
  readonly allowedGroups: readonly string[];
  /** Whoever is in one of these is an operator, and nobody else whom the provider signs in; empty: roles stay as they are. */
  readonly operatorGroups: readonly string[];
}

/** The provider that the operator has set. */
export interface OpenIdWay {
  readonly provider: OpenIdProvider;
  /** As the button has it. */
  readonly name: string;
  readonly rules: OpenIdRules;
  readonly begun: Begun<BegunOpenId>;
}

/** What groups come to; without a role it stays as it is. */
export type Standing = "out" | { readonly role: Role | undefined };

export function standingOf(rules: OpenIdRules, groups: readonly string[]): Standing {
  const isIn = (wanted: readonly string[]): boolean => wanted.some((group) => groups.includes(group));
  if (isIn(rules.operatorGroups)) return { role: "operator" };
  if (rules.allowedGroups.length > 0 && !isIn(rules.allowedGroups)) return "out";
  return { role: rules.operatorGroups.length === 0 ? undefined : "member" };
}
