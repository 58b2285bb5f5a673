import type { AccountId, PersonId, SessionId, Sha256Hex } from "@darkbloom/protocol/ids";
import type { People, Person, Session, SignedIn } from "./people.ts";

/** Sessions that are kept in memory; of more, the one that was shown longest ago is read again. */
export const SESSIONS_KNOWN_MAX = 10_000;

/**
 * The people of a process that nobody else writes beside, with the sessions that were shown kept in memory until they or
 * their people change. A hash that names none is asked for every time.
 */
export class KnownPeople implements People {
  readonly #people: People;
  /** By hash, in the order of their last use. */
  readonly #kept = new Map<Sha256Hex, SignedIn>();
  /** What was read before a change, and comes behind it, is not kept. */
  #changes = 0;

  constructor(people: People) {
    this.#people = people;
  }

  async findSession(secretHash: Sha256Hex): Promise<SignedIn | undefined> {
    const known = this.#kept.get(secretHash);
    if (known) {
      this.#keep(secretHash, known);
      return known;
    }
    const changes = this.#changes;
    const found = await this.#people.findSession(secretHash);
    if (found && changes === this.#changes) this.#keep(secretHash, found);
    return found;
  }

  add(person: Person): Promise<void> {
    return this.#people.add(person);
  }

  person(personId: PersonId): Promise<Person | undefined> {
    return this.#people.person(personId);
  }

  personOf(account: AccountId): Promise<Person | undefined> {
    return this.#people.personOf(account);
  }

  byMail(mail: string): Promise<Person | undefined> {
    return this.#people.byMail(mail);
  }

  list(): Promise<Person[]> {
    return this.#people.list();
  }

  sessionsOf(personId: PersonId): Promise<Session[]> {
    return this.#people.sessionsOf(personId);
  }

  change(personId: PersonId, change: Parameters<People["change"]>[1]): Promise<Person | undefined> {
    return this.#forgetting(this.#people.change(personId, change), ({ person }) => person.personId === personId);
  }

  /** Another one of the person's may end for it. */
  addSession(secretHash: Sha256Hex, session: Session): Promise<void> {
    return this.#forgetting(
      this.#people.addSession(secretHash, session),
      ({ person }) => person.personId === session.personId,
    );
  }

  usedSession(sessionId: SessionId, at: number): Promise<void> {
    return this.#forgetting(this.#people.usedSession(sessionId, at), ({ session }) => session.sessionId === sessionId);
  }

  endSession(personId: PersonId, sessionId: SessionId): Promise<boolean> {
    return this.#forgetting(
      this.#people.endSession(personId, sessionId),
      ({ session }) => session.sessionId === sessionId,
    );
  }

  endSessions(personId: PersonId): Promise<void> {
    return this.#forgetting(this.#people.endSessions(personId), ({ person }) => person.personId === personId);
  }

  /** Also where it is not known whether the change was made. */
  async #forgetting<Done>(change: Promise<Done>, concerns: (one: SignedIn) => boolean): Promise<Done> {
    try {
      return await change;
    } finally {
      this.#changes += 1;
      for (const [secretHash, one] of this.#kept) if (concerns(one)) this.#kept.delete(secretHash);
    }
  }

  #keep(secretHash: Sha256Hex, one: SignedIn): void {
    this.#kept.delete(secretHash);
    if (this.#kept.size >= SESSIONS_KNOWN_MAX)
      for (const oldest of this.#kept.keys().take(1)) this.#kept.delete(oldest);
    this.#kept.set(secretHash, one);
  }
}
