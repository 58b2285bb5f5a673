import { nodeCrypto, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { expect, it } from "vitest";
import { MemoryPeople } from "../adapters/memory-people.ts";
import { personNamed } from "./people.contract.ts";
import { openSession } from "./sessions.ts";

/** Goal: no sign-in outlives that its person was disabled, also once they are let in again. Method: it happens just before the session is written. */
it("opens nothing for somebody who was disabled meanwhile", async () => {
  const people = new MemoryPeople();
  const person = personNamed("anna");
  await people.add(person);
  const add = people.addSession.bind(people);
  people.addSession = async (hash, session) => {
    await people.change(person.personId, { disabledAt: 1 });
    await people.endSessions(person.personId);
    await add(hash, session);
  };
  const tools = { people, clock: systemClock, random: systemRandom, crypto: nodeCrypto };
  await openSession(tools, person, { kind: "cli", client: "x" });
  await people.change(person.personId, { disabledAt: null });
  expect(await people.sessionsOf(person.personId)).toEqual([]);
});
