import { joinBytes } from "@darkbloom/protocol/bytes";
import type { AccountId, PersonId, SessionId, Sha256Hex } from "@darkbloom/protocol/ids";
import type { Audit, AuditEntry, KeptEntry } from "../accounts/audit.ts";
import { signInOver, type SignIn } from "../accounts/sign-in.ts";
import { MemoryIdentities } from "./memory-identities.ts";
import { MemoryInvites } from "./memory-invites.ts";
import { SESSIONS_PER_PERSON_MAX, type People, type Person, type Session, type SignedIn } from "../accounts/people.ts";
import { MemoryOperatorTokens } from "./memory-operator-tokens.ts";
import { MemoryPasskeys } from "./memory-passkeys.ts";
import { MemoryTeams } from "./memory-teams.ts";
import { WebAuthn } from "./web-authn.ts";

/** People with nothing behind them: for tests and networks in one process. */
export class MemoryPeople implements People {
  readonly #people = new Map<PersonId, Person>();
  readonly #sessions = new Map<Sha256Hex, Session>();

  async add(person: Person): Promise<void> {
    if (this.#people.has(person.personId)) return;
    for (const { account, mail } of this.#people.values())
      if (account === person.account || (mail !== null && mail === person.mail))
        throw new RangeError("somebody has this account or mail");
    this.#people.set(person.personId, person);
  }

  async person(personId: PersonId): Promise<Person | undefined> {
    return this.#people.get(personId);
  }

  async personOf(account: AccountId): Promise<Person | undefined> {
    return [...this.#people.values()].find((person) => person.account === account);
  }

  async byMail(mail: string): Promise<Person | undefined> {
    return [...this.#people.values()].find((person) => person.mail === mail);
  }

  async list(): Promise<Person[]> {
    return [...this.#people.values()].toSorted((a, b) => a.createdAt - b.createdAt);
  }

  async change(personId: PersonId, change: Partial<Pick<Person, "role" | "disabledAt">>): Promise<Person | undefined> {
    const person = this.#people.get(personId);
    const changed = person && { ...person, ...change };
    if (changed) this.#people.set(personId, changed);
    return changed;
  }

  async erase(personId: PersonId, at: number): Promise<Person | undefined> {
    await this.endSessions(personId);
    const person = this.#people.get(personId);
    const erased = person && {
      ...person,
      name: "",
      mail: null,
      role: "member" as const,
      disabledAt: person.disabledAt ?? at,
    };
    if (erased) this.#people.set(personId, erased);
    return erased;
  }

  async addSession(secretHash: Sha256Hex, session: Session): Promise<void> {
    if (this.#sessions.has(secretHash)) throw new RangeError("this secret is known already");
    const others = await this.sessionsOf(session.personId);
    for (const { sessionId } of others.slice(SESSIONS_PER_PERSON_MAX - 1))
      await this.endSession(session.personId, sessionId);
    this.#sessions.set(secretHash, session);
  }

  async findSession(secretHash: Sha256Hex): Promise<SignedIn | undefined> {
    const session = this.#sessions.get(secretHash);
    const person = session && this.#people.get(session.personId);
    return person && { person, session };
  }

  async sessionsOf(personId: PersonId): Promise<Session[]> {
    return [...this.#sessions.values()]
      .filter((session) => session.personId === personId)
      .toSorted((a, b) => b.usedAt - a.usedAt || b.createdAt - a.createdAt);
  }

  async usedSession(sessionId: SessionId, at: number): Promise<void> {
    for (const [hash, session] of this.#sessions)
      if (session.sessionId === sessionId) this.#sessions.set(hash, { ...session, usedAt: at });
  }

  async endSession(personId: PersonId, sessionId: SessionId): Promise<boolean> {
    for (const [hash, session] of this.#sessions)
      if (session.personId === personId && session.sessionId === sessionId) return this.#sessions.delete(hash);
    return false;
  }

  async endSessions(personId: PersonId): Promise<void> {
    for (const [hash, session] of this.#sessions) if (session.personId === personId) this.#sessions.delete(hash);
  }
}

type World = Parameters<typeof signInOver>[1] & Pick<Parameters<typeof signInOver>[0], "ledger">;

export const signInInMemory = (world: World): SignIn =>
  signInOver(
    {
      ledger: world.ledger,
      people: new MemoryPeople(),
      teams: new MemoryTeams(),
      tokens: new MemoryOperatorTokens(),
      invites: new MemoryInvites(),
      identities: new MemoryIdentities(),
      passkeys: new MemoryPasskeys(),
      passkeyChecks: new WebAuthn(),
      networkKey: { mac: (...message) => world.crypto.sha256(joinBytes(message)) },
      audit: new MemoryAudit(),
    },
    world,
  );

/** An audit log with nothing behind it. */
export class MemoryAudit implements Audit {
  readonly #entries: KeptEntry[] = [];

  async add(entry: AuditEntry): Promise<void> {
    this.#entries.push({ seq: this.#entries.length + 1, ...entry });
  }

  async list(rows: number, before = Infinity): Promise<KeptEntry[]> {
    return this.#entries
      .filter(({ seq }) => seq < before)
      .toReversed()
      .slice(0, rows);
  }

  async about(personId: PersonId, rows: number): Promise<KeptEntry[]> {
    return (await this.list(Infinity))
      .filter(({ actor, subject }) => actor === personId || subject.split("/").includes(personId))
      .slice(0, rows);
  }
}
