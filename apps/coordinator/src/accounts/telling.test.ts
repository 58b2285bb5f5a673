import type { AccountId, PersonId } from "@darkbloom/protocol/ids";
import { describe, expect, it } from "vitest";
import { MemoryAccounts } from "../adapters/memory-accounts.ts";
import { MemoryPeople } from "../adapters/memory-people.ts";
import { MemoryTeams } from "../adapters/memory-teams.ts";
import { Changes } from "../events/changes.ts";
import { accountsContract } from "./accounts.contract.ts";
import { noCeiling } from "./ceilings.ts";
import { anna, hash, peopleContract, sessionOfAnna } from "./people.contract.ts";
import { teamsContract } from "./teams.contract.ts";
import { tellingAccounts, tellingPeople, tellingTeams } from "./telling.ts";

peopleContract("people who are told of", async () => tellingPeople(new MemoryPeople(), new Changes()));
accountsContract("accounts that are told of", async () => tellingAccounts(new MemoryAccounts(), new Changes()));

teamsContract("teams that are told of", async () => tellingTeams(new MemoryTeams(), new Changes()));

function heard() {
  const changes = new Changes();
  const told: unknown[] = [];
  changes.listen(({ kind, of }) => told.push([kind, of]));
  return { changes, told };
}

/** Goal: whatever may end a session is told of, also where it failed. Method: each change of people, behind which nothing else happens. */
describe("people's changes", () => {
  const { personId } = anna;
  it.each<[string, (people: ReturnType<typeof tellingPeople>) => Promise<unknown>, unknown[]]>([
    ["another session", (people) => people.addSession(hash(2), sessionOfAnna(2)), [["sessions", personId]]],
    ["one ended", (people) => people.endSession(personId, sessionOfAnna(1).sessionId), [["sessions", personId]]],
    ["all ended", (people) => people.endSessions(personId), [["sessions", personId]]],
    [
      "disabled",
      (people) => people.change(personId, { disabledAt: 5 }),
      [
        ["people", personId],
        ["sessions", personId],
      ],
    ],
    ["a use", (people) => people.usedSession(sessionOfAnna(1).sessionId, 5), []],
  ])("%s", async (_, change, expected) => {
    const { changes, told } = heard();
    const people = tellingPeople(new MemoryPeople(), changes);
    await people.add(anna);
    await people.addSession(hash(1), sessionOfAnna(1));
    told.length = 0;
    await change(people);
    expect(told).toEqual(expected);
  });

  it("where it failed", async () => {
    const { changes, told } = heard();
    const broken = Object.assign(new MemoryPeople(), { endSessions: () => Promise.reject(new Error("away")) });
    await expect(tellingPeople(broken, changes).endSessions(personId)).rejects.toThrow("away");
    expect(told).toEqual([["sessions", personId]]);
  });
});

/** Goal: whoever looks at a team sees who comes and goes. Method: one who joins and leaves. */
it("tells a team's members, and who comes or goes, of each change of it", async () => {
  const { changes, told } = heard();
  const teams = tellingTeams(new MemoryTeams(), changes);
  const [account, otto] = ["acct_team" as AccountId, "person_otto" as PersonId];
  await teams.add({ account, name: "The lab", ceiling: noCeiling, createdAt: 1 }, anna.personId);
  await teams.join(account, otto, "member", 2);
  await teams.changeRole(account, otto, "admin");
  await teams.leave(account, otto);
  expect(told).toEqual([
    ["teams", anna.personId],
    ["teams", account],
    ["teams", otto],
    ["teams", account],
    ["teams", account],
    ["teams", otto],
  ]);
});
