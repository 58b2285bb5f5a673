import { erasureObstacles } from "@darkbloom/protocol/erasure";
import type { AccountId, KeyId, MachineId, PersonId } from "@darkbloom/protocol/ids";
import { formatUsd } from "@darkbloom/protocol/money";
import * as z from "zod";
import { leavingReasons } from "../accounts/audit.ts";
import { amount, call, id, moneyOf, type CallOf } from "./call.ts";
import type { LeavingAdmin, ToldPlan } from "./leaving.ts";
import { person, readPerson, tellPerson } from "./people-calls.ts";
import { personExport } from "./person-export.ts";

const reason = z
  .enum(leavingReasons)
  .describe("They have asked for it, they have left, or a law demands it; it stands in the audit log");

/** What an erasure would come to now. */
export const erasurePlan = z.object({
  person_id: z.string(),
  account: z.string().describe("What is said as `confirm`"),
  obstacles: z
    .array(z.object({ obstacle: z.enum(erasureObstacles), words: z.string().describe("And what to do about it") }))
    .describe("What stands in the way; none: it can be done"),
  forfeit_micro_usd: amount.describe(
    "What is left on the account and nobody could spend afterwards, in micro-USD: what is said as `forfeit_micro_usd`",
  ),
  forfeit_usd: z.string(),
  keys: z.int().describe("That would be revoked"),
  machines: z.int().describe("That would be nobody's"),
  teams: z.int().describe("That would be left"),
});

export const tellPlan = (plan: ToldPlan): z.infer<typeof erasurePlan> => ({
  person_id: plan.personId,
  account: plan.account,
  obstacles: plan.obstacles.map((one) => ({ ...one })),
  forfeit_micro_usd: String(plan.forfeit),
  forfeit_usd: formatUsd(plan.forfeit),
  keys: plan.keys,
  machines: plan.machines,
  teams: plan.teams,
});

/** What is said to mean it. */
export const erasureMeant = z.strictObject({
  confirm: id.describe("The account that goes, by its id"),
  forfeit_micro_usd: amount.default("0").describe("How much money goes with it, in micro-USD"),
});

const erased = person.extend({
  forfeited_micro_usd: amount,
  revoked_keys: z.array(z.string()),
  unlinked_machines: z.array(z.string()),
  left_teams: z.array(z.string()),
});

/** What is done to all that is kept about somebody: none of it is done by a token. */
export const leavingCalls: { readonly [Name in keyof LeavingAdmin]: CallOf<Name> } = {
  exportPerson: call("exportPerson", {
    method: "GET",
    path: "/v1/admin/people/export",
    summary: "All that is kept about somebody",
    body: z.strictObject({ person_id: id, reason }),
    answer: personExport,
    send: (personId, why) => ({ person_id: personId, reason: why }),
    act: (admin, body) => admin.exportPerson(body.person_id, body.reason),
    tell: (kept) => kept,
    read: (kept) => kept,
  }),
  planErasure: call("planErasure", {
    method: "GET",
    path: "/v1/admin/people/erasure",
    summary: "What stands in the way of erasing somebody, and what would go with it",
    body: z.strictObject({ person_id: id }),
    answer: erasurePlan,
    send: (personId) => ({ person_id: personId }),
    act: (admin, body) => admin.planErasure(body.person_id),
    tell: tellPlan,
    read: (plan) => ({
      personId: plan.person_id as PersonId,
      account: plan.account as AccountId,
      obstacles: plan.obstacles,
      forfeit: moneyOf(plan.forfeit_micro_usd),
      keys: plan.keys,
      machines: plan.machines,
      teams: plan.teams,
    }),
  }),
  erasePerson: call("erasePerson", {
    method: "POST",
    path: "/v1/admin/people/erase",
    summary: "Take away all that names somebody, for good; entries of the ledger stay, on an account that is nobody's",
    body: erasureMeant.extend({ person_id: id, reason }),
    answer: erased,
    send: (personId, { account, forfeit, reason: why }) => ({
      person_id: personId,
      confirm: account,
      forfeit_micro_usd: String(forfeit),
      reason: why,
    }),
    act: (admin, body) =>
      admin.erasePerson(body.person_id, {
        account: body.confirm,
        forfeit: moneyOf(body.forfeit_micro_usd),
        reason: body.reason,
      }),
    tell: ({ forfeited, revoked, unlinked, left, ...one }) => ({
      ...tellPerson(one),
      forfeited_micro_usd: String(forfeited),
      revoked_keys: [...revoked],
      unlinked_machines: [...unlinked],
      left_teams: [...left],
    }),
    read: ({
      forfeited_micro_usd: forfeited,
      revoked_keys: revoked,
      unlinked_machines: unlinked,
      left_teams: left,
      ...one
    }) => ({
      ...readPerson(one),
      forfeited: moneyOf(forfeited),
      revoked: revoked as KeyId[],
      unlinked: unlinked as MachineId[],
      left: left as AccountId[],
    }),
  }),
};
