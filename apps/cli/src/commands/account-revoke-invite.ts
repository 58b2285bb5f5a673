import { administer, adminNeeds } from "../admin.ts";
import { command } from "../command.ts";
import { outputOf, timeOf } from "../output.ts";

export const accountRevokeInvite = command({
  path: "account revoke-invite",
  does: "Take an invite back that nobody has used.",
  examples: ["account revoke-invite invite_0123456789abcdef0123456789abcdef --data .darkbloom"],
  needs: adminNeeds,
  operand: "INVITE_ID",
  async run({ json, ...at }, which) {
    const { inviteId, revokedAt } = await administer(at, (admin) => admin.revokeInvite(which));
    outputOf(json).result(
      { invite_id: inviteId, revoked_at: timeOf(revokedAt) },
      () => `${inviteId} lets nobody in any more.`,
    );
    return 0;
  },
});
