import type { AccountId, PersonId, SessionId, Sha256Hex } from "@darkbloom/protocol/ids";
import { describe, expect, it } from "vitest";
import { SESSIONS_PER_PERSON_MAX, type People, type Person, type Session } from "./people.ts";

export const hash = (n: number): Sha256Hex => String(n).padStart(64, "0") as Sha256Hex;

export const personNamed = (name: string, more: Partial<Person> = {}): Person => ({
  personId: `person_${name}` as PersonId,
  name,
  mail: null,
  role: "member",
  account: `acct_${name}` as AccountId,
  createdAt: 1,
  disabledAt: null,
  ...more,
});

export const sessionOfAnna = (n: number, more: Partial<Session> = {}): Session => ({
  sessionId: `session_${n}` as SessionId,
  personId: anna.personId,
  kind: "cli",
  client: `laptop "${n}"`,
  createdAt: n,
  usedAt: n,
  expiresAt: n + 1000,
  ...more,
});

export const anna = personNamed("anna");
const otto = personNamed("otto", { createdAt: 2, role: "operator", mail: "otto@example.com" });

/** What any store of people must do. `open` gives an empty one. */
export function peopleContract(name: string, open: () => Promise<People>): void {
  const withBoth = async (): Promise<People> => {
    const people = await open();
    await people.add(otto);
    await people.add(anna);
    return people;
  };

  describe(`people contract: ${name}`, () => {
    /** Goal: people are found by their id, their account and their mail. Method: two, and one who is not there. */
    it("finds people", async () => {
      const people = await withBoth();
      expect(await people.person(anna.personId)).toEqual(anna);
      expect(await people.personOf(otto.account)).toEqual(otto);
      expect(await people.person("person_nobody" as PersonId)).toBeUndefined();
      expect(await people.personOf("acct_nobody" as AccountId)).toBeUndefined();
      expect(await people.byMail("otto@example.com")).toEqual(otto);
      expect(await people.byMail("nobody@example.com")).toBeUndefined();
      expect(await people.list()).toEqual([anna, otto]);
    });

    /** Goal: nobody takes another's place. Method: the same person again, another with their account, another with their mail. */
    it("adds nobody twice", async () => {
      const people = await withBoth();
      await people.add(anna);
      await expect(people.add(personNamed("eve", { account: anna.account }))).rejects.toThrow();
      await expect(people.add(personNamed("eve", { mail: otto.mail }))).rejects.toThrow();
      expect(await people.list()).toEqual([anna, otto]);
    });

    /** Goal: a role and whether somebody may sign in can be changed, each alone. Method: both, back, and somebody unknown. */
    it("changes people", async () => {
      const people = await withBoth();
      expect(await people.change(anna.personId, { role: "operator" })).toEqual({ ...anna, role: "operator" });
      expect(await people.change(anna.personId, { disabledAt: 7 })).toEqual({
        ...anna,
        role: "operator",
        disabledAt: 7,
      });
      await people.change(anna.personId, { disabledAt: null, role: "member" });
      expect(await people.list()).toEqual([anna, otto]);
      expect(await people.change("person_nobody" as PersonId, { role: "operator" })).toBeUndefined();
    });

    /** Goal: of who is erased there is an account left that is nobody else's, and no word of theirs; their mail is free. Method: an operator with sessions, twice; then another with that mail, another with that account; and somebody unknown. */
    it("erases people", async () => {
      const people = await withBoth();
      for (const [n, personId] of [otto.personId, anna.personId].entries())
        await people.addSession(hash(n), sessionOfAnna(n, { personId }));
      const erased = { ...otto, name: "", mail: null, role: "member", disabledAt: 7 };
      expect(await people.erase(otto.personId, 7)).toEqual(erased);
      expect(await people.erase(otto.personId, 9)).toEqual(erased);
      expect(await people.list()).toEqual([anna, erased]);
      expect(await people.sessionsOf(otto.personId)).toEqual([]);
      expect(await people.findSession(hash(0))).toBeUndefined();
      expect(await people.findSession(hash(1))).toBeDefined();
      expect(await people.byMail("otto@example.com")).toBeUndefined();
      const next = personNamed("next", { createdAt: 3, mail: otto.mail });
      await people.add(next);
      expect(await people.byMail("otto@example.com")).toEqual(next);
      await expect(people.add(personNamed("eve", { account: otto.account }))).rejects.toThrow();
      expect(await people.personOf(otto.account)).toEqual(erased);
      await people.change(anna.personId, { disabledAt: 5 });
      expect((await people.erase(anna.personId, 9))?.disabledAt).toBe(5);
      expect(await people.erase("person_nobody" as PersonId, 9)).toBeUndefined();
    });

    /** Goal: a session is found by the hash of its secret with whose it is, as they are now. Method: one, another hash, and a change of its person. */
    it("finds a session by its hash", async () => {
      const people = await withBoth();
      await people.addSession(hash(1), sessionOfAnna(1));
      expect(await people.findSession(hash(1))).toEqual({ person: anna, session: sessionOfAnna(1) });
      expect(await people.findSession(hash(2))).toBeUndefined();
      await people.change(anna.personId, { disabledAt: 9 });
      expect((await people.findSession(hash(1)))?.person.disabledAt).toBe(9);
    });

    /** Goal: a session ends for whom it belongs to, and for nobody else. Method: two people's, ended by the wrong one and by the right one. */
    it("ends one session, or all of a person", async () => {
      const people = await withBoth();
      const ottos = sessionOfAnna(4, { personId: otto.personId });
      for (const n of [1, 2, 3]) await people.addSession(hash(n), sessionOfAnna(n));
      await people.addSession(hash(4), ottos);
      expect(await people.endSession(otto.personId, sessionOfAnna(1).sessionId)).toBe(false);
      expect(await people.endSession(anna.personId, sessionOfAnna(1).sessionId)).toBe(true);
      expect(await people.endSession(anna.personId, sessionOfAnna(1).sessionId)).toBe(false);
      expect(await people.findSession(hash(1))).toBeUndefined();
      expect(await people.sessionsOf(anna.personId)).toEqual([sessionOfAnna(3), sessionOfAnna(2)]);
      await people.endSessions(anna.personId);
      expect(await people.sessionsOf(anna.personId)).toEqual([]);
      expect(await people.findSession(hash(3))).toBeUndefined();
      expect(await people.findSession(hash(4))).toEqual({ person: otto, session: ottos });
    });

    /** Goal: what was used is known. Method: the older of two is used, and what is listed first. */
    it("knows which session was used last", async () => {
      const people = await withBoth();
      for (const n of [1, 2]) await people.addSession(hash(n), sessionOfAnna(n));
      await people.usedSession(sessionOfAnna(1).sessionId, 5);
      expect(await people.sessionsOf(anna.personId)).toEqual([sessionOfAnna(1, { usedAt: 5 }), sessionOfAnna(2)]);
    });

    /** Goal: a person's sessions are bounded, and no sign-in is refused for it. Method: one more than fit, of which the first was used since. */
    it("keeps so many sessions of a person, those that were used last", async () => {
      const people = await withBoth();
      for (let n = 1; n <= SESSIONS_PER_PERSON_MAX; n++) await people.addSession(hash(n), sessionOfAnna(n));
      await people.usedSession(sessionOfAnna(1).sessionId, 500);
      const more = SESSIONS_PER_PERSON_MAX + 1;
      await people.addSession(hash(more), sessionOfAnna(more));
      expect(await people.sessionsOf(anna.personId)).toHaveLength(SESSIONS_PER_PERSON_MAX);
      expect(await people.findSession(hash(1))).toBeDefined();
      expect(await people.findSession(hash(2))).toBeUndefined();
      expect(await people.findSession(hash(more))).toBeDefined();
    });

    /** Goal: no session takes another's place. Method: the same hash for another session. */
    it("refuses a secret that is known", async () => {
      const people = await withBoth();
      await people.addSession(hash(1), sessionOfAnna(1));
      await expect(people.addSession(hash(1), sessionOfAnna(2))).rejects.toThrow();
      expect(await people.findSession(hash(1))).toEqual({ person: anna, session: sessionOfAnna(1) });
    });
  });
}
