import { administer, adminNeeds } from "../admin.ts";
import { command } from "../command.ts";
import { reachableUrl } from "../listening.ts";
import { outputOf, timeOf } from "../output.ts";

export const accountInvite = command({
  path: "account invite",
  does: "Let somebody come who is not known yet: once, within seven days, by their mail address or by a link.",
  examples: [
    "account invite --mail anna@example.com --data .darkbloom",
    "account invite --role operator --coordinator https://api.example.com",
  ],
  needs: { ...adminNeeds, mail: "optional", role: { default: "member" } },
  async run({ mail, role, json, ...at }) {
    const made = await administer(at, (admin) => admin.createInvite({ mail, role }));
    const base = at.coordinator?.href.replace(/\/$/, "") ?? (made.baseUrl === "" ? "" : reachableUrl(made.baseUrl));
    const url = base + made.path;
    const how =
      made.mail === null ? "Whoever opens this link comes in, once:" : `${made.mail} comes in by signing in at`;
    outputOf(json).result(
      { invite_id: made.inviteId, mail: made.mail, role: made.role, url, expires_at: timeOf(made.expiresAt) },
      () => `${how}\n${url}\nuntil ${timeOf(made.expiresAt)}, as ${made.role} (${made.inviteId}).`,
    );
    return 0;
  },
});
