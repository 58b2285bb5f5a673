import type { AccountId, PersonId } from "@darkbloom/protocol/ids";
import type { Clock, Crypto, Random } from "@darkbloom/protocol/ports";
import { AUDIT_ROWS_MAX, type KeptEntry } from "../accounts/audit.ts";
import {
  INVITES_OPEN_MAX,
  newInvite,
  newInviteSecret,
  type Invite,
  type Invites,
  type SignUp,
} from "../accounts/admission.ts";
import { disable, type DisabledPerson, type DisablingWorld } from "../accounts/disabling.ts";
import { hashOfKey, newAccountId } from "../accounts/keys.ts";
import type { MachineOwners } from "../accounts/machine-owners.ts";
import { mailAddressFrom } from "../accounts/mail.ts";
import { isErased, type People, type Person, type Role } from "../accounts/people.ts";
import type { Accounts } from "../accounts/port.ts";
import { newPerson } from "../accounts/sessions.ts";
import type { SignIn } from "../accounts/sign-in.ts";
import { AdminError } from "./fault.ts";
import { knownAccount } from "./known-account.ts";
import { turns } from "../accounts/turns.ts";

/** A link that signs an operator in, and where: its path, and under which address the coordinator itself knows that it is reached. */
export interface MadeLink {
  readonly baseUrl: string;
  readonly path: string;
  readonly personId: PersonId;
  readonly account: AccountId;
  /** Where nobody was there whom it could sign in. */
  readonly isNewPerson: boolean;
}

export interface PeopleAdmin {
  /**
   * Signs in an operator, once, within ten minutes: whose an account is, or where none is named the first there is. Where nobody
   * is there yet, the operator is made with it.
   */
  signInLink(options: { readonly account?: string | undefined }): Promise<MadeLink>;
  /** Oldest first. */
  listPeople(): Promise<Person[]>;
  /**
   * Ends all sessions, revokes all keys of the own account and all that they made on others, and unlinks its machines, at once; or lets
   * somebody sign in again.
   */
  disablePerson(personId: string): Promise<DisabledPerson>;
  enablePerson(personId: string): Promise<Person>;
  /** What was changed by whom, newest first. */
  listAudit(options: { readonly rows: number; readonly before?: number | undefined }): Promise<KeptEntry[]>;
}

/** An invite, and where its guest comes in: by a link, or where it names a mailbox by the page for everybody. */
export interface MadeInvite extends Invite {
  /** Where the coordinator knows that it is reached; empty where none runs. */
  readonly baseUrl: string;
  /** Shown this once. */
  readonly path: string;
}

export interface InviteAdmin {
  /** Lets somebody come, once, within seven days: whoever proves a mailbox, or follows a link. */
  createInvite(options: { readonly mail?: string | undefined; readonly role: Role }): Promise<MadeInvite>;
  /** Newest first. */
  listInvites(): Promise<Invite[]>;
  revokeInvite(inviteId: string): Promise<Invite>;
}

/** Of a coordinator that runs. */
export interface Links extends Pick<SignIn["links"], "make"> {
  /** Where it is reached, as far as it knows. */
  baseUrl(): string;
  /** What somebody could still come in by, or has let in, and nobody has used yet, is good no longer. */
  forget(personId: PersonId): void;
}

export const linksOf = ({ links, devices }: Pick<SignIn, "links" | "devices">, baseUrl: () => string): Links => ({
  baseUrl,
  make: (personId) => links.make(personId),
  forget(personId) {
    links.forget(personId);
    devices.forget(personId);
  },
});

export interface PeopleWorld {
  readonly people: People;
  readonly teams: SignIn["teams"];
  readonly audit: SignIn["audit"];
  readonly accounts: Accounts;
  readonly owners: MachineOwners;
  /** None where no coordinator runs. */
  readonly links?: Links | undefined;
  readonly invites: Invites;
  /** None where no coordinator runs. */
  readonly signUp?: SignUp | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
}

const SIGN_IN_PATH = "/sign-in";
const LINK_PATH = `${SIGN_IN_PATH}/link`;

export function peopleAdminOf({
  people,
  teams,
  audit,
  accounts,
  owners,
  links,
  clock,
  random,
  payouts,
}: PeopleWorld & Pick<DisablingWorld, "payouts">): PeopleAdmin {
  async function operatorOf(account: string | undefined): Promise<{ person: Person; isNewPerson: boolean }> {
    const found =
      account === undefined
        ? (await people.list()).find(({ role, disabledAt }) => role === "operator" && disabledAt === null)
        : await people.personOf(account as AccountId);
    if (!found) {
      const theirs = account === undefined ? newAccountId(random) : await ownableAccount(account);
      return { person: await newOperator(theirs), isNewPerson: true };
    }
    if (found.role !== "operator")
      throw new AdminError("invalid", `This account is ${found.personId}'s, who is no operator.`);
    if (found.disabledAt !== null)
      throw new AdminError("invalid", `${found.personId} is disabled. 'darkbloom account enable' lets them in again.`);
    return { person: found, isNewPerson: false };
  }

  async function ownableAccount(account: string): Promise<AccountId> {
    const ownable = await knownAccount({ accounts, people, teams }, account);
    if (await teams.team(ownable)) throw new AdminError("invalid", "This account is a team's, and nobody's alone.");
    return ownable;
  }

  async function newOperator(account: AccountId): Promise<Person> {
    const person = newPerson(random, { name: "owner", account, role: "operator", at: clock.now() });
    await people.add(person);
    return person;
  }

  // Each looks whether an operator is there; two at once would both make one.
  const inTurn = turns();
  return {
    async signInLink({ account }) {
      if (!links)
        throw new AdminError(
          "invalid",
          "A link is good where a coordinator runs, and none runs on this folder. Start it first.",
        );
      const { person, isNewPerson } = await inTurn(() => operatorOf(account));
      const path = `${LINK_PATH}/${links.make(person.personId)}`;
      return { baseUrl: links.baseUrl(), path, personId: person.personId, account: person.account, isNewPerson };
    },

    listPeople: () => people.list(),

    async disablePerson(personId) {
      // An id is only a name to look up; an unknown one finds nothing.
      const world = { people, teams, accounts, owners, clock, payouts, forget: links?.forget.bind(links) };
      return known(await disable(world, personId as PersonId));
    },

    async enablePerson(personId) {
      const person = known(await people.person(personId as PersonId));
      if (isErased(person))
        throw new AdminError("invalid", `${person.personId} was erased, which is for good. Invite them anew.`);
      return known(await people.change(person.personId, { disabledAt: null }));
    },

    listAudit: ({ rows, before }) => audit.list(Math.min(rows, AUDIT_ROWS_MAX), before),
  };
}

/** @throws AdminError where there is nobody */
export function known<Found>(person: Found | undefined): Found {
  if (!person)
    throw new AdminError("unknown_person", "There is nobody with this id. 'darkbloom account list' shows everybody.");
  return person;
}

export function inviteAdminOf({ invites, links, signUp, clock, random, crypto }: PeopleWorld): InviteAdmin {
  // Each counts those that are open.
  const inTurn = turns();
  return {
    createInvite: ({ mail: wanted, role }) =>
      inTurn(async () => {
        if (signUp === "closed")
          throw new AdminError(
            "invalid",
            "Nobody new may come: start the coordinator with --sign-up invited, or open.",
          );
        const mail = wanted === undefined ? null : mailAddressFrom(wanted);
        if (mail === undefined) throw new AdminError("invalid", "This is no mail address.");
        const at = clock.now();
        if ((await invites.countOpen(at)) >= INVITES_OPEN_MAX)
          throw new AdminError(
            "too_much",
            `${INVITES_OPEN_MAX} invites are open. Revoke some, or wait until they are used.`,
          );
        const invite = newInvite(random, { mail, role, at });
        const secret = mail === null ? newInviteSecret(random) : undefined;
        await invites.add(secret === undefined ? null : hashOfKey(crypto, secret), invite);
        const path = secret === undefined ? SIGN_IN_PATH : `${SIGN_IN_PATH}/invite/${secret}`;
        return { ...invite, baseUrl: links?.baseUrl() ?? "", path };
      }),

    listInvites: () => invites.list(),

    async revokeInvite(inviteId) {
      const invite = await invites.revoke(inviteId, clock.now());
      if (!invite)
        throw new AdminError(
          "unknown_invite",
          "There is no invite with this id that could still be used. 'darkbloom account invites' shows all.",
        );
      return invite;
    },
  };
}
