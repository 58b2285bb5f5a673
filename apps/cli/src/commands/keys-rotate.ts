import { administerKeys, keyAdminNeeds } from "../admin.ts";
import { command } from "../command.ts";
import { outputOf } from "../output.ts";

export const keysRotate = command({
  path: "keys rotate",
  does: "Give a key a new secret, under the same id and bounds. The present one ends at once, or after --overlap.",
  examples: [
    "keys rotate key_0123456789abcdef0123456789abcdef",
    "keys rotate key_0123456789abcdef0123456789abcdef --overlap 10m --json",
  ],
  needs: { ...keyAdminNeeds, overlap: { default: "0" } },
  operand: "KEY_ID",
  async run({ overlap, json, ...at }, keyId) {
    const { apiKey, account } = await administerKeys(at, (keys) => keys.rotateKey(keyId, overlap));
    outputOf(json).result(
      { api_key: apiKey, account, key_id: keyId },
      () =>
        `API key  ${apiKey}\nKey id   ${keyId}\n` +
        `Keep the key: only its hash is stored. The one before ${overlap === 0 ? "works no more" : `works for another ${overlap / 1000} s`}.`,
    );
    return 0;
  },
});
