import { formatUsd } from "@darkbloom/protocol/money";
import { administer, adminNeeds } from "../admin.ts";
import { command } from "../command.ts";
import { outputOf } from "../output.ts";

export const ledgerCheck = command({
  path: "ledger check",
  does: "Check that every account's books add up, and what every key has used, also while the coordinator runs. Exit code 1 if not.",
  examples: ["ledger check --data .darkbloom", "ledger check --json"],
  needs: adminNeeds,
  async run({ json, ...at }) {
    const faults = await administer(at, (admin) => admin.check());
    const wired = faults.map(({ account, part, offBy }) => ({
      account,
      part,
      ...(part === "used tokens" ? { off_by_tokens: Number(offBy) } : { off_by_micro_usd: Number(offBy) }),
    }));
    outputOf(json).result({ balanced: faults.length === 0, faults: wired }, () =>
      faults.length === 0
        ? "The books add up."
        : [
            "The books do not add up. Keep a copy of the data folder before anything else.",
            ...faults.map(
              ({ account, part, offBy }) =>
                `${account} (${part}) is off by ${part === "used tokens" ? `${offBy} tokens` : `${formatUsd(offBy)} USD`}`,
            ),
          ].join("\n"),
    );
    return faults.length === 0 ? 0 : 1;
  },
});
