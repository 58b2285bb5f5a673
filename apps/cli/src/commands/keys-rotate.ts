import { administerExisting } from "../admin.ts";
import { command } from "../command.ts";
import { outputOf } from "../output.ts";

export const keysRotate = command({
  path: "keys rotate",
  does: "Give a key a new secret, under the same id and bounds. The present one ends at once, or after --overlap.",
  examples: [
    "keys rotate key_0123456789abcdef0123456789abcdef",
    "keys rotate key_0123456789abcdef0123456789abcdef --overlap 10m --json",
  ],
  needs: {
    data: { default: ".darkbloom" },
    database: "optional",
    overlap: { default: "0" },
    json: { default: "false" },
  },
  operand: "KEY_ID",
  async run({ data, database, overlap, json }, keyId) {
    const { apiKey, account } = await administerExisting({ data, database }, (admin) =>
      admin.rotateKey(keyId, overlap),
    );
    outputOf(json).result(
      { api_key: apiKey, account, key_id: keyId },
      () =>
        `API key  ${apiKey}\nKey id   ${keyId}\n` +
        `Keep the key: only its hash is stored. The one before ${overlap === 0 ? "works no more" : `works for another ${overlap / 1000} s`}.`,
    );
    return 0;
  },
});
