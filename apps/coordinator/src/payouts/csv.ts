import { MICRO_USD_PER_CENT } from "../payments/port.ts";
import type { Withdrawal } from "./withdrawals.ts";

const head = "withdrawal_id,account,amount_usd,asked_at,state,pay_to";

/** Two decimals: what a bank takes, and no spreadsheet reads as thousands. @param amount micro-USD, of whole cents */
const inCents = (amount: bigint): string => {
  const cents = amount / MICRO_USD_PER_CENT;
  return `${cents / 100n}.${String(cents % 100n).padStart(2, "0")}`;
};

/**
 * By RFC 4180, as a bank's upload or a spreadsheet takes it. Where one is paid is its owner's own words, which `isPayTo` keeps from being
 * a formula.
 */
export const payoutsCsv = (rows: readonly Withdrawal[]): string =>
  [head, ...rows.map(lineOf)].map((line) => `${line}\r\n`).join("");

const lineOf = ({ withdrawalId, account, amount, createdAt, state, payTo }: Withdrawal): string =>
  [withdrawalId, account, inCents(amount), new Date(createdAt).toISOString(), state, quoted(payTo ?? "")].join(",");

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
