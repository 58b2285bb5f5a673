import { formatUsd } from "@darkbloom/protocol/money";
import { command } from "../command.ts";
import { earningsAt } from "../login/earnings.ts";
import { KeptSessions, notSignedIn } from "../login/kept.ts";
import { sessionNeeds } from "../login/needs.ts";
import { columns, outputOf } from "../output.ts";

const heads = { machine: "MACHINE", model: "MODEL", day: "DAY" } as const;

export const providerEarnings = command({
  path: "provider earnings",
  does: "Say what the machines of who is signed in have earned, by day, machine or model.",
  examples: [
    "provider earnings --coordinator https://api.example.com",
    "provider earnings --by machine --from 2026-01-01 --json",
  ],
  needs: { ...sessionNeeds, by: { default: "day" }, from: "optional", to: "optional" },
  async run({ coordinator, config, by, from, to, json }) {
    const session = new KeptSessions(config).needed(coordinator);
    const earnings = await earningsAt(coordinator, session, { by, from, to });
    if (!earnings) throw notSignedIn("The session is over", coordinator);
    const output = outputOf(json);
    const { data } = earnings;
    if (json) {
      for (const { of, ...row } of data) output.result({ [by]: of, ...row }, () => "");
      return 0;
    }
    const rows = data.map((row) => [
      row.of,
      ...(by === "machine" ? [row.name ?? "-"] : []),
      String(row.answers),
      String(row.prompt_tokens),
      String(row.completion_tokens),
      row.earned_usd,
      formatUsd(BigInt(row.payable_micro_usd)),
    ]);
    const named = by === "machine" ? ["NAME"] : [];
    const head = [heads[by], ...named, "ANSWERS", "PROMPT TOKENS", "ANSWER TOKENS", "EARNED USD", "OF IT PAID IN"];
    output.result({}, () =>
      rows.length === 0 ? `Nothing was earned from ${earnings.from} to ${earnings.to}.` : columns([head, ...rows]),
    );
    return 0;
  },
});
