import { administerKeys, keyAdminNeeds } from "../admin.ts";
import { command } from "../command.ts";
import { outputOf, timeOf } from "../output.ts";

export const keysRevoke = command({
  path: "keys revoke",
  does: "Revoke a key at once. The account and its balance stay.",
  examples: ["keys revoke key_0123456789abcdef0123456789abcdef --data .darkbloom"],
  needs: keyAdminNeeds,
  operand: "KEY_ID",
  async run({ json, ...at }, keyId) {
    const { account, revokedAt } = await administerKeys(at, (keys) => keys.revokeKey(keyId));
    outputOf(json).result(
      { key_id: keyId, account, revoked_at: timeOf(revokedAt) },
      () => `Revoked ${keyId} of ${account}.`,
    );
    return 0;
  },
});
