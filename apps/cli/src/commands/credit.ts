import { formatUsd } from "@darkbloom/protocol/money";
import { administer, adminNeeds } from "../admin.ts";
import { command } from "../command.ts";
import { WrongUsage } from "../failure.ts";
import { outputOf } from "../output.ts";

export const credit = command({
  path: "credit",
  does: "Credit an account, named by its id or by one of its keys.",
  examples: [
    "credit --account acct_0123456789abcdef0123456789abcdef --amount 1.50",
    "credit --key key_0123456789abcdef0123456789abcdef --amount 0.000001 --json",
  ],
  needs: {
    ...adminNeeds,
    account: "optional",
    key: "optional",
    amount: "required",
  },
  async run({ account, key, amount, json, ...at }) {
    if (amount === 0n) throw new WrongUsage("--amount must be above zero.");
    const payee = payeeOf(account, key);
    const { account: paid, balance } = await administer(at, (admin) => admin.credit(payee, amount));
    outputOf(json).result(
      {
        account: paid,
        credited_micro_usd: Number(amount),
        balance_micro_usd: Number(balance),
        balance_usd: formatUsd(balance),
      },
      () => `Credited ${formatUsd(amount)} USD to ${paid}, which can now spend ${formatUsd(balance)} USD.`,
    );
    return 0;
  },
});

function payeeOf(account: string | undefined, keyId: string | undefined) {
  if (account !== undefined && keyId !== undefined)
    throw new WrongUsage("--account and --key name the account twice; give one of them.");
  if (account !== undefined) return { account };
  if (keyId !== undefined) return { keyId };
  throw new WrongUsage("Whom to credit is missing: give --account or --key.");
}
