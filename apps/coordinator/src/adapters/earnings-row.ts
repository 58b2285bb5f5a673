import type { AccountId } from "@darkbloom/protocol/ids";
import type { Clearing, EarningsRow } from "../ledger/earnings.ts";
import { bigintOf, textOf, type Row } from "./rows.ts";

/** Of either database, whose days are numbers. */
export const earningsRowOf = (row: Row): EarningsRow => ({
  key: String(row["key"]),
  answers: bigintOf(row, "answers"),
  promptTokens: bigintOf(row, "prompt_tokens"),
  completionTokens: bigintOf(row, "completion_tokens"),
  earned: bigintOf(row, "earned"),
  payable: bigintOf(row, "payable"),
});

export const clearingOf = (row: Row): Clearing => ({
  account: textOf(row, "account") as AccountId,
  day: Number(bigintOf(row, "day")),
  payer: textOf(row, "payer") as AccountId,
  amount: bigintOf(row, "amount"),
});
