import { administerExisting } from "../admin.ts";
import { command } from "../command.ts";
import { reachableUrl } from "../listening.ts";
import { outputOf } from "../output.ts";

export const accountLink = command({
  path: "account link",
  does: "Print a link that signs an operator in in a browser: once, within ten minutes. The coordinator must run.",
  examples: ["account link --data .darkbloom", "account link --coordinator https://api.example.com"],
  needs: {
    data: { default: ".darkbloom" },
    database: "optional",
    account: "optional",
    coordinator: "optional",
    json: { default: "false" },
  },
  async run({ data, database, account, coordinator, json }) {
    const made = await administerExisting({ data, database }, (admin) => admin.signInLink({ account }));
    const base = coordinator?.href ?? reachableUrl(made.baseUrl);
    const url = base.replace(/\/$/, "") + made.path;
    outputOf(json).result({ sign_in_url: url, person_id: made.personId, account: made.account }, () => url);
    return 0;
  },
});
