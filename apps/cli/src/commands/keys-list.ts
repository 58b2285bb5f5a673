import { formatUsd } from "@darkbloom/protocol/money";
import { everyKey } from "@darkbloom/coordinator/admin/every-key";
import { administerKeys, keyAdminNeeds } from "../admin.ts";
import { command } from "../command.ts";
import { boundsOf, listedKeyTold, stateOf } from "../key-terms.ts";
import { columns, outputOf, timeOf } from "../output.ts";

const heads = ["KEY ID", "ACCOUNT", "BALANCE USD", "MADE", "USED USD", "STATE", "BOUND TO", "NAME"];

export const keysList = command({
  path: "keys list",
  does: "List the keys, oldest first, with the balance of their accounts. The keys themselves are not stored.",
  examples: ["keys list --data .darkbloom", "keys list --json"],
  needs: keyAdminNeeds,
  async run({ json, ...at }) {
    const keys = await administerKeys(at, everyKey);
    const output = outputOf(json);
    if (json) {
      for (const key of keys) output.result(listedKeyTold(key), () => "");
      return 0;
    }
    const rows = keys.map((key) => [
      key.keyId,
      key.account,
      formatUsd(key.balance),
      timeOf(key.createdAt),
      formatUsd(key.usage.usedMicroUsd),
      stateOf(key),
      boundsOf(key).join("; ") || "-",
      key.name || "-",
    ]);
    output.result({}, () =>
      rows.length === 0 ? "There are no keys yet. 'darkbloom keys create' makes one." : columns([heads, ...rows]),
    );
    return 0;
  },
});
