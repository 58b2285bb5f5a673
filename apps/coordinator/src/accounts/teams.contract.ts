import type { AccountId, PersonId } from "@darkbloom/protocol/ids";
import { describe, expect, it } from "vitest";
import { noCeiling } from "./ceilings.ts";
import { hash } from "./people.contract.ts";
import {
  MEMBERS_PER_TEAM_MAX,
  TEAM_INVITES_OPEN_MAX,
  TEAMS_PER_PERSON_MAX,
  type Team,
  type TeamInvite,
  type Teams,
} from "./teams.ts";

export const person = (n: number | string): PersonId => `person_${n}` as PersonId;
const [anna, otto, eve] = [person("anna"), person("otto"), person("eve")];

export const teamNamed = (name: string, more: Partial<Team> = {}): Team => ({
  account: `acct_${name}` as AccountId,
  name,
  ceiling: noCeiling,
  createdAt: 1,
  ...more,
});
export const lab = teamNamed("lab");

const inviteOf = (n: number, more: Partial<TeamInvite> = {}): TeamInvite => ({
  inviteId: `invite_${n}`,
  account: lab.account,
  role: "member",
  createdBy: anna,
  createdAt: n,
  expiresAt: 1000,
  ...more,
});

/** What any store of teams must do. `open` gives an empty one. */
export function teamsContract(name: string, open: () => Promise<Teams>): void {
  const withLab = async (): Promise<Teams> => {
    const teams = await open();
    await teams.add(lab, anna);
    return teams;
  };

  describe(`teams contract: ${name}`, () => {
    /** Goal: a team is found by its account, and by who is in it, and by nobody else. Method: two teams, one person in both and one in none. */
    it("finds teams", async () => {
      const teams = await withLab();
      const shop = teamNamed("shop", {
        createdAt: 2,
        ceiling: { allowedModels: ["a"], minTrust: "hardware", privacy: "sealed" },
      });
      expect(await teams.add(shop, otto)).toBe("joined");
      expect(await teams.join(shop.account, anna, "member", 3)).toBe("joined");
      expect(await teams.team(shop.account)).toEqual(shop);
      expect(await teams.team(anna as string as AccountId)).toBeUndefined();
      const asMember = { account: shop.account, personId: anna, role: "member", joinedAt: 3 };
      expect(await teams.find(shop.account, anna)).toEqual({ team: shop, member: asMember });
      expect(await teams.find(lab.account, otto)).toBeUndefined();
      expect((await teams.teamsOf(anna)).map(({ team, member }) => [team, member.role])).toEqual([
        [lab, "owner"],
        [shop, "member"],
      ]);
      expect(await teams.teamsOf(eve)).toEqual([]);
      expect((await teams.members(shop.account)).map(({ personId }) => personId)).toEqual([otto, anna]);
    });

    /** Goal: what is said twice is done once. Method: the same team and the same member again, in another role. */
    it("adds and joins once", async () => {
      const teams = await withLab();
      await teams.add(lab, anna);
      await teams.join(lab.account, anna, "member", 9);
      expect(await teams.members(lab.account)).toEqual([
        { account: lab.account, personId: anna, role: "owner", joinedAt: 1 },
      ]);
    });

    /** Goal: name and ceiling can be changed, each alone. Method: both, and a team that is not there. */
    it("changes a team", async () => {
      const teams = await withLab();
      expect(await teams.change(lab.account, { name: "the lab" })).toEqual({ ...lab, name: "the lab" });
      const ceiling = { ...noCeiling, allowedModels: ["x", "y"] };
      expect(await teams.change(lab.account, { ceiling })).toEqual({ ...lab, name: "the lab", ceiling });
      expect((await teams.find(lab.account, anna))?.team).toEqual({ ...lab, name: "the lab", ceiling });
      expect(await teams.change("acct_none" as AccountId, { name: "x" })).toBeUndefined();
    });

    /** Goal: a team keeps an owner, whoever goes at once. Method: the only one leaves and becomes less; two owners leave together. */
    it("keeps one owner", async () => {
      const teams = await withLab();
      expect(await teams.leave(lab.account, anna)).toBe("last_owner");
      expect(await teams.changeRole(lab.account, anna, "admin")).toBe("last_owner");
      expect(await teams.changeRole(lab.account, anna, "owner")).toBe("left");
      await teams.join(lab.account, otto, "member", 2);
      expect(await teams.leave(lab.account, anna)).toBe("last_owner");
      expect(await teams.changeRole(lab.account, otto, "owner")).toBe("left");
      const both = await Promise.all([anna, otto].map((one) => teams.leave(lab.account, one)));
      expect(both.toSorted()).toEqual(["last_owner", "left"]);
      expect(await teams.members(lab.account)).toHaveLength(1);
      expect(await teams.leave(lab.account, eve)).toBe("no_member");
      expect(await teams.changeRole(lab.account, eve, "owner")).toBe("no_member");
    });

    /** Goal: members and teams are bounded, and who is in stays in. Method: one more than fit of each. */
    it("bounds members and teams", async () => {
      const teams = await withLab();
      for (let n = 1; n < MEMBERS_PER_TEAM_MAX; n++) await teams.join(lab.account, person(n), "member", n);
      expect(await teams.join(lab.account, eve, "member", 1)).toBe("team_full");
      expect(await teams.join(lab.account, person(1), "member", 1)).toBe("joined");
      expect(await teams.members(lab.account)).toHaveLength(MEMBERS_PER_TEAM_MAX);
      for (let n = 0; n < TEAMS_PER_PERSON_MAX; n++)
        expect(await teams.add(teamNamed(`team_${n}`), otto)).toBe("joined");
      expect(await teams.add(teamNamed("one_more"), otto)).toBe("person_full");
      expect(await teams.teamsOf(otto)).toHaveLength(TEAMS_PER_PERSON_MAX);
    }, 30_000);

    /** Goal: a team that is deleted is gone with all that it had. Method: a member and an invite, before and behind it. */
    it("deletes a team", async () => {
      const teams = await withLab();
      await teams.join(lab.account, otto, "admin", 2);
      await teams.invite(hash(1), inviteOf(1));
      await teams.remove(lab.account);
      expect(await teams.team(lab.account)).toBeUndefined();
      expect(await teams.find(lab.account, otto)).toBeUndefined();
      expect(await teams.teamsOf(anna)).toEqual([]);
      expect(await teams.invitedBy(hash(1), 5)).toBeUndefined();
    });

    /** Goal: an invite is good once, until its end, for its team. Method: looked at, redeemed twice, too late, and withdrawn by its own and another team. */
    it("gives an invite once", async () => {
      const teams = await withLab();
      for (const n of [1, 2, 3]) await teams.invite(hash(n), inviteOf(n));
      expect(await teams.invites(lab.account, 5)).toEqual([inviteOf(1), inviteOf(2), inviteOf(3)]);
      expect(await teams.invitedBy(hash(1), 5)).toEqual(inviteOf(1));
      expect(await teams.redeem(hash(1), 5)).toEqual(inviteOf(1));
      expect(await teams.redeem(hash(1), 5)).toBeUndefined();
      expect(await teams.redeem(hash(2), 1000)).toBeUndefined();
      expect(await teams.invites(lab.account, 1000)).toEqual([]);
      expect(await teams.withdraw("acct_shop" as AccountId, "invite_3")).toBe(false);
      expect(await teams.withdraw(lab.account, "invite_3")).toBe(true);
      expect(await teams.redeem(hash(3), 5)).toBeUndefined();
    });

    /** Goal: who leaves invites nobody any more. Method: invites of two, one of whom leaves; then all of the other's. */
    it("ends invites with whoever made them", async () => {
      const teams = await withLab();
      await teams.join(lab.account, otto, "admin", 2);
      await teams.invite(hash(1), inviteOf(1));
      await teams.invite(hash(2), inviteOf(2, { createdBy: otto }));
      await teams.invite(hash(3), inviteOf(3, { createdBy: otto, account: "acct_shop" as AccountId }));
      await teams.leave(lab.account, otto);
      expect(await teams.redeem(hash(2), 5)).toBeUndefined();
      expect(await teams.invitedBy(hash(3), 5)).toBeDefined();
      await teams.withdrawAllOf(otto);
      expect(await teams.invitedBy(hash(3), 5)).toBeUndefined();
      expect(await teams.invitedBy(hash(1), 5)).toBeDefined();
    });

    /** Goal: open invites are bounded, and none is refused for it. Method: one more than fit. */
    it("keeps so many invites, the newest", async () => {
      const teams = await withLab();
      for (let n = 1; n <= TEAM_INVITES_OPEN_MAX + 1; n++) await teams.invite(hash(n), inviteOf(n));
      expect(await teams.invites(lab.account, 5)).toHaveLength(TEAM_INVITES_OPEN_MAX);
      expect(await teams.invitedBy(hash(1), 5)).toBeUndefined();
      expect(await teams.invitedBy(hash(2), 5)).toBeDefined();
    });
  });
}
