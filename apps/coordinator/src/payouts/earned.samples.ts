import type { AccountId } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import { machineId, settlementOf, termsOf } from "../ledger/ledger.samples.ts";
import type { Ledger } from "../ledger/port.ts";

const payer = "acct_payer" as AccountId;

/** An account has earned so much by one answer, from money that nobody of the samples had paid in. @param at milliseconds since 1970 */
export async function earn(ledger: Ledger, account: AccountId, amount: bigint, at = 0): Promise<void> {
  await ledger.book("in", { kind: "deposit", account: payer, amount }, at);
  const terms = { ...termsOf("1", amount, payer), at };
  await ledger.hold(terms);
  const { job, ...settlement } = settlementOf(microUsd(amount), { id: "1", earned: amount }, { at });
  if (!job) throw new Error("the settlement has a job");
  await ledger.settle(terms.holdId, { ...settlement, job: { ...job, earner: { account, machineId } } });
}
