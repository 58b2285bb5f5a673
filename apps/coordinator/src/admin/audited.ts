import type { Clock } from "@darkbloom/protocol/ports";
import type { Actor, Audit, AuditAction } from "../accounts/audit.ts";
import { endedWith } from "../accounts/erasure.ts";
import type { Admin } from "./operations.ts";

/** The same operations, and each that changes something is written into the audit log behind it: who did what, to which id. */
export function auditedAdmin(admin: Admin, { audit, clock }: { audit: Audit; clock: Clock }, actor: Actor): Admin {
  const wrote = async (action: AuditAction, ...subjects: readonly string[]): Promise<void> => {
    for (const subject of subjects) await audit.add({ at: clock.now(), actor, action, subject });
  };
  const kept = async <Done>(
    action: AuditAction,
    act: Promise<Done>,
    subjects: (done: Done) => string | readonly string[],
  ): Promise<Done> => {
    const done = await act;
    await wrote(action, ...[subjects(done)].flat());
    return done;
  };
  return {
    ...admin,
    createKey: (options) => kept("keys.create", admin.createKey(options), ({ keyId }) => keyId),
    editKey: (which, change) => kept("keys.edit", admin.editKey(which, change), ({ keyId }) => keyId),
    rotateKey: (which, overlapMs) => kept("keys.rotate", admin.rotateKey(which, overlapMs), ({ keyId }) => keyId),
    revokeKey: (which) => kept("keys.revoke", admin.revokeKey(which), ({ keyId }) => keyId),
    credit: (payee, amount) => kept("credit", admin.credit(payee, amount), ({ account }) => account),
    refundDeposit: (depositId, amount) =>
      kept("deposits.refund", admin.refundDeposit(depositId, amount), ({ refundId }) => refundId),
    takePayouts: (rows) =>
      kept("payouts.take", admin.takePayouts(rows), (taken) => taken.map(({ withdrawalId }) => withdrawalId)),
    markPayout: (withdrawalId, end) =>
      kept(`payouts.${end}`, admin.markPayout(withdrawalId, end), (ended) => ended.withdrawalId),
    decideMachine: (which, state) =>
      kept(state === "approved" ? "machines.approve" : "machines.refuse", admin.decideMachine(which, state), (made) =>
        made.map(({ machineId }) => machineId),
      ),
    forgiveMachine: (which) => kept("machines.forgive", admin.forgiveMachine(which), ({ machineId }) => machineId),
    async signInLink(options) {
      const made = await admin.signInLink(options);
      if (made.isNewPerson) await wrote("people.create", made.personId);
      await wrote("links.create", made.personId);
      return made;
    },
    async disablePerson(which) {
      const person = await admin.disablePerson(which);
      await wrote("people.disable", person.personId);
      await wrote("keys.revoke", ...person.revoked);
      await wrote("machines.unlink", ...person.unlinked);
      return person;
    },
    exportPerson: (which, reason) =>
      kept("people.export", admin.exportPerson(which, reason), ({ person }) => `${person.id}/${reason}`),
    async erasePerson(which, meant) {
      const erased = await admin.erasePerson(which, meant);
      await wrote("people.erase", `${erased.personId}/${meant.reason}`);
      for (const [action, subject] of endedWith(erased)) await wrote(action, subject);
      return erased;
    },
    createToken: (token) => kept("tokens.create", admin.createToken({ ...token, by: actor }), ({ tokenId }) => tokenId),
    revokeToken: (which) => kept("tokens.revoke", admin.revokeToken(which), ({ tokenId }) => tokenId),
    createInvite: (options) => kept("invites.create", admin.createInvite(options), ({ inviteId }) => inviteId),
    revokeInvite: (which) => kept("invites.revoke", admin.revokeInvite(which), ({ inviteId }) => inviteId),
    enablePerson: (which) => kept("people.enable", admin.enablePerson(which), ({ personId }) => personId),
  };
}
