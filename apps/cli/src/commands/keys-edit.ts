import type { KeyTerms } from "@darkbloom/coordinator/accounts/port";
import { administerKeys, keyAdminNeeds } from "../admin.ts";
import { command } from "../command.ts";
import { WrongUsage } from "../failure.ts";
import { boundsOf, keyNeeds, keyTold, stateOf, termsOf } from "../key-terms.ts";
import { outputOf } from "../output.ts";

const SAMPLE_ID = "key_0123456789abcdef0123456789abcdef";

export const keysEdit = command({
  path: "keys edit",
  does: "Change what bounds a key, from its next request on. What no flag names stays as it is.",
  examples: [
    `keys edit ${SAMPLE_ID} --models qwen3-8b,tiny`,
    `keys edit ${SAMPLE_ID} --models any --expires never`,
    `keys edit ${SAMPLE_ID} --limit-usd 5.00 --limit-reset monthly`,
    `keys edit ${SAMPLE_ID} --limit-usd none`,
    `keys edit ${SAMPLE_ID} --rpm 60 --otpm none`,
  ],
  needs: { ...keyAdminNeeds, ...keyNeeds },
  operand: "KEY_ID",
  async run({ data, database, coordinator, config, own, json, ...bounds }, keyId) {
    const change = termsOf(bounds);
    if (Object.keys(change).length === 0)
      throw new WrongUsage("Nothing is to be changed. Give a flag, such as --models or --expires.");
    return await edit({ data, database, coordinator, config, own }, json, keyId, change);
  },
});

const switchCommand = (path: string, does: string, disabled: boolean) =>
  command({
    path,
    does,
    examples: [`${path} ${SAMPLE_ID}`],
    needs: keyAdminNeeds,
    operand: "KEY_ID",
    run: ({ json, ...at }, keyId) => edit(at, json, keyId, { disabled }),
  });

export const keysDisable = switchCommand(
  "keys disable",
  "Refuse a key's requests from now on, until it is enabled again.",
  true,
);

export const keysEnable = switchCommand("keys enable", "Take the requests of a disabled key again.", false);

async function edit(
  at: Parameters<typeof administerKeys>[0],
  json: boolean,
  keyId: string,
  change: Partial<KeyTerms>,
): Promise<0> {
  const key = await administerKeys(at, (keys) => keys.editKey(keyId, change));
  outputOf(json).result(
    keyTold(key),
    () => `${key.keyId} ${stateOf(key)}; it is bound to: ${boundsOf(key).join("; ") || "nothing"}.`,
  );
  return 0;
}
