import { NetworkError } from "@darkbloom/protocol/failures";
import { ourWords, type ParamPath } from "@darkbloom/protocol/ids";
import { formatUsd, microUsd, parseUsd, type MicroUsd } from "@darkbloom/protocol/money";
import { isPrintable } from "@darkbloom/protocol/printable";
import * as z from "zod";
import type { AuditAction } from "../accounts/audit.ts";
import type { Person } from "../accounts/people.ts";
import { MICRO_USD_PER_CENT } from "../payments/port.ts";
import {
  isPayTo,
  PAY_TO_CHARS_MAX,
  payoutWays,
  WITHDRAWAL_MICRO_USD_MAX,
  WITHDRAWAL_MICRO_USD_MIN,
  withdrawalStates,
  type Withdrawal,
  type WithdrawalId,
} from "../payouts/withdrawals.ts";
import { signedInOf } from "./access.ts";
import type { Door, Route } from "./door.ts";
import { nameIn } from "./path-name.ts";
import { readShortJson } from "./short-json.ts";

/** Withdrawals of one page. */
export const WITHDRAWAL_ROWS_MAX = 100;

const ofSession = { access: "session", limit: "rate" } as const;

const ask = z.strictObject({
  amount_usd: z.string().describe("USD, whole cents, e.g. `10.00`"),
  pay_to: z
    .string()
    .refine(isPayTo)
    .describe(`Where it is to be paid, as the operator asks for it, e.g. an IBAN: ${PAY_TO_CHARS_MAX} characters`),
});
const withdrawal = z.object({
  id: z.string(),
  at: z.iso.datetime(),
  amount_usd: z.string(),
  amount_micro_usd: z.int(),
  state: z
    .enum(withdrawalStates)
    .describe(
      "`opening`: it is being taken out of the balance. `asked`: it can be called off. `sent`: it is being paid. `failed`, `cancelled`: it is back in the balance",
    ),
  changed_at: z.iso.datetime(),
  pay_to: z.string().nullable().describe("Null once it is over"),
});

const tell = (one: Withdrawal): z.infer<typeof withdrawal> => ({
  id: one.withdrawalId,
  at: new Date(one.createdAt).toISOString(),
  amount_usd: formatUsd(one.amount),
  amount_micro_usd: Number(one.amount),
  state: one.state,
  changed_at: new Date(one.changedAt).toISOString(),
  pay_to: one.payTo,
});

/** `POST /v1/payments/withdrawals`: what machines earned leaves the balance, for the operator to pay. */
export const askForWithdrawal = (door: Door): Route => ({
  schema: {
    summary: "Withdraw what your machines earned and has cleared; the operator pays it",
    tags: ["money"],
    body: ask,
    response: { 201: withdrawal },
  },
  config: {
    ...ofSession,
    fails: [
      "body_invalid",
      "payload_too_large",
      "payouts_off",
      "not_withdrawable",
      "account_in_debt",
      "withdrawals_too_many",
    ],
  },
  handler: async (request, reply) => {
    const { payouts, settings } = door.deps;
    if (settings.payouts !== "manual") throw new NetworkError({ code: "payouts_off" });
    const { person } = signedInOf(request);
    const asked = await readShortJson(door, request, ask, expectedOf);
    const amount = amountOf(asked.amount_usd);
    const made = await payouts.ask(person.account, amount, asked.pay_to).catch((error: unknown) => {
      throw ofWithdrawals(error);
    });
    await wrote(door, person, "withdrawals.ask", made.withdrawalId);
    return reply.code(201).send(tell(made));
  },
});

function amountOf(text: string): MicroUsd {
  const amount = parseUsd(text);
  if (
    amount !== undefined &&
    amount % MICRO_USD_PER_CENT === 0n &&
    amount >= WITHDRAWAL_MICRO_USD_MIN &&
    amount <= WITHDRAWAL_MICRO_USD_MAX
  )
    return microUsd(amount);
  throw new NetworkError({
    code: "body_invalid",
    param: "amount_usd" as ParamPath,
    expected: expectedOf("amount_usd"),
  });
}

const expectedOf = (param: string) => {
  if (param === "pay_to")
    return ourWords`it must be a text of 1 to ${PAY_TO_CHARS_MAX} characters that are seen, on one line without ";", that begins with a letter or a digit`;
  if (param === "amount_usd")
    return ourWords`it must be a text of whole cents such as "10.00", from ${WITHDRAWAL_MICRO_USD_MIN / MICRO_USD_PER_CENT} to ${WITHDRAWAL_MICRO_USD_MAX / MICRO_USD_PER_CENT} cents`;
  return ourWords`it has 'amount_usd' and 'pay_to', and nothing else`;
};

/** What the ledger says of money for requests, in words about withdrawals. */
const ofWithdrawals = (error: unknown): unknown =>
  error instanceof NetworkError && error.failure.code === "insufficient_funds"
    ? new NetworkError({ code: "not_withdrawable", availableMicroUsd: error.failure.availableMicroUsd })
    : error;

const page = z.object({
  limit: z.coerce.number().int().min(1).max(WITHDRAWAL_ROWS_MAX).default(WITHDRAWAL_ROWS_MAX),
  after: z.string().refine(isPrintable).optional().describe("The `id` of the last one of the page before"),
});
const list = z.object({
  data: z.array(withdrawal),
  has_more: z.boolean().describe("Whether a page follows"),
  payouts: z.enum(payoutWays).describe("How the operator pays out; `off`: nothing can be asked for"),
});

/** `GET /v1/payments/withdrawals`, newest first. */
export const listWithdrawals = (door: Door): Route => ({
  schema: {
    summary: "What you have withdrawn, and how that stands, newest first",
    tags: ["money"],
    querystring: page,
    response: { 200: list },
  },
  config: { ...ofSession, fails: ["body_invalid"] },
  handler: async (request): Promise<z.infer<typeof list>> => {
    const asked = page.safeParse(request.query);
    if (!asked.success)
      throw new NetworkError({
        code: "body_invalid",
        param: "limit" as ParamPath,
        expected: ourWords`it must be a whole number from 1 to ${WITHDRAWAL_ROWS_MAX}, and after an id of this list`,
      });
    const { limit, after } = asked.data;
    // One more than is shown says whether there are more.
    const found = await door.deps.payouts.withdrawals.list(signedInOf(request).person.account, {
      rows: limit + 1,
      before: after as WithdrawalId | undefined,
    });
    const { payouts = "off" } = door.deps.settings;
    return { data: found.slice(0, limit).map(tell), has_more: found.length > limit, payouts };
  },
});

const params = z.object({ id: z.string().describe("Of `GET /v1/payments/withdrawals`") });

/** `DELETE /v1/payments/withdrawals/{id}`: its money is back, where the operator has not taken it in hand. */
export const cancelWithdrawal = (door: Door): Route => ({
  schema: {
    summary: "Call a withdrawal off that is not on its way out yet",
    tags: ["money"],
    params,
    response: { 200: withdrawal },
  },
  config: { ...ofSession, fails: ["withdrawal_not_found", "withdrawal_not_open"] },
  handler: async (request): Promise<z.infer<typeof withdrawal>> => {
    const { payouts } = door.deps;
    const { person } = signedInOf(request);
    const unknown = { code: "withdrawal_not_found" } as const;
    const id = nameIn(request, "id", unknown);
    if ((await payouts.withdrawals.byId(id))?.account !== person.account) throw new NetworkError(unknown);
    const ended = await payouts.end(id, "cancelled");
    if (!ended) throw new NetworkError({ code: "withdrawal_not_open" });
    await wrote(door, person, "withdrawals.cancel", id);
    return tell(ended);
  },
});

async function wrote(
  { deps }: Door,
  { personId, account }: Pick<Person, "personId" | "account">,
  action: AuditAction,
  subject: string,
): Promise<void> {
  deps.changes.tell("money", account);
  await deps.audit.add({ at: deps.clock.now(), actor: personId, action, subject });
}
