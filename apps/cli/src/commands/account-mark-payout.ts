import type { PayoutEnd } from "@darkbloom/coordinator/admin/payouts";
import { formatUsd } from "@darkbloom/protocol/money";
import { administer, adminNeeds } from "../admin.ts";
import { command } from "../command.ts";
import { outputOf } from "../output.ts";
import { factsOf } from "./account-payouts.ts";

const marking = (end: PayoutEnd, does: string, words: string) =>
  command({
    path: `account mark-${end}`,
    does,
    examples: [`account mark-${end} withdrawal_0123456789abcdef0123456789abcdef --data .darkbloom`],
    needs: adminNeeds,
    operand: "WITHDRAWAL_ID",
    async run({ json, ...at }, which) {
      const ended = await administer(at, (admin) => admin.markPayout(which, end));
      outputOf(json).result(factsOf(ended), () => `${ended.withdrawalId}: ${formatUsd(ended.amount)} USD ${words}`);
      return 0;
    },
  });

export const accountMarkPaid = marking("paid", "Say that a withdrawal was paid.", "are paid.");
export const accountMarkFailed = marking(
  "failed",
  "Say that a withdrawal was certainly not paid: its money goes back to its balance.",
  "are back in the balance of who asked for them.",
);
