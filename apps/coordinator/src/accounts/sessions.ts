import { toBase64Url, toHex } from "@darkbloom/protocol/bytes";
import type { AccountId, KeyId, PersonId, SessionId } from "@darkbloom/protocol/ids";
import type { Clock, Crypto, Random } from "@darkbloom/protocol/ports";
import { hashOfKey } from "./keys.ts";
import type { People, Person, Role, Session, SessionKind, SignedIn } from "./people.ts";
import { unbound } from "./key-terms.ts";
import type { KeyRecord } from "./port.ts";

/** Sessions as programs send them: a prefix of their own, and 32 random bytes in base64url, 43 characters. */
const SESSION_PREFIX = "darkbloom-session-";
const SECRET_BYTES = 32;
const sessionShape = /^darkbloom-session-[A-Za-z0-9_-]{43}$/;
const ID_BYTES = 16;

/** However much it is used, so that what was stolen and lies somewhere is good for nothing in the end. */
const BROWSER_SESSION_LIFE_MS = 30 * 24 * 60 * 60_000;
const CLI_SESSION_LIFE_MS = 90 * 24 * 60 * 60_000;
/** A session's last use is written this often at most: a write waits for the disk. */
export const SESSION_USE_WRITTEN_EVERY_MS = 60 * 60_000;
/** Of what a session says that it is for. */
export const CLIENT_CHARS_MAX = 128;

export const isSessionShaped = (text: string): boolean => sessionShape.test(text);

/** Whether a text was meant to be a session, and not a key. */
export const isMeantAsSession = (text: string): boolean => text.startsWith(SESSION_PREFIX);

export const newPerson = (
  random: Random,
  { name, account, role, at }: { name: string; account: AccountId; role: Role; at: number },
): Person => ({
  personId: `person_${toHex(random.bytes(ID_BYTES))}` as PersonId,
  name,
  mail: null,
  role,
  account,
  createdAt: at,
  disabledAt: null,
});

export interface SessionTools {
  readonly people: People;
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
}

/** Signs a person in. @returns the secret, which is shown this once */
export async function openSession(
  { people, clock, random, crypto }: SessionTools,
  { personId }: Pick<Person, "personId">,
  { kind, client }: Pick<Session, "kind" | "client">,
): Promise<{ readonly secret: string; readonly session: Session }> {
  const secret = SESSION_PREFIX + toBase64Url(random.bytes(SECRET_BYTES));
  const at = clock.now();
  const session: Session = {
    sessionId: `session_${toHex(random.bytes(ID_BYTES))}` as SessionId,
    personId,
    kind,
    client: client.slice(0, CLIENT_CHARS_MAX),
    createdAt: at,
    usedAt: at,
    expiresAt: at + lifeMsOf(kind),
  };
  await people.addSession(hashOfKey(crypto, secret), session);
  // Who is disabled in the same moment may have had all other sessions ended before this one was there.
  if ((await people.person(personId))?.disabledAt !== null) await people.endSession(personId, session.sessionId);
  return { secret, session };
}

export const lifeMsOf = (kind: SessionKind): number =>
  kind === "browser" ? BROWSER_SESSION_LIFE_MS : CLI_SESSION_LIFE_MS;

/** Whether whoever shows it is let in. */
export const isGood = ({ person, session }: SignedIn, now: number): boolean =>
  person.disabledAt === null && now < session.expiresAt;

/** A session in a key's place where answers are asked for: on the person's own account, bound to nothing. */
export const standInFor = ({ person, session }: SignedIn): KeyRecord => ({
  ...unbound,
  keyId: `key_of_${session.sessionId}` as KeyId,
  account: person.account,
  createdBy: person.personId,
  label: session.client,
  createdAt: session.createdAt,
  lastUsedAt: session.usedAt,
  revokedAt: null,
});
