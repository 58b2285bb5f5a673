import { toBase64Url, toHex, utf8 } from "@darkbloom/protocol/bytes";
import type { PersonId, Sha256Hex } from "@darkbloom/protocol/ids";
import type { MicroUsd } from "@darkbloom/protocol/money";
import type { Clock, Crypto, Random } from "@darkbloom/protocol/ports";
import type { Ledger } from "../ledger/port.ts";
import type { Audit } from "./audit.ts";
import type { Identities, Identity } from "./identities.ts";
import { hashOfKey, newAccountId } from "./keys.ts";
import { standingOf, type OpenIdClaims, type OpenIdRules } from "./open-id.ts";
import type { People, Person, Role } from "./people.ts";
import { newPerson } from "./sessions.ts";
import { turns } from "./turns.ts";

/** How long somebody who was invited has to come. */
export const INVITE_LIFE_MS = 7 * 24 * 60 * 60_000;
/** Invites that are open at once; more are refused until some are used, revoked or over. */
export const INVITES_OPEN_MAX = 1_000;
/** Of those that are told, the newest. */
export const INVITES_TOLD_MAX = 1_000;
const ID_BYTES = 16;
const SECRET_BYTES = 32;

/** That somebody may come: whoever proves the mailbox that it names, or where it names none, whoever shows its secret. */
export interface Invite {
  readonly inviteId: string;
  readonly mail: string | null;
  readonly role: Role;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly usedAt: number | null;
  /** Who came by it. */
  readonly usedBy: PersonId | null;
  readonly revokedAt: number | null;
}

/** An adapter passes `invitesContract`. `open` is what is neither used, revoked nor over. */
export interface Invites {
  /** @param secretHash null for one that names a mailbox */
  add(secretHash: Sha256Hex | null, invite: Invite): Promise<void>;
  /** Newest first, at most `INVITES_TOLD_MAX`. */
  list(): Promise<Invite[]>;
  countOpen(now: number): Promise<number>;
  /** The oldest that is open for a mailbox. */
  openFor(mail: string, now: number): Promise<Invite | undefined>;
  openBy(secretHash: Sha256Hex, now: number): Promise<Invite | undefined>;
  /** @returns whether it was open until now */
  use(inviteId: string, by: PersonId, now: number): Promise<boolean>;
  /**
   * No invite says any more for which mailbox it was: of those that somebody came by, and of those for the mailbox that they have,
   * which let in nobody any more.
   */
  forget(of: Pick<Person, "personId" | "mail">, at: number): Promise<void>;
  /** @returns how it is now; undefined for one that is unknown or used */
  revoke(inviteId: string, now: number): Promise<Invite | undefined>;
}

export const newInvite = (
  random: Random,
  { mail, role, at }: { mail: string | null; role: Role; at: number },
): Invite => ({
  inviteId: `invite_${toHex(random.bytes(ID_BYTES))}`,
  mail,
  role,
  createdAt: at,
  expiresAt: at + INVITE_LIFE_MS,
  usedAt: null,
  usedBy: null,
  revokedAt: null,
});

export const newInviteSecret = (random: Random): string => toBase64Url(random.bytes(SECRET_BYTES));

/** Who may come that is not known: nobody, whoever was invited, or everybody. */
export const signUps = ["closed", "invited", "open"] as const;
export type SignUp = (typeof signUps)[number];

export interface SignUpRules {
  readonly signUp: SignUp;
  /** What somebody new can spend. */
  readonly grantMicroUsd: MicroUsd;
}

interface World {
  readonly people: People;
  readonly invites: Invites;
  readonly identities: Identities;
  readonly audit: Audit;
  readonly ledger: Pick<Ledger, "credit">;
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
  /** Names what somebody has proven, without saying what it is. */
  readonly networkKey: Naming;
}

/** The network's own secret, with which texts are named that nobody else can try. */
export interface Naming {
  mac(...message: readonly Uint8Array[]): Uint8Array;
}

/** What groups can come to for somebody who is here already. */
export interface Doorkeeper {
  /** Ends all that they could do, at once. @returns how they are now */
  disablePerson(personId: string): Promise<Person>;
  enablePerson(personId: string): Promise<Person>;
}

/**
 * Why somebody whom a provider has signed in does not come in.
 *
 * - `unknown`: they are new, and the rules let nobody new in by what they have proven.
 * - `disabled`: an operator has let them in no more.
 * - `group`: they are in none of the groups that are let in.
 * - `mail`: somebody is known by their mail address, and it does not show here that it is them.
 */
export type OpenIdRefusal = "unknown" | "disabled" | "group" | "mail";

/** Says who comes in by what they have proven, and makes them where they are new and may be here. */
export class Admission {
  readonly #world: World;
  readonly rules: SignUpRules;
  // Each looks who is there; two at once would both be new.
  readonly #inTurn = turns();

  constructor(world: World, rules: SignUpRules) {
    this.#world = world;
    this.rules = rules;
  }

  /** Whether somebody who proves this mailbox would come in. */
  async mayCome(mail: string): Promise<boolean> {
    const known = await this.#world.people.byMail(mail);
    if (known) return known.disabledAt === null;
    return this.rules.signUp === "open" || (await this.#inviteFor(mail)) !== undefined;
  }

  /** Of somebody who has proven a mailbox. @returns undefined where they may not sign in */
  byMail(mail: string): Promise<Person | undefined> {
    return this.#inTurn(async () => {
      const known = await this.#world.people.byMail(mail);
      if (known) return known.disabledAt === null ? known : undefined;
      return await this.#comer({ name: nameIn(mail), mail, proven: ofMail(mail) });
    });
  }

  /**
   * Of somebody whom an OpenID provider has signed in. Their groups count each time: who is in none that is let in is disabled, and
   * who is back in one is not any more, unless an operator has disabled them.
   */
  byOpenId(claims: OpenIdClaims, rules: OpenIdRules, door: Doorkeeper): Promise<Person | OpenIdRefusal> {
    return this.#inTurn(async () => {
      const identity = await this.#world.identities.find(claims.issuer, claims.subject);
      const known = identity && (await this.#world.people.person(identity.personId));
      const standing = standingOf(rules, claims.groups);
      if (standing === "out") return identity && known ? await this.#leave(identity, known, door) : "group";
      const person =
        identity && known ? await this.#comeBack(identity, known, door) : await this.#newOfProvider(claims, rules);
      if (typeof person === "string") return person;
      return standing.role === undefined || standing.role === person.role
        ? person
        : await this.#as(person, standing.role);
    });
  }

  /** Whether a link of an invite that names no mailbox is good. */
  async isInvite(secret: string): Promise<boolean> {
    return (await this.#inviteBy(secret)) !== undefined;
  }

  /** Of somebody who shows the secret of an invite. */
  byInvite(secret: string): Promise<Person | undefined> {
    return this.#inTurn(async () => {
      const invite = await this.#inviteBy(secret);
      return invite && (await this.#newcomer({ name: "guest", mail: null, role: invite.role }, invite));
    });
  }

  async #leave(identity: Identity, person: Person, door: Doorkeeper): Promise<OpenIdRefusal> {
    if (person.disabledAt !== null) return "disabled";
    const { disabledAt } = await door.disablePerson(person.personId);
    await this.#world.identities.put({ ...identity, leftAt: disabledAt });
    return "group";
  }

  async #comeBack(identity: Identity, person: Person, door: Doorkeeper): Promise<Person | OpenIdRefusal> {
    if (person.disabledAt === null) return person;
    // Whom an operator has disabled since is disabled from another time on.
    if (identity.leftAt !== person.disabledAt) return "disabled";
    const back = await door.enablePerson(person.personId);
    await this.#world.identities.put({ ...identity, leftAt: null });
    return back;
  }

  async #newOfProvider(
    { issuer, subject, mail, name }: OpenIdClaims,
    { joinByMail }: OpenIdRules,
  ): Promise<Person | OpenIdRefusal> {
    const { people, identities, clock } = this.#world;
    const known = mail === undefined ? undefined : await people.byMail(mail);
    const join = ({ personId }: Person) =>
      identities.put({ issuer, subject, personId, createdAt: clock.now(), leftAt: null });
    if (!known) {
      const proven = mail === undefined ? `openid\n${issuer}\n${subject}` : ofMail(mail);
      const comer = { name: name ?? (mail === undefined ? "guest" : nameIn(mail)), mail: mail ?? null, proven };
      return (await this.#comer(comer, join)) ?? "unknown";
    }
    if (known.disabledAt !== null) return "disabled";
    // An address that was given to somebody else at the provider must not open what its first owner has here.
    const isTaken = (await identities.of(known.personId)).some((theirs) => theirs.issuer === issuer);
    if (!joinByMail || isTaken) return "mail";
    await join(known);
    return known;
  }

  async #as({ personId }: Person, role: Role): Promise<Person | OpenIdRefusal> {
    const { people, audit, clock } = this.#world;
    const changed = await people.change(personId, { role });
    await audit.add({ at: clock.now(), actor: "openid", action: "people.role", subject: personId });
    return changed ?? "unknown";
  }

  /** Somebody new, where the rules or an invite for their mailbox let them in. */
  async #comer(comer: Omit<Newcomer, "role">, first?: (person: Person) => Promise<void>): Promise<Person | undefined> {
    const invite = comer.mail === null ? undefined : await this.#inviteFor(comer.mail);
    if (!invite && this.rules.signUp !== "open") return undefined;
    return await this.#newcomer({ ...comer, role: invite?.role ?? "member" }, invite, first);
  }

  async #inviteFor(mail: string): Promise<Invite | undefined> {
    return this.rules.signUp === "closed"
      ? undefined
      : await this.#world.invites.openFor(mail, this.#world.clock.now());
  }

  async #inviteBy(secret: string): Promise<Invite | undefined> {
    const { invites, clock, crypto } = this.#world;
    return this.rules.signUp === "closed" ? undefined : await invites.openBy(hashOfKey(crypto, secret), clock.now());
  }

  /** The invite goes first: a crash behind it costs an invite, and never lets in two. */
  async #newcomer(
    { name, mail, role, proven }: Newcomer,
    invite: Invite | undefined,
    first?: (person: Person) => Promise<void>,
  ): Promise<Person | undefined> {
    const { people, invites, audit, ledger, clock, random, networkKey } = this.#world;
    const at = clock.now();
    const person: Person = { ...newPerson(random, { name, account: newAccountId(random), role, at }), mail };
    if (invite && !(await invites.use(invite.inviteId, person.personId, at))) return undefined;
    await first?.(person);
    await people.add(person);
    const { grantMicroUsd } = this.rules;
    // Once for what was proven, also for whoever was erased and comes again by it.
    const named = proven === undefined ? person.personId : toHex(networkKey.mac(utf8(`grant\n${proven}`)));
    if (grantMicroUsd > 0n) await ledger.credit(`grant_${named}`, person.account, grantMicroUsd, at);
    await audit.add({ at, actor: person.personId, action: "people.create", subject: person.personId });
    return person;
  }
}

interface Newcomer extends Pick<Person, "name" | "mail" | "role"> {
  /** By what they come, where that can be shown more than once. */
  readonly proven?: string;
}

const ofMail = (mail: string): string => `mail\n${mail}`;

/** What stands before the `@`. */
const nameIn = (mail: string): string => mail.slice(0, mail.lastIndexOf("@"));
