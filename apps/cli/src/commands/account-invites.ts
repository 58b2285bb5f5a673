import type { Invite } from "@darkbloom/coordinator/accounts/admission";
import { administer, adminNeeds } from "../admin.ts";
import { command } from "../command.ts";
import { columns, outputOf, timeOf } from "../output.ts";

const heads = ["INVITE ID", "FOR", "ROLE", "MADE", "UNTIL", "STATE"];

export const accountInvites = command({
  path: "account invites",
  does: "List who was invited, the newest first.",
  examples: ["account invites --data .darkbloom", "account invites --json"],
  needs: adminNeeds,
  async run({ json, ...at }) {
    const invites = await administer(at, (admin) => admin.listInvites());
    const output = outputOf(json);
    if (json) {
      for (const one of invites)
        output.result(
          {
            invite_id: one.inviteId,
            mail: one.mail,
            role: one.role,
            created_at: timeOf(one.createdAt),
            expires_at: timeOf(one.expiresAt),
            used_at: timeOf(one.usedAt),
            used_by: one.usedBy,
            revoked_at: timeOf(one.revokedAt),
          },
          () => "",
        );
      return 0;
    }
    const rows = invites.map((one) => [
      one.inviteId,
      one.mail ?? "a link",
      one.role,
      timeOf(one.createdAt),
      timeOf(one.expiresAt),
      stateOf(one),
    ]);
    output.result({}, () => (rows.length === 0 ? "Nobody was invited." : columns([heads, ...rows])));
    return 0;
  },
});

function stateOf({ usedAt, usedBy, revokedAt }: Invite): string {
  if (usedAt !== null) return `used ${timeOf(usedAt)} by ${usedBy}`;
  return revokedAt === null ? "not used" : `revoked ${timeOf(revokedAt)}`;
}
