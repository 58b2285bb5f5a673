import type { AdminAction, Events } from "../events/events.ts";
import type { Admin, CreatedKey } from "./operations.ts";

/** The same operations, and each that changes something is told: what was done to whom, and that one was refused. */
export function toldAdmin(admin: Admin, events: Pick<Events, "adminActed">): Admin {
  const told = async <Done>(
    action: AdminAction,
    act: Promise<Done>,
    about: (done: Done) => Omit<Parameters<Events["adminActed"]>[0], "action" | "outcome">,
  ): Promise<Done> => {
    try {
      const done = await act;
      events.adminActed({ action, outcome: "done", ...about(done) });
      return done;
    } catch (error) {
      events.adminActed({ action, outcome: "refused" });
      throw error;
    }
  };
  return {
    ...admin,
    createKey: (options) =>
      told("keys.create", admin.createKey(options), ({ keyId, account }) => ({
        keyId,
        account,
        creditMicroUsd: options.credit,
      })),
    editKey: (keyId, change) => told("keys.edit", admin.editKey(keyId, change), keyTold),
    rotateKey: (keyId, overlapMs) => told("keys.rotate", admin.rotateKey(keyId, overlapMs), keyTold),
    revokeKey: (keyId) => told("keys.revoke", admin.revokeKey(keyId), keyTold),
    decideMachine: (which, state) =>
      told(
        state === "approved" ? "machines.approve" : "machines.refuse",
        admin.decideMachine(which, state),
        (made) => ({
          machines: made.length,
        }),
      ),
    forgiveMachine: (which) => told("machines.forgive", admin.forgiveMachine(which), () => ({ machines: 1 })),
    refundDeposit: (depositId, amount) =>
      told("deposits.refund", admin.refundDeposit(depositId, amount), ({ account }) => ({ account })),
    takePayouts: (rows) => told("payouts.take", admin.takePayouts(rows), (taken) => ({ withdrawals: taken.length })),
    markPayout: (withdrawalId, end) =>
      told(`payouts.${end}`, admin.markPayout(withdrawalId, end), ({ account }) => ({ account })),
    credit: (payee, amount) =>
      told("credit", admin.credit(payee, amount), ({ account }) => ({ account, creditMicroUsd: amount })),
  };
}

const keyTold = ({ keyId, account }: Pick<CreatedKey, "keyId" | "account">) => ({ keyId, account });
