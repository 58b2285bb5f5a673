import { createInterface } from "node:readline/promises";
import type { ToldPlan } from "@darkbloom/coordinator/admin/leaving";
import { formatUsd } from "@darkbloom/protocol/money";
import { administer, adminNeeds } from "../admin.ts";
import { command } from "../command.ts";
import { CommandFailed } from "../failure.ts";
import { note, outputOf, timeOf } from "../output.ts";

export const accountErase = command({
  path: "account erase",
  does: "Take away all that names somebody, for good. Their account stays with its entries of the ledger, and is nobody's. What would go is told first; on a terminal the account's id is asked for.",
  examples: [
    "account erase person_0123456789abcdef0123456789abcdef",
    "account erase person_0123456789abcdef0123456789abcdef --reason left --forfeit 1.50 --yes --json",
  ],
  needs: { ...adminNeeds, reason: { default: "asked" }, forfeit: { default: "0" }, yes: { default: "false" } },
  operand: "PERSON_ID",
  async run({ reason, forfeit, yes, json, ...at }, which) {
    const plan = await administer(at, (admin) => admin.planErasure(which));
    const [first] = plan.obstacles;
    if (first) throw new CommandFailed(plan.obstacles.map(({ words }) => words).join("\n"));
    if (!json) note(planned(plan));
    const isTyped = !yes && (await asked(plan));
    if (!yes && !isTyped)
      throw new CommandFailed("Nobody was erased. On a terminal type the account's id; elsewhere give --yes.");
    if (yes && forfeit !== plan.forfeit)
      throw new CommandFailed(
        `Nobody was erased: ${formatUsd(plan.forfeit)} USD would go with the account. Give --forfeit ${formatUsd(plan.forfeit)} to mean it.`,
      );
    const meant = { account: plan.account, forfeit: plan.forfeit, reason };
    const done = await administer(at, (admin) => admin.erasePerson(which, meant));
    outputOf(json).result(
      {
        person_id: done.personId,
        account: done.account,
        erased_at: timeOf(done.disabledAt),
        forfeited_usd: formatUsd(done.forfeited),
        revoked_keys: done.revoked,
        unlinked_machines: done.unlinked,
        left_teams: done.left,
      },
      () =>
        `${done.personId} is erased. ${done.account} is nobody's. What was kept before is in backups and in what others have copied.`,
    );
    return 0;
  },
});

const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? "" : "s"}`;

const planned = ({ personId, account, forfeit, keys, machines, teams }: ToldPlan): string =>
  [
    `${personId}, with the account ${account}, would be erased, for good:`,
    `  ${counted(keys, "key")} would be revoked, ${counted(machines, "machine")} would be nobody's, ${counted(teams, "team")} would be left,`,
    `  and ${formatUsd(forfeit)} USD that are left on the account could be spent by nobody.`,
  ].join("\n");

async function asked({ account }: ToldPlan): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  using asking = createInterface({ input: process.stdin, output: process.stderr });
  return (await asking.question("Type the account's id to erase it: ")).trim() === account;
}
