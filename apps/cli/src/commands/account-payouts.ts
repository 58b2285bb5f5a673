import { payoutsCsv } from "@darkbloom/coordinator/payouts/csv";
import type { Withdrawal } from "@darkbloom/coordinator/payouts/withdrawals";
import { formatUsd } from "@darkbloom/protocol/money";
import { administer, adminNeeds } from "../admin.ts";
import { command } from "../command.ts";
import { WrongUsage } from "../failure.ts";
import { columns, file, note, outputOf, timeOf } from "../output.ts";

const heads = ["WITHDRAWAL ID", "ACCOUNT", "USD", "ASKED", "STATE", "SINCE", "PAY TO"];
const needs = { ...adminNeeds, rows: { default: "100" }, csv: { default: "false" } } as const;

export const accountPayouts = command({
  path: "account payouts",
  does: "List money on its way out, and what has left, newest first; --before-id goes on where the last page ended.",
  examples: ["account payouts --data .darkbloom", "account payouts --state sent --csv"],
  needs: { ...needs, state: "optional", beforeId: "optional" },
  async run({ rows, state, beforeId, json, csv, ...at }) {
    assertOneForm(json, csv);
    const found = await administer(at, (admin) => admin.listPayouts({ rows, state, before: beforeId }));
    tell(found, { json, csv }, "Nobody has withdrawn anything.");
    return 0;
  },
});

export const accountTakePayouts = command({
  path: "account take-payouts",
  does: "Take withdrawals in hand that wait, the oldest first, to pay them: nobody calls them off any more.",
  examples: ["account take-payouts --csv --data .darkbloom > payouts.csv"],
  needs,
  async run({ rows, json, csv, ...at }) {
    // Before anything is taken that would then not be told.
    assertOneForm(json, csv);
    const taken = await administer(at, (admin) => admin.takePayouts(rows));
    tell(taken, { json, csv }, "No withdrawal waits.");
    if (taken.length > 0)
      note(
        "Pay each, then say so: 'darkbloom account mark-paid ID', or 'mark-failed ID', which gives its money back. 'account payouts --state sent' shows them again.",
      );
    return 0;
  },
});

function assertOneForm(json: boolean, csv: boolean): void {
  if (json && csv) throw new WrongUsage("--csv and --json are two forms of one answer: give one of them.");
}

function tell(
  found: readonly Withdrawal[],
  { json, csv }: { readonly json: boolean; readonly csv: boolean },
  none: string,
): void {
  const output = outputOf(json);
  if (csv) file(payoutsCsv(found));
  else if (json) for (const one of found) output.result(factsOf(one), () => "");
  else output.result({}, () => (found.length === 0 ? none : columns([heads, ...found.map(rowOf)])));
}

export const factsOf = (one: Withdrawal) => ({
  withdrawal_id: one.withdrawalId,
  account: one.account,
  amount_micro_usd: String(one.amount),
  amount_usd: formatUsd(one.amount),
  created_at: timeOf(one.createdAt),
  state: one.state,
  changed_at: timeOf(one.changedAt),
  pay_to: one.payTo,
});

const rowOf = (one: Withdrawal): string[] => [
  one.withdrawalId,
  one.account,
  formatUsd(one.amount),
  timeOf(one.createdAt),
  one.state,
  timeOf(one.changedAt),
  one.payTo ?? "-",
];
