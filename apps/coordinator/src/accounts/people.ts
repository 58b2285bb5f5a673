import type { AccountId, PersonId, SessionId, Sha256Hex } from "@darkbloom/protocol/ids";

/** `operator` may do everything; `member` what is on the own account. */
export const roles = ["operator", "member"] as const;
export type Role = (typeof roles)[number];

/** Where a session is used. */
export const sessionKinds = ["browser", "cli"] as const;
export type SessionKind = (typeof sessionKinds)[number];

/** Somebody who signs in. */
export interface Person {
  readonly personId: PersonId;
  /** As they are shown, e.g. `owner`. Empty for whoever was erased, and for nobody else. */
  readonly name: string;
  /** Null for whoever signs in by a link alone. */
  readonly mail: string | null;
  readonly role: Role;
  /** Theirs alone: what they ask for is paid from it. Nobody else ever has it. */
  readonly account: AccountId;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Since when they can sign in no more; null: they can. */
  readonly disabledAt: number | null;
}

/** Of whom there is an account left, and nothing that names them. */
export const isErased = ({ name, disabledAt }: Pick<Person, "name" | "disabledAt">): boolean =>
  name === "" && disabledAt !== null;

/** One sign-in's public side. Its secret is shown once and only its SHA-256 is kept. */
export interface Session {
  readonly sessionId: SessionId;
  readonly personId: PersonId;
  readonly kind: SessionKind;
  /** What it was made for, in that program's words, e.g. `darkbloom on laptop`. */
  readonly client: string;
  readonly createdAt: number;
  /** To the hour: it is not written with each request. */
  readonly usedAt: number;
  readonly expiresAt: number;
}

/** Whoever shows a session. */
export interface SignedIn {
  readonly person: Person;
  readonly session: Session;
}

/**
 * Who signs in, and with which sessions. An adapter passes `peopleContract`.
 *
 * - `add` is idempotent by id, and refuses an account or a mail that somebody has.
 * - `addSession` keeps `SESSIONS_PER_PERSON_MAX` of a person: of more the one that was used longest ago goes.
 * - `findSession` answers sessions that are over and of people who are disabled; the caller refuses them.
 * - What ends a session or a person counts for the very next `findSession`.
 * - `erase` leaves id, account and when they came: they are disabled, a member, without name, mail and sessions, for good. Somebody
 *   else may come by their mail. It comes to the same when it is made twice.
 */
export interface People {
  add(person: Person): Promise<void>;
  person(personId: PersonId): Promise<Person | undefined>;
  /** Whose an account is alone; undefined for one without a person. */
  personOf(account: AccountId): Promise<Person | undefined>;
  /** @param mail as `mailAddressFrom` writes it */
  byMail(mail: string): Promise<Person | undefined>;
  /** Oldest first. */
  list(): Promise<Person[]>;
  /** @returns how they are now; undefined for an unknown id */
  change(personId: PersonId, change: Partial<Pick<Person, "role" | "disabledAt">>): Promise<Person | undefined>;
  /** @returns how they are now; undefined for an unknown id */
  erase(personId: PersonId, at: number): Promise<Person | undefined>;

  addSession(secretHash: Sha256Hex, session: Session): Promise<void>;
  findSession(secretHash: Sha256Hex): Promise<SignedIn | undefined>;
  /** The one that was used last first. */
  sessionsOf(personId: PersonId): Promise<Session[]>;
  /** Writes down that it is in use. */
  usedSession(sessionId: SessionId, at: number): Promise<void>;
  /** @returns whether the person had such a session */
  endSession(personId: PersonId, sessionId: SessionId): Promise<boolean>;
  /** All of a person's. */
  endSessions(personId: PersonId): Promise<void>;
}

/** Sessions of one person; of more the one that was used longest ago ends. */
export const SESSIONS_PER_PERSON_MAX = 32;
