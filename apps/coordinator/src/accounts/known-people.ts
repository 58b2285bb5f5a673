import type { AccountId, PersonId, SessionId, Sha256Hex } from "@darkbloom/protocol/ids";
import type { Notices } from "../events/notices.ts";
import { Known, type Sharing } from "./known.ts";
import type { People, Person, Session, SignedIn } from "./people.ts";

/** Sessions that are kept in memory; of more, the one that was shown longest ago is read again. */
export const SESSIONS_KNOWN_MAX = 10_000;

/**
 * The people with the sessions that were shown kept in memory until they or their people change. A hash that names none is asked
 * for every time. Where other coordinators write too, they are told of each change before it is answered.
 */
export class KnownPeople implements People {
  readonly #people: People;
  readonly #notices: Notices | undefined;
  readonly #known: Known<Sha256Hex, SignedIn>;

  constructor(people: People, sharing?: Sharing) {
    this.#people = people;
    this.#notices = sharing?.notices;
    this.#known = new Known(SESSIONS_KNOWN_MAX, sharing);
    sharing?.notices.listen("person", (personId) => this.#forget(({ person }) => person.personId === personId));
  }

  findSession(secretHash: Sha256Hex): Promise<SignedIn | undefined> {
    return this.#known.get(secretHash, () => this.#people.findSession(secretHash));
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
    return this.#changing(personId, this.#people.change(personId, change));
  }

  erase(personId: PersonId, at: number): Promise<Person | undefined> {
    return this.#changing(personId, this.#people.erase(personId, at));
  }

  /** Another one of the person's may end for it. */
  addSession(secretHash: Sha256Hex, session: Session): Promise<void> {
    return this.#changing(session.personId, this.#people.addSession(secretHash, session));
  }

  /** Changes nothing that decides, but how long it lasts: whoever knows it for long reads that again. */
  async usedSession(sessionId: SessionId, at: number): Promise<void> {
    try {
      await this.#people.usedSession(sessionId, at);
    } finally {
      this.#forget(({ session }) => session.sessionId === sessionId);
    }
  }

  endSession(personId: PersonId, sessionId: SessionId): Promise<boolean> {
    return this.#changing(personId, this.#people.endSession(personId, sessionId));
  }

  endSessions(personId: PersonId): Promise<void> {
    return this.#changing(personId, this.#people.endSessions(personId));
  }

  /** Also where it is not known whether the change was made. */
  async #changing<Done>(personId: PersonId, change: Promise<Done>): Promise<Done> {
    try {
      return await change;
    } finally {
      this.#forget(({ person }) => person.personId === personId);
      await this.#notices?.tell({ kind: "person", of: personId });
    }
  }

  #forget(concerns: (one: SignedIn) => boolean): void {
    this.#known.forget(concerns);
  }
}
