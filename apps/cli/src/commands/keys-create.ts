import { formatUsd } from "@darkbloom/protocol/money";
import { administer, coordinatorFolder } from "../admin.ts";
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
  ],
  needs: {
    data: { default: ".darkbloom" },
    database: "optional",
    credit: { default: "0" },
    account: "optional",
    ...keyNeeds,
    json: { default: "false" },
  },
  async run({ data, database, credit, account, json, ...bounds }) {
    const folder = coordinatorFolder(data);
    const created = await administer({ data, database }, (admin) =>
      admin.createKey({ credit, account, terms: termsOf(bounds) }),
    );
    if (!folder.isUsed)
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
