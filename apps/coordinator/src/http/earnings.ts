import { NetworkError } from "@darkbloom/protocol/failures";
import { ourWords, type MachineId, type ParamPath } from "@darkbloom/protocol/ids";
import { formatUsd } from "@darkbloom/protocol/money";
import * as z from "zod";
import { EARNINGS_ROWS_MAX, earningsGroups, type EarningsGroup, type EarningsRow } from "../ledger/earnings.ts";
import { partsSum } from "../ledger/journal.ts";
import { dayOf, MILLIS_OF_DAY, type Window } from "../ledger/windows.ts";
import { signedInOf } from "./access.ts";
import type { Door, Route } from "./door.ts";

/** So many days, today among them, where nobody says from when. */
const EARNINGS_DAYS_DEFAULT = 30;

const ofSession = { access: "session", limit: "rate" } as const;
const microUsd = z.string().describe("Micro-USD");

const query = z.object({
  by: z.enum(earningsGroups).default("day"),
  from: z.iso.date().optional().describe("The first UTC day; 30 days ago where nothing is said"),
  to: z.iso.date().optional().describe("The last UTC day; today where nothing is said"),
  format: z.enum(["json", "csv"]).default("json"),
});

const row = z.object({
  of: z.string().describe("A machine's id, a model, or a day"),
  name: z.string().nullable().describe("What you call the machine; null for what is no machine, or yours no more"),
  answers: z.int(),
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  earned_micro_usd: microUsd,
  earned_usd: z.string(),
  payable_micro_usd: z
    .string()
    .describe("Of that, what was paid for with money that somebody had paid in, in micro-USD"),
});
const earnings = z.object({
  by: z.enum(earningsGroups),
  from: z.iso.date(),
  to: z.iso.date(),
  data: z.array(row).describe(`Days newest first, others by what they earned; ${EARNINGS_ROWS_MAX} at most`),
});
type Told = z.infer<typeof row>;

const dateOf = (day: number): string => new Date(day * MILLIS_OF_DAY).toISOString().slice(0, 10);

/** `GET /v1/me/earnings`: what one's machines have earned, by machine, model or day. */
export const listEarnings = (door: Door): Route => ({
  schema: {
    summary: "What your machines have earned, by machine, model or day; as JSON or CSV",
    tags: ["money"],
    querystring: query,
    response: {
      200: {
        description: "What they have earned",
        content: { "application/json": { schema: earnings }, "text/csv": { schema: z.string() } },
      },
    },
  },
  config: { ...ofSession, fails: ["body_invalid"] },
  handler: async (request, reply): Promise<z.infer<typeof earnings> | string> => {
    const asked = query.safeParse(request.query);
    if (!asked.success) throw wrongQuery;
    const { by, from, to, format } = asked.data;
    const days = daysOf(dayOf(door.deps.clock.now()), from, to);
    const { account } = signedInOf(request).person;
    const rows = await door.deps.ledger.earnings(account, { by, ...days });
    const told = rows.map((one) => tell(one, by, door.deps.owners.find(account, one.key as MachineId)?.name ?? null));
    if (format === "json") return { by, from: dateOf(days.fromDay), to: dateOf(days.untilDay - 1), data: told };
    void reply
      .type("text/csv; charset=utf-8")
      .header("content-disposition", 'attachment; filename="earnings.csv"')
      .serializer((text: string) => text);
    return csvOf(by, told);
  },
});

/** @throws NetworkError where the days end before they begin */
function daysOf(today: number, from: string | undefined, to: string | undefined): Window {
  const last = to === undefined ? today : dayOf(Date.parse(to));
  const fromDay = from === undefined ? last - EARNINGS_DAYS_DEFAULT + 1 : dayOf(Date.parse(from));
  if (fromDay > last) throw wrongQuery;
  return { fromDay, untilDay: last + 1 };
}

function tell(
  { key, answers, promptTokens, completionTokens, earned, payable }: EarningsRow,
  by: EarningsGroup,
  name: string | null,
): Told {
  return {
    of: by === "day" ? dateOf(Number(key)) : key,
    name: by === "machine" ? name : null,
    answers: Number(answers),
    prompt_tokens: Number(promptTokens),
    completion_tokens: Number(completionTokens),
    earned_micro_usd: String(earned + payable),
    earned_usd: formatUsd(earned + payable),
    payable_micro_usd: String(payable),
  };
}

/** By RFC 4180. Without names: those are anybody's words, and a spreadsheet takes some for formulas. */
function csvOf(by: EarningsGroup, rows: readonly Told[]): string {
  const head = [
    by,
    "answers",
    "prompt_tokens",
    "completion_tokens",
    "earned_usd",
    "earned_micro_usd",
    "payable_micro_usd",
  ];
  const cells = rows.map((one) => [
    one.of,
    one.answers,
    one.prompt_tokens,
    one.completion_tokens,
    one.earned_usd,
    one.earned_micro_usd,
    one.payable_micro_usd,
  ]);
  return [head, ...cells].map((line) => `${line.join(",")}\r\n`).join("");
}

const wrongQuery = new NetworkError({
  code: "body_invalid",
  param: "from" as ParamPath,
  expected: ourWords`'by' is machine, model or day, 'format' json or csv, and 'from' a day such as 2026-01-31, not behind 'to'`,
});

const summary = z.object({
  account: z.string(),
  balance_micro_usd: z.string().describe("What can be spent now, in micro-USD"),
  balance_usd: z.string(),
  held_micro_usd: z.string().describe("Set aside for requests that run, in micro-USD"),
  granted_micro_usd: microUsd,
  paid_in_micro_usd: microUsd,
  earned_micro_usd: z.string().describe("What is left of what was earned, in micro-USD"),
  payable_micro_usd: z
    .string()
    .describe("Of that, what was paid for with money that somebody had paid in, in micro-USD"),
  withdrawable_micro_usd: z.string().describe("Of that, what has cleared and may be withdrawn now, in micro-USD"),
  withdrawing_micro_usd: z.string().describe("On its way out, in micro-USD: no longer to be spent"),
  debt_micro_usd: microUsd,
  earned_today_micro_usd: microUsd,
  earned_7_days_micro_usd: z.string().describe("On this and the six UTC days before, in micro-USD"),
  earned_30_days_micro_usd: z.string().describe("On this and the 29 UTC days before, in micro-USD"),
  machines: z.int().describe("How many are yours"),
  machines_connected: z.int(),
});

/** `GET /v1/me/summary`: what one has, and what one's machines earn. */
export const showSummary = ({ deps }: Door): Route => ({
  schema: {
    summary: "What you have, what your machines earned lately, and how many are here",
    tags: ["me"],
    response: { 200: summary },
  },
  config: ofSession,
  handler: async (request): Promise<z.infer<typeof summary>> => {
    const { account } = signedInOf(request).person;
    const today = dayOf(deps.clock.now());
    const [balances, withdrawable, days] = await Promise.all([
      deps.ledger.balances(account),
      deps.ledger.withdrawable(account, deps.clock.now()),
      deps.ledger.earnings(account, { by: "day", fromDay: today - 29, untilDay: today + 1 }),
    ]);
    const earnedSince = (day: number): string =>
      String(days.reduce((sum, { key, earned, payable }) => (Number(key) >= day ? sum + earned + payable : sum), 0n));
    const total = balances.debt < 0n ? 0n : partsSum(balances);
    return {
      account,
      balance_micro_usd: String(total),
      balance_usd: formatUsd(total),
      held_micro_usd: String(balances.held),
      granted_micro_usd: String(balances.granted),
      paid_in_micro_usd: String(balances.paid_in),
      earned_micro_usd: String(balances.earned + balances.payable),
      payable_micro_usd: String(balances.payable),
      withdrawable_micro_usd: String(withdrawable),
      withdrawing_micro_usd: String(balances.withdrawing),
      debt_micro_usd: String(-balances.debt),
      earned_today_micro_usd: earnedSince(today),
      earned_7_days_micro_usd: earnedSince(today - 6),
      earned_30_days_micro_usd: earnedSince(today - 29),
      machines: deps.owners.ofAccount(account).filter(({ provenAt }) => provenAt !== null).length,
      machines_connected: deps.fleet.ownedBy(account).length,
    };
  },
});
