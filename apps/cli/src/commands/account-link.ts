import { administer, adminNeeds } from "../admin.ts";
import { command } from "../command.ts";
import { reachableUrl } from "../listening.ts";
import { outputOf } from "../output.ts";

export const accountLink = command({
  path: "account link",
  does: "Print a link that signs an operator in in a browser: once, within ten minutes. The coordinator must run.",
  examples: [
    "account link --data .darkbloom",
    "account link --data .darkbloom --coordinator https://api.example.com",
    "account link --coordinator https://api.example.com",
  ],
  needs: {
    ...adminNeeds,
    // Beside a coordinator's URL it says where the link is made, and the URL where it leads.
    data: "optional",
    account: "optional",
  },
  async run({ data, database, config, account, coordinator, json }) {
    const made = await administer(
      data === undefined ? { database, coordinator, config } : { data, database },
      (admin) => admin.signInLink({ account }),
    );
    const base = coordinator?.href ?? reachableUrl(made.baseUrl);
    const url = base.replace(/\/$/, "") + made.path;
    outputOf(json).result({ sign_in_url: url, person_id: made.personId, account: made.account }, () => url);
    return 0;
  },
});
