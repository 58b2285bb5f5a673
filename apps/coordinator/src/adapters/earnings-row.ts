import type { EarningsRow } from "../ledger/earnings.ts";
import { bigintOf, type Row } from "./rows.ts";

/** Of either database, whose days are numbers. */
export const earningsRowOf = (row: Row): EarningsRow => ({
  key: String(row["key"]),
  answers: bigintOf(row, "answers"),
  promptTokens: bigintOf(row, "prompt_tokens"),
  completionTokens: bigintOf(row, "completion_tokens"),
  earned: bigintOf(row, "earned"),
  payable: bigintOf(row, "payable"),
});
