import { trustLevels } from "@darkbloom/protocol/evidence";
import type { AccountId, KeyId, Serial } from "@darkbloom/protocol/ids";
import { PINNED_SERIALS_MAX } from "@darkbloom/protocol/limits";
import { microUsd } from "@darkbloom/protocol/money";
import * as z from "zod";
import type { MachineId } from "../trust/approvals.ts";
import { adminFaults } from "./fault.ts";

/**
 * What passes over the admin socket: one JSON object per line, a request and its answer in turns. Money
 * is a string of micro-USD, since JSON's numbers are doubles elsewhere.
 */
export const ADMIN_REQUEST_CHARS_MAX = 16 * 1024;
/** A list of some 100,000 keys. */
export const ADMIN_ANSWER_CHARS_MAX = 32 * 1024 * 1024;
/** How long either end waits for the other's next line. */
export const ADMIN_SILENCE_MAX_MS = 10_000;
/** After its last answer, before a coordinator that ends closes a connection whose other end does not read. */
export const ADMIN_LAST_WORDS_MS = 1_000;
/** While an answer is being made, an empty line says so this often. */
export const ADMIN_SIGN_EVERY_MS = 2_000;

const money = z
  .string()
  .regex(/^-?\d{1,20}$/)
  .transform((digits) => microUsd(BigInt(digits)));
const amount = money.refine((value) => value >= 0n);
const id = z.string().min(1).max(128);
const accountId = id.transform((text) => text as AccountId);
const keyId = id.transform((text) => text as KeyId);
const label = z.string();
const decided = z.enum(["approved", "refused"]);

const payee = z.union([z.strictObject({ account: id }), z.strictObject({ key_id: id })]);

export const adminRequest = z.discriminatedUnion("op", [
  z.strictObject({
    op: z.literal("keys.create"),
    label,
    credit_micro_usd: amount,
    account: id.optional(),
    min_trust: z.enum(trustLevels).optional(),
    pins: z.array(id).max(PINNED_SERIALS_MAX).optional(),
  }),
  z.strictObject({ op: z.literal("keys.list") }),
  z.strictObject({ op: z.literal("keys.revoke"), key_id: id }),
  z.strictObject({ op: z.literal("credit"), payee, amount_micro_usd: amount }),
  z.strictObject({ op: z.literal("ledger.check") }),
  z.strictObject({ op: z.literal("machines.list") }),
  z.strictObject({ op: z.literal("machines.decide"), machine: id, state: decided }),
]);
export type AdminRequest = z.output<typeof adminRequest>;
export type WireAdminRequest = z.input<typeof adminRequest>;

const keyRecord = z.object({
  key_id: keyId,
  account: accountId,
  label,
  min_trust: z.enum(trustLevels).nullable(),
  pins: z.array(id.transform((text) => text as Serial)),
  created_at: z.int(),
  revoked_at: z.int().nullable(),
});

const decision = z.object({
  machine_id: id.transform((text) => text as MachineId),
  serial: z
    .string()
    .transform((text) => text as Serial)
    .nullable(),
  state: decided,
  decided_at: z.int(),
});

/** The `ok` of each answer. */
export const adminAnswers = {
  "keys.create": z.object({ api_key: z.string(), key_id: keyId, account: accountId }),
  "keys.list": z.array(keyRecord.extend({ balance_micro_usd: money })),
  "keys.revoke": keyRecord,
  credit: z.object({ account: accountId, balance_micro_usd: money }),
  "ledger.check": z.array(z.object({ account: accountId, off_by_micro_usd: money })),
  "machines.list": z.array(
    decision.extend({
      state: z.enum([...decided.options, "undecided"]),
      decided_at: z.int().nullable(),
      connected: z.boolean(),
      attested: z.boolean(),
      trust_level: z.enum(trustLevels).nullable(),
    }),
  ),
  "machines.decide": z.array(decision),
} as const;

export const adminFailure = z.object({
  error: z.object({
    code: z.enum(adminFaults),
    message: z.string(),
  }),
});

export type WireKeyRecord = z.input<typeof keyRecord>;
