import type { KeyTerms } from "@darkbloom/coordinator/accounts/port";
import { administerExisting } from "../admin.ts";
import { command } from "../command.ts";
import { WrongUsage } from "../failure.ts";
import { boundsOf, keyNeeds, keyTold, stateOf, termsOf } from "../key-terms.ts";
import { outputOf } from "../output.ts";

const needs = { data: { default: ".darkbloom" }, database: "optional", json: { default: "false" } } as const;
const exampleId = "key_0123456789abcdef0123456789abcdef";

export const keysEdit = command({
  path: "keys edit",
  does: "Change what bounds a key, from its next request on. What no flag names stays as it is.",
  examples: [`keys edit ${exampleId} --models qwen3-8b,tiny`, `keys edit ${exampleId} --models any --expires never`],
  needs: { ...needs, ...keyNeeds },
  operand: "KEY_ID",
  async run({ data, database, json, ...bounds }, keyId) {
    const change = termsOf(bounds);
    if (Object.keys(change).length === 0)
      throw new WrongUsage("Nothing is to be changed. Give a flag, such as --models or --expires.");
    return await edit({ data, database }, json, keyId, change);
  },
});

export const keysDisable = command({
  path: "keys disable",
  does: "Refuse a key's requests from now on, until it is enabled again.",
  examples: [`keys disable ${exampleId}`],
  needs,
  operand: "KEY_ID",
  run: ({ data, database, json }, keyId) => edit({ data, database }, json, keyId, { disabled: true }),
});

export const keysEnable = command({
  path: "keys enable",
  does: "Take the requests of a disabled key again.",
  examples: [`keys enable ${exampleId}`],
  needs,
  operand: "KEY_ID",
  run: ({ data, database, json }, keyId) => edit({ data, database }, json, keyId, { disabled: false }),
});

async function edit(
  where: Parameters<typeof administerExisting>[0],
  json: boolean,
  keyId: string,
  change: Partial<KeyTerms>,
): Promise<0> {
  const key = await administerExisting(where, (admin) => admin.editKey(keyId, change));
  outputOf(json).result(
    keyTold(key),
    () => `${key.keyId} ${stateOf(key)}; it is bound to: ${boundsOf(key).join("; ") || "nothing"}.`,
  );
  return 0;
}
