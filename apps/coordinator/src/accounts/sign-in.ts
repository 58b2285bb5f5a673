import type { Clock, Crypto, Random } from "@darkbloom/protocol/ports";
import type { Audit } from "./audit.ts";
import { DeviceGrants } from "./device-grants.ts";
import { SignInLinks } from "./links.ts";
import type { People } from "./people.ts";
import type { OperatorTokens } from "./operator-tokens.ts";
import type { Teams } from "./teams.ts";

/** Who may sign in and how, and what is written down of it: what a coordinator has of it all. */
export interface SignIn {
  readonly people: People;
  readonly teams: Teams;
  readonly tokens: OperatorTokens;
  readonly audit: Audit;
  readonly links: SignInLinks;
  readonly devices: DeviceGrants;
}

export const signInOver = (
  kept: Pick<SignIn, "people" | "teams" | "tokens" | "audit">,
  tools: { readonly clock: Clock; readonly random: Random; readonly crypto: Crypto },
): SignIn => ({
  people: kept.people,
  teams: kept.teams,
  tokens: kept.tokens,
  audit: kept.audit,
  links: new SignInLinks(tools),
  devices: new DeviceGrants(tools),
});
