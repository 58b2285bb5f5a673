import type { TrustLevel } from "@darkbloom/protocol/evidence";
import { expect, it } from "vitest";
import { noCeiling, under } from "./ceilings.ts";
import { unbound } from "./key-terms.ts";
import type { KeyPrivacy } from "./port.ts";
import { mayOf, teamRights, teamRoles } from "./teams.ts";

/** Goal: who may do what in a team stands in one table. Method: each right with each role, written out. */
it("says what each role may do", () => {
  const table = Object.fromEntries(
    teamRights.map((right) => [right, teamRoles.filter((role) => mayOf(role, right)).join(" ")]),
  );
  expect(table).toEqual({
    take_part: "owner admin member",
    pay_in: "owner admin member",
    all_keys: "owner admin",
    invite: "owner admin",
    remove_members: "owner admin",
    settings: "owner admin",
    machines: "owner admin",
    roles: "owner",
    withdraw: "owner",
    delete: "owner",
  });
});

/** Goal: of a key's terms and its team's the stricter counts, term by term. Method: a table of both. */
it.each<[key: [TrustLevel | null, KeyPrivacy], team: [TrustLevel | null, KeyPrivacy], both: unknown]>([
  [
    [null, "any"],
    [null, "any"],
    [null, "any"],
  ],
  [
    ["hardware", "any"],
    [null, "any"],
    ["hardware", "any"],
  ],
  [
    [null, "any"],
    ["hardware", "any"],
    ["hardware", "any"],
  ],
  [
    ["hardware", "any"],
    ["self_signed", "any"],
    ["hardware", "any"],
  ],
  [
    ["self_signed", "any"],
    ["hardware", "any"],
    ["hardware", "any"],
  ],
  [
    ["none", "sealed"],
    [null, "any"],
    ["none", "sealed"],
  ],
  [
    [null, "any"],
    ["self_signed", "sealed"],
    ["self_signed", "sealed"],
  ],
])("%j under %j is %j", ([minTrust, privacy], [teamTrust, teamPrivacy], both) => {
  const terms = under({ ...unbound, minTrust, privacy }, { ...noCeiling, minTrust: teamTrust, privacy: teamPrivacy });
  expect([terms.minTrust, terms.privacy]).toEqual(both);
});
