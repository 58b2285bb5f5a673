import { formatUsd } from "@darkbloom/protocol/money";
import { administerKeys, keyAdminNeeds } from "../admin.ts";
import { command } from "../command.ts";
import { boundsOf, listedKeyTold, stateOf, usedWords } from "../key-terms.ts";
import { columns, outputOf, timeOf } from "../output.ts";

export const keysShow = command({
  path: "keys show",
  does: "Show one key: what bounds it, whether it works, when it was used.",
  examples: ["keys show key_0123456789abcdef0123456789abcdef", "keys show key_0123456789abcdef0123456789abcdef --json"],
  needs: keyAdminNeeds,
  operand: "KEY_ID",
  async run({ json, ...at }, keyId) {
    const key = await administerKeys(at, (keys) => keys.showKey(keyId));
    outputOf(json).result(listedKeyTold(key), () =>
      columns([
        ["Key id", key.keyId],
        ["Key", key.label],
        ["Name", key.name || "-"],
        ["Account", key.account],
        ["Balance", `${formatUsd(key.balance)} USD`],
        ["State", stateOf(key)],
        ["Used", usedWords(key)],
        ["Bound to", boundsOf(key).join("; ") || "-"],
        ["Made", timeOf(key.createdAt)],
        ["Last used", timeOf(key.lastUsedAt) ?? "never"],
      ]),
    );
    return 0;
  },
});
