import type { AccountId, KeyId, MachineId, Serial } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import { expect, it, vi } from "vitest";
import { tokenOf } from "../accounts/operator-tokens.contract.ts";
import { anna } from "../accounts/people.contract.ts";
import { newInvite } from "../accounts/admission.ts";
import { systemRandom } from "@darkbloom/protocol/node";
import { AdminError } from "./fault.ts";
import type { Admin } from "./operations.ts";
import type { DepositId, RefundId } from "../payments/port.ts";
import type { Withdrawal, WithdrawalId } from "../payouts/withdrawals.ts";
import type { PersonExport } from "./person-export.ts";
import { toldAdmin } from "./told.ts";
import { unbound } from "../accounts/key-terms.ts";
import { unused } from "../accounts/key-usage.samples.ts";

const [account, keyId] = ["acct_1" as AccountId, "key_1" as KeyId];
const machine = { machineId: "mach_1" as MachineId, serial: "SW-1" as Serial };
const decision = { ...machine, state: "approved", decidedAt: 1 } as const;
const key = {
  keyId,
  account,
  ...unbound,
  name: "",
  label: "eigeninference-Ab3…x9Q2",
  createdAt: 1,
  createdBy: null,
  lastUsedAt: null,
  revokedAt: 2,
};

const payout: Withdrawal = {
  withdrawalId: "withdrawal_1" as WithdrawalId,
  account,
  amount: microUsd(7n),
  createdAt: 1,
  state: "sent",
  changedAt: 1,
  payTo: "IBAN 1",
  isBooked: false,
};
const invite = newInvite(systemRandom, { mail: null, role: "member", at: 1 });

function made(fails: boolean) {
  const gives =
    <Done>(done: Done) =>
    async (): Promise<Done> => {
      if (fails) throw new AdminError("invalid", "refused");
      return done;
    };
  const admin: Admin = {
    createKey: gives({ apiKey: "secret", keyId, account }),
    listKeys: gives({ keys: [], hasMore: false }),
    showKey: gives({ ...key, usage: unused, balance: microUsd(9n) }),
    editKey: gives(key),
    rotateKey: gives({ apiKey: "secret", keyId, account }),
    revokeKey: gives(key),
    credit: gives({ account, balance: microUsd(9n) }),
    check: gives([]),
    listDeposits: gives([]),
    refundDeposit: gives({
      refundId: "refund_1" as RefundId,
      depositId: "deposit_1" as DepositId,
      account,
      amount: microUsd(7n),
    }),
    listPayouts: gives([]),
    takePayouts: gives([payout, payout]),
    markPayout: gives(payout),
    listMachines: gives([]),
    decideMachine: gives([decision, decision]),
    forgiveMachine: gives(machine),
    signInLink: gives({ baseUrl: "", path: "", personId: anna.personId, account, isNewPerson: false }),
    listPeople: gives([]),
    disablePerson: gives({ ...anna, revoked: [], unlinked: [] }),
    enablePerson: gives(anna),
    listAudit: gives([]),
    exportPerson: gives({} as PersonExport),
    planErasure: gives({ ...anna, obstacles: [], forfeit: 0n, keys: 0, machines: 0, teams: 0 }),
    erasePerson: gives({ ...anna, forfeited: 0n, revoked: [], unlinked: [], left: [] }),
    createToken: gives({ ...tokenOf(1), secret: "secret" }),
    listTokens: gives([]),
    revokeToken: gives(tokenOf(1)),
    createInvite: gives({ ...invite, baseUrl: "", path: "" }),
    listInvites: gives([]),
    revokeInvite: gives(invite),
  };
  const adminActed = vi.fn();
  return { admin: toldAdmin(admin, { adminActed }), adminActed };
}

type Act = (admin: Admin) => Promise<unknown>;

/** Goal: an operator's log says who was given and refused what. Method: each operation that changes something, as it succeeds and as it fails. */
it.each<[action: string, act: Act, about: object]>([
  [
    "keys.create",
    (admin) => admin.createKey({ terms: { name: "x" }, credit: microUsd(5n) }),
    { keyId, account, creditMicroUsd: 5n },
  ],
  ["keys.edit", (admin) => admin.editKey(keyId, { disabled: true }), { keyId, account }],
  ["keys.rotate", (admin) => admin.rotateKey(keyId, 0), { keyId, account }],
  ["keys.revoke", (admin) => admin.revokeKey(keyId), { keyId, account }],
  ["credit", (admin) => admin.credit({ keyId }, microUsd(7n)), { account, creditMicroUsd: 7n }],
  ["deposits.refund", (admin) => admin.refundDeposit("deposit_1", microUsd(7n)), { account }],
  ["machines.approve", (admin) => admin.decideMachine("all", "approved"), { machines: 2 }],
  ["machines.refuse", (admin) => admin.decideMachine("all", "refused"), { machines: 2 }],
  ["machines.forgive", (admin) => admin.forgiveMachine("SW-1"), { machines: 1 }],
])("tells of %s", async (action, act, about) => {
  const good = made(false);
  await act(good.admin);
  expect(good.adminActed.mock.calls).toEqual([[{ action, outcome: "done", ...about }]]);
  const bad = made(true);
  await expect(act(bad.admin)).rejects.toThrow("refused");
  expect(bad.adminActed.mock.calls).toEqual([[{ action, outcome: "refused" }]]);
});

/** Goal: who only looks fills no log. Method: the others, as they succeed and as they fail. */
it.each<[name: string, act: Act]>([
  ["listKeys", (admin) => admin.listKeys({})],
  ["showKey", (admin) => admin.showKey(keyId)],
  ["check", (admin) => admin.check()],
  ["listMachines", (admin) => admin.listMachines()],
  ["listDeposits", (admin) => admin.listDeposits({ rows: 9 })],
])("tells nothing of %s", async (_, act) => {
  for (const { admin, adminActed } of [made(false), made(true)]) {
    await act(admin).catch(() => undefined);
    expect(adminActed).not.toHaveBeenCalled();
  }
});
