import type { AccountId, PersonId } from "@darkbloom/protocol/ids";
import { describe, expect, it } from "vitest";
import { MemoryTeams } from "../adapters/memory-teams.ts";
import { KnownTeams, TEAMS_KNOWN_MAX } from "./known-teams.ts";
import { lab, person, teamNamed, teamsContract } from "./teams.contract.ts";

teamsContract("teams kept in memory", async () => new KnownTeams(new MemoryTeams()));

/** A store that says what it was asked for, and may be slow to answer. */
class AskedTeams extends MemoryTeams {
  readonly asked: string[] = [];
  slowly = async (): Promise<void> => {};

  override async team(account: AccountId) {
    this.asked.push(account);
    const found = await super.team(account);
    await this.slowly();
    return found;
  }

  override async find(account: AccountId, personId: PersonId) {
    this.asked.push(personId);
    return await super.find(account, personId);
  }
}

async function known() {
  const store = new AskedTeams();
  await store.add(lab, person("anna"));
  return { store, teams: new KnownTeams(store) };
}

describe("teams in memory", () => {
  /** Goal: what every request asks is read once, and somebody who is in no team takes no room. Method: an account of a team, one of nobody's, a member and a stranger, each twice. */
  it("are read once", async () => {
    const { store, teams } = await known();
    for (let n = 0; n < 2; n++) {
      await teams.team(lab.account);
      await teams.team("acct_own" as AccountId);
      await teams.find(lab.account, person("anna"));
      await teams.find(lab.account, person("eve"));
    }
    expect(store.asked).toEqual([lab.account, "acct_own", person("anna"), person("eve"), person("eve")]);
  });

  /** Goal: whatever changes counts for the very next request. Method: each change, behind what is in memory. */
  it.each<[string, (teams: KnownTeams) => Promise<unknown>, unknown]>([
    ["renamed", (teams) => teams.change(lab.account, { name: "x" }), ["x", "member"]],
    ["of another role", (teams) => teams.changeRole(lab.account, person("otto"), "admin"), ["lab", "admin"]],
    ["left", (teams) => teams.leave(lab.account, person("otto")), ["lab", undefined]],
    ["deleted", (teams) => teams.remove(lab.account), [undefined, undefined]],
  ])("are as they are once they are %s", async (_what, change, expected) => {
    const { teams } = await known();
    await teams.join(lab.account, person("otto"), "member", 2);
    const seen = async () => [
      (await teams.team(lab.account))?.name,
      (await teams.find(lab.account, person("otto")))?.member.role,
    ];
    expect(await seen()).toEqual(["lab", "member"]);
    await change(teams);
    expect(await seen()).toEqual(expected);
  });

  /** Goal: what was read before a change is not kept behind it. Method: a change while a reading is under way. */
  it("keep nothing that was read before a change", async () => {
    const { store, teams } = await known();
    const { promise, resolve } = Promise.withResolvers<void>();
    store.slowly = () => promise;
    const early = teams.team(lab.account);
    await teams.change(lab.account, { name: "new" });
    resolve();
    expect((await early)?.name).toBe("lab");
    expect((await teams.team(lab.account))?.name).toBe("new");
  });

  /** Goal: memory is bounded. Method: one more than fits; the first is read again. */
  it("are so many", async () => {
    const { store, teams } = await known();
    for (let n = 0; n <= TEAMS_KNOWN_MAX; n++) await teams.team(`acct_${n}` as AccountId);
    store.asked.length = 0;
    await teams.team("acct_1" as AccountId);
    await teams.team("acct_0" as AccountId);
    expect(store.asked).toEqual(["acct_0"]);
  });

  /** Goal: an account that becomes a team's is one at once. Method: asked before it is made. */
  it("know a new team at once", async () => {
    const { teams } = await known();
    const shop = teamNamed("shop");
    expect(await teams.team(shop.account)).toBeUndefined();
    await teams.add(shop, person("anna"));
    expect(await teams.team(shop.account)).toEqual(shop);
  });
});
