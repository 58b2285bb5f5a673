import { formatUsd } from "@darkbloom/protocol/money";
import { administerKeys, coordinatorFolder, keyAdminNeeds } from "../admin.ts";
import { command } from "../command.ts";
import { keyNeeds, termsOf } from "../key-terms.ts";
import { note, outputOf } from "../output.ts";

export const keysCreate = command({
  path: "keys create",
  does: "Make an API key, with an account of its own or for an existing one. The key is shown this once.",
  examples: [
    "keys create --data .darkbloom --credit 5.00",
    "keys create --credit 0.50 --name laptop --json",
    "keys create --account acct_0123456789abcdef0123456789abcdef --models qwen3-8b --expires 30d",
    "keys create --credit 5.00 --min-trust hardware --provider-serial SW-1A2B3C4D5E6F",
    "keys create --credit 5.00 --privacy sealed",
    "keys create --coordinator https://api.example.com --name laptop",
    "keys create --credit 100.00 --limit-usd 5.00 --limit-reset daily",
    "keys create --credit 5.00 --rpm 60 --itpm 100000 --otpm 20000",
  ],
  needs: {
    ...keyAdminNeeds,
    credit: { default: "0" },
    account: "optional",
    ...keyNeeds,
  },
  async run({ data, database, coordinator, config, own, credit, account, json, ...bounds }) {
    const folder = data === undefined ? undefined : coordinatorFolder(data);
    const created = await administerKeys(
      { data, database, coordinator, config, own },
      (keys) => keys.createKey({ credit, account, terms: termsOf(bounds) }),
      true,
    );
    if (folder && !folder.isUsed)
      note(
        `No coordinator has used ${folder.path} yet; it was made now. The key works where 'darkbloom coordinator --data ${folder.path}' runs.`,
      );
    outputOf(json).result(
      { api_key: created.apiKey, account: created.account, key_id: created.keyId },
      () =>
        `API key  ${created.apiKey}\nKey id   ${created.keyId}\nAccount  ${created.account}\nCredit   ${formatUsd(credit)} USD\n` +
        "Keep the key: only its hash is stored, and nobody can show it again.",
    );
    return 0;
  },
});
