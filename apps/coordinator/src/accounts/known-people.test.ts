import { expect, describe, it } from "vitest";
import type { Sha256Hex } from "@darkbloom/protocol/ids";
import { MemoryPeople } from "../adapters/memory-people.ts";
import { KnownPeople, SESSIONS_KNOWN_MAX } from "./known-people.ts";
import { anna, hash, peopleContract, sessionOfAnna } from "./people.contract.ts";
import type { SignedIn } from "./people.ts";

peopleContract("people kept in memory", async () => new KnownPeople(new MemoryPeople()));

/** A store that says what it was asked for, and may be slow to answer. */
class AskedPeople extends MemoryPeople {
  readonly asked: Sha256Hex[] = [];
  slowly = async (): Promise<void> => {};

  override async findSession(secretHash: Sha256Hex): Promise<SignedIn | undefined> {
    this.asked.push(secretHash);
    const found = await super.findSession(secretHash);
    await this.slowly();
    return found;
  }
}

async function known(sessions: number) {
  const store = new AskedPeople();
  await store.add(anna);
  for (let n = 1; n <= sessions; n++) await store.addSession(hash(n), sessionOfAnna(n));
  return { store, people: new KnownPeople(store) };
}

describe("sessions in memory", () => {
  /** Goal: a session that is shown again is not read again, and a guess takes no room. Method: the same one three times, a wrong one twice. */
  it("are read once", async () => {
    const { store, people } = await known(1);
    for (const n of [1, 7, 1, 7, 1]) await people.findSession(hash(n));
    expect(store.asked).toEqual([hash(1), hash(7), hash(7)]);
  });

  /** Goal: whatever is taken from somebody counts for the very next request. Method: each change, behind a session that is in memory. */
  it.each<[string, (people: KnownPeople) => Promise<unknown>, SignedIn | undefined]>([
    ["ended", (people) => people.endSession(anna.personId, sessionOfAnna(1).sessionId), undefined],
    ["ended with all others", (people) => people.endSessions(anna.personId), undefined],
    [
      "of somebody who is disabled",
      (people) => people.change(anna.personId, { disabledAt: 5 }),
      { person: { ...anna, disabledAt: 5 }, session: sessionOfAnna(1) },
    ],
    [
      "of somebody who has become an operator",
      (people) => people.change(anna.personId, { role: "operator" }),
      { person: { ...anna, role: "operator" }, session: sessionOfAnna(1) },
    ],
    [
      "used again",
      (people) => people.usedSession(sessionOfAnna(1).sessionId, 9),
      { person: anna, session: sessionOfAnna(1, { usedAt: 9 }) },
    ],
  ])("are as they are once they are %s", async (_what, change, expected) => {
    const { people } = await known(2);
    await people.findSession(hash(1));
    await change(people);
    expect(await people.findSession(hash(1))).toEqual(expected);
  });

  /** Goal: so it is for a session that was just being read. Method: a reading that answers behind the end. */
  it("are not kept where they were read before a change", async () => {
    const { store, people } = await known(1);
    const answer = Promise.withResolvers<void>();
    store.slowly = () => answer.promise;
    const reading = people.findSession(hash(1));
    await Promise.resolve();
    await people.endSession(anna.personId, sessionOfAnna(1).sessionId);
    answer.resolve();
    await reading;
    expect(await people.findSession(hash(1))).toBeUndefined();
  });

  /** Goal: there is a bound, at which the session that was not shown for longest goes. Method: a store that finds whatever is asked for. */
  it("are as many as fit", async () => {
    const { store, people } = await known(1);
    const found = await store.findSession(hash(1));
    const asked: Sha256Hex[] = [];
    store.findSession = async (secretHash) => {
      asked.push(secretHash);
      return found;
    };
    for (let n = 1; n <= SESSIONS_KNOWN_MAX; n++) await people.findSession(hash(n));
    await people.findSession(hash(1));
    expect(asked).toHaveLength(SESSIONS_KNOWN_MAX);
    await people.findSession(hash(SESSIONS_KNOWN_MAX + 1));
    asked.length = 0;
    for (const n of [1, 3, SESSIONS_KNOWN_MAX + 1, 2]) await people.findSession(hash(n));
    expect(asked).toEqual([hash(2)]);
  });
});
