import { trustLevels } from "@darkbloom/protocol/evidence";
import type { AccountId, MachineId, Serial } from "@darkbloom/protocol/ids";
import * as z from "zod";
import { ledgerParts } from "../ledger/port.ts";
import { decided, type Decision } from "../machines/trust/approvals.ts";
import { amount, at, call, id, money, moneyOf, nothing, type CallOf } from "./call.ts";
import { depositCalls } from "./deposit-calls.ts";
import { keyCalls } from "./key-calls.ts";
import type { Admin } from "./operations.ts";
import { payoutCalls } from "./payout-calls.ts";
import { leavingCalls } from "./leaving-calls.ts";
import { inviteCalls, peopleCalls } from "./people-calls.ts";
import { tokenCalls } from "./token-calls.ts";

const decision = z.object({
  machine_id: z.string(),
  serial: z.string().nullable(),
  state: z.enum(decided),
  decided_at: at,
});
const listedMachine = decision.extend({
  state: z.enum([...decided, "undecided"]),
  decided_at: at.nullable(),
  connected: z.boolean(),
  attested: z.boolean(),
  trust_level: z.enum(trustLevels).nullable(),
  grievance: z
    .object({ why: z.enum(["answer", "challenge"]), until_at: at.nullable() })
    .nullable()
    .describe("What it did, for which it is given no requests, and until when; null: until it is forgiven"),
});

type Named = Pick<Decision, "machineId" | "serial">;
const tellMachine = ({ machineId, serial }: Named) => ({ machine_id: machineId, serial });
const readMachine = (machine: { machine_id: string; serial: string | null }): Named => ({
  machineId: machine.machine_id as MachineId,
  serial: machine.serial as Serial | null,
});

export const adminCalls: { readonly [Name in keyof Admin]: CallOf<Name> } = {
  ...keyCalls,
  ...depositCalls,
  ...payoutCalls,
  credit: call("credit", {
    method: "POST",
    path: "/v1/admin/credits",
    summary: "Credit an account, named by its id or by one of its keys",
    scope: "money:write",
    body: z.strictObject({
      payee: z.union([z.strictObject({ account: id }), z.strictObject({ key_id: id })]),
      amount_micro_usd: amount,
    }),
    answer: z.object({ account: z.string(), balance_micro_usd: money }),
    send: (payee, credited) => ({
      payee: "keyId" in payee ? { key_id: payee.keyId } : { account: payee.account },
      amount_micro_usd: String(credited),
    }),
    act: (admin, { payee, amount_micro_usd: credited }) =>
      admin.credit("key_id" in payee ? { keyId: payee.key_id } : payee, moneyOf(credited)),
    tell: ({ account, balance }) => ({ account, balance_micro_usd: String(balance) }),
    read: (paid) => ({ account: paid.account as AccountId, balance: moneyOf(paid.balance_micro_usd) }),
  }),
  check: call("check", {
    method: "GET",
    path: "/v1/admin/ledger/check",
    summary: "Figures that are not what the journal and the rows come to: none, if all is well",
    scope: "audit:read",
    body: nothing,
    answer: z.object({
      faults: z.array(z.object({ account: z.string(), part: z.enum(ledgerParts), off_by: money })),
    }),
    send: () => undefined,
    act: (admin) => admin.check(),
    tell: (faults) => ({
      faults: faults.map(({ account, part, offBy }) => ({ account, part, off_by: String(offBy) })),
    }),
    read: ({ faults }) => faults.map(({ account, part, off_by: offBy }) => ({ account, part, offBy: moneyOf(offBy) })),
  }),
  listMachines: call("listMachines", {
    method: "GET",
    path: "/v1/admin/machines",
    summary: "The machines that are connected, were decided on, or have something held against them",
    scope: "machines:write",
    body: nothing,
    answer: z.object({ machines: z.array(listedMachine) }),
    send: () => undefined,
    act: (admin) => admin.listMachines(),
    tell: (machines) => ({
      machines: machines.map(({ state, decidedAt, connected, attested, trustLevel, grievance, ...named }) => ({
        ...tellMachine(named),
        state,
        decided_at: decidedAt,
        connected,
        attested,
        trust_level: trustLevel,
        grievance: grievance && { why: grievance.why, until_at: grievance.untilAt },
      })),
    }),
    read: ({ machines }) =>
      machines.map((machine) => ({
        ...readMachine(machine),
        state: machine.state,
        decidedAt: machine.decided_at,
        connected: machine.connected,
        attested: machine.attested,
        trustLevel: machine.trust_level,
        grievance: machine.grievance && { why: machine.grievance.why, untilAt: machine.grievance.until_at },
      })),
  }),
  decideMachine: call("decideMachine", {
    method: "POST",
    path: "/v1/admin/machines/decisions",
    summary: "Let machines serve, or no longer: one by id or serial, or all that are connected and not decided on",
    scope: "machines:write",
    body: z.strictObject({ machine: id, state: z.enum(decided) }),
    answer: z.object({ decisions: z.array(decision) }),
    send: (machine, state) => ({ machine, state }),
    act: (admin, { machine, state }) => admin.decideMachine(machine, state),
    tell: (decisions) => ({
      decisions: decisions.map(({ state, decidedAt, ...named }) => ({
        ...tellMachine(named),
        state,
        decided_at: decidedAt,
      })),
    }),
    read: ({ decisions }) =>
      decisions.map(({ state, decided_at: decidedAt, ...named }) => ({ ...readMachine(named), state, decidedAt })),
  }),
  forgiveMachine: call("forgiveMachine", {
    method: "POST",
    path: "/v1/admin/machines/forgive",
    summary: "Hold nothing against a machine any longer: one by id or serial",
    scope: "machines:write",
    body: z.strictObject({ machine: id }),
    answer: z.object({ machine_id: z.string(), serial: z.string().nullable() }),
    send: (machine) => ({ machine }),
    act: (admin, { machine }) => admin.forgiveMachine(machine),
    tell: tellMachine,
    read: readMachine,
  }),
  ...peopleCalls,
  ...leavingCalls,
  ...tokenCalls,
  ...inviteCalls,
};
