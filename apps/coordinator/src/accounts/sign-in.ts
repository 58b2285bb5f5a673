import { microUsd } from "@darkbloom/protocol/money";
import type { Clock, Crypto, Random } from "@darkbloom/protocol/ports";
import type { Ledger } from "../ledger/port.ts";
import { Admission, type Invites, type Naming, type SignUpRules } from "./admission.ts";
import type { Audit } from "./audit.ts";
import { Begun } from "./begun.ts";
import type { Identities } from "./identities.ts";
import { DeviceGrants } from "./device-grants.ts";
import { SignInLinks } from "./links.ts";
import type { MailCodes } from "./mail-codes.ts";
import type { Mailer } from "./mail.ts";
import type { OpenIdWay } from "./open-id.ts";
import type { PasskeyChecks, Passkeys, PasskeyWay } from "./passkeys.ts";
import type { People } from "./people.ts";
import type { OperatorTokens } from "./operator-tokens.ts";
import type { Teams } from "./teams.ts";

/** Who may sign in and how, and what is written down of it: what a coordinator has of it all. */
export interface SignIn {
  readonly people: People;
  readonly teams: Teams;
  readonly tokens: OperatorTokens;
  readonly audit: Audit;
  readonly invites: Invites;
  readonly identities: Identities;
  readonly passkeys: Passkeys;
  readonly passkeyWay: PasskeyWay;
  readonly admission: Admission;
  readonly links: SignInLinks;
  readonly devices: DeviceGrants;
  /** Undefined where no mail is sent. */
  readonly mail: MailWay | undefined;
  /** Undefined where no OpenID provider is set. */
  readonly openId: OpenIdWay | undefined;
}

/** Codes, and where they go out. */
export interface MailWay {
  readonly codes: MailCodes;
  readonly mailer: Mailer;
}

/** What the operator has set. */
export interface SignInWays {
  readonly signUp?: SignUpRules | undefined;
  readonly mail?: MailWay | undefined;
  readonly openId?: OpenIdWay | undefined;
}

const nobodyNew: SignUpRules = { signUp: "closed", grantMicroUsd: microUsd(0n) };

export const signInOver = (
  {
    people,
    teams,
    tokens,
    audit,
    invites,
    identities,
    passkeys,
    passkeyChecks,
    ledger,
    networkKey,
  }: Pick<SignIn, "people" | "teams" | "tokens" | "audit" | "invites" | "identities" | "passkeys"> & {
    readonly ledger: Pick<Ledger, "credit">;
    readonly passkeyChecks: PasskeyChecks;
    readonly networkKey: Naming;
  },
  tools: { readonly clock: Clock; readonly random: Random; readonly crypto: Crypto },
  { signUp = nobodyNew, mail, openId }: SignInWays = {},
): SignIn => ({
  people,
  teams,
  tokens,
  audit,
  invites,
  identities,
  passkeys,
  passkeyWay: { checks: passkeyChecks, begun: new Begun(tools), adding: new Begun(tools) },
  admission: new Admission({ people, invites, identities, audit, ledger, networkKey, ...tools }, signUp),
  links: new SignInLinks(tools),
  devices: new DeviceGrants(tools),
  mail,
  openId,
});
