import { formatUsd } from "@darkbloom/protocol/money";
import { administerExisting } from "../admin.ts";
import { command } from "../command.ts";
import { columns, outputOf } from "../output.ts";

const heads = ["KEY ID", "ACCOUNT", "BALANCE USD", "MADE", "STATE", "BOUND TO", "LABEL"];

export const keysList = command({
  path: "keys list",
  does: "List the keys, oldest first, with the balance of their accounts. The keys themselves are not stored.",
  examples: ["keys list --data .darkbloom", "keys list --json"],
  needs: { data: { default: ".darkbloom" }, database: "optional", json: { default: "false" } },
  async run({ data, database, json }) {
    const keys = await administerExisting({ data, database }, (admin) => admin.listKeys());
    const output = outputOf(json);
    if (json) {
      for (const { keyId, account, label, minTrust, pins, createdAt, revokedAt, balance } of keys)
        output.result(
          {
            key_id: keyId,
            account,
            label,
            min_trust: minTrust,
            provider_serials: pins,
            created_at: timeOf(createdAt),
            revoked_at: revokedAt === null ? null : timeOf(revokedAt),
            balance_micro_usd: Number(balance),
            balance_usd: formatUsd(balance),
          },
          () => "",
        );
      return 0;
    }
    const rows = keys.map(({ keyId, account, label, minTrust, pins, createdAt, revokedAt, balance }) => [
      keyId,
      account,
      formatUsd(balance),
      timeOf(createdAt),
      revokedAt === null ? "works" : `revoked ${timeOf(revokedAt)}`,
      [minTrust === null ? "" : `at least ${minTrust}`, pins.length === 0 ? "" : `only ${pins.join(", ")}`]
        .filter((bound) => bound !== "")
        .join("; ") || "-",
      label || "-",
    ]);
    output.result({}, () =>
      rows.length === 0 ? "There are no keys yet. 'darkbloom keys create' makes one." : columns([heads, ...rows]),
    );
    return 0;
  },
});

const timeOf = (at: number): string => new Date(at).toISOString();
