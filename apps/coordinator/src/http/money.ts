import { NetworkError } from "@darkbloom/protocol/failures";
import { ourWords, type ParamPath } from "@darkbloom/protocol/ids";
import { formatUsd } from "@darkbloom/protocol/money";
import * as z from "zod";
import { outcomes } from "../ledger/settlement.ts";
import type { Door, Route } from "./door.ts";
import { callerOf } from "./access.ts";

/** Usage rows of one answer. */
export const USAGE_ROWS_MAX = 500;
const USAGE_ROWS_DEFAULT = 100;

const microUsdPerMtok = z.int().describe("Micro-USD per 1M tokens");
const usd = z.string().describe("USD, six decimals");

const priceList = z.object({
  prices: z.array(
    z.object({
      model: z.string(),
      input_price: microUsdPerMtok,
      output_price: microUsdPerMtok,
      cache_read_price: microUsdPerMtok,
    }),
  ),
});

/** `GET /v1/pricing`, for everyone. */
export const listPrices = (door: Door): Route => ({
  schema: { summary: "Prices of every model", tags: ["money"], response: { 200: priceList } },
  config: { access: "open", limit: "rate" },
  handler: async (): Promise<z.infer<typeof priceList>> => ({
    prices: door.deps.catalog.entries.map(({ id, price }) => ({
      model: id,
      input_price: Number(price.inputPerMtok),
      output_price: Number(price.outputPerMtok),
      cache_read_price: Number(price.cachedInputPerMtok),
    })),
  }),
});

/** All that an account can have is more than a double tells to the last digit. */
const muchMicroUsd = z
  .number()
  .meta({ type: "integer", description: "Micro-USD; nine billion USD and more are rounded" });

const balance = z.object({
  balance_micro_usd: muchMicroUsd.describe(
    "What can be spent now, in micro-USD; held money is not in it. Nine billion USD and more are rounded",
  ),
  balance_usd: usd,
  held_micro_usd: muchMicroUsd,
  granted_micro_usd: muchMicroUsd,
  granted_usd: usd,
  paid_in_micro_usd: muchMicroUsd,
  paid_in_usd: usd,
  earned_micro_usd: muchMicroUsd,
  earned_usd: usd,
  debt_micro_usd: muchMicroUsd.describe("What is owed, in micro-USD: while it is above zero nothing can be spent"),
  debt_usd: usd,
  withdrawable_micro_usd: muchMicroUsd.describe(
    "What its machines earned from money that was paid in, has cleared and is still there, in micro-USD",
  ),
  withdrawable_usd: usd,
});

/** `GET /v1/payments/balance`: what can be spent, and what it is made of, and what of it may leave the network. */
export const showBalance = (door: Door): Route => ({
  schema: {
    summary: "The account's balance",
    tags: ["money"],
    response: { 200: balance },
  },
  config: { access: "key or session", limit: "rate" },
  handler: async (request): Promise<z.infer<typeof balance>> => {
    const { account } = callerOf(request);
    const { ledger, clock } = door.deps;
    const [balances, withdrawable] = await Promise.all([
      ledger.balances(account),
      ledger.withdrawable(account, clock.now()),
    ]);
    const { granted, paid_in: paidIn, held, debt } = balances;
    const earned = balances.earned + balances.payable;
    const total = granted + paidIn + earned;
    return {
      balance_micro_usd: Number(total),
      balance_usd: formatUsd(total),
      held_micro_usd: Number(held),
      granted_micro_usd: Number(granted),
      granted_usd: formatUsd(granted),
      paid_in_micro_usd: Number(paidIn),
      paid_in_usd: formatUsd(paidIn),
      earned_micro_usd: Number(earned),
      earned_usd: formatUsd(earned),
      debt_micro_usd: Number(-debt),
      debt_usd: formatUsd(-debt),
      withdrawable_micro_usd: Number(withdrawable),
      withdrawable_usd: formatUsd(withdrawable),
    };
  },
});

const usageQuery = z.object({ limit: z.coerce.number().int().min(1).max(USAGE_ROWS_MAX).default(USAGE_ROWS_DEFAULT) });
const usage = z.object({
  usage: z.array(
    z.object({
      job_id: z.string(),
      request_id: z.string(),
      model: z.string(),
      prompt_tokens: z.int(),
      cached_tokens: z.int(),
      completion_tokens: z.int(),
      cost_micro_usd: muchMicroUsd,
      outcome: z.enum(outcomes),
      timestamp: z.iso.datetime(),
    }),
  ),
});

/** `GET /v1/payments/usage`, newest first. */
export const listUsage = (door: Door): Route => ({
  schema: {
    summary: "What the account used, newest first",
    tags: ["money"],
    querystring: usageQuery,
    response: { 200: usage },
  },
  config: { access: "key or session", limit: "rate", fails: ["body_invalid"] },
  handler: async (request): Promise<z.infer<typeof usage>> => {
    const { account } = callerOf(request);
    const query = usageQuery.safeParse(request.query);
    if (!query.success)
      throw new NetworkError({
        code: "body_invalid",
        param: "limit" as ParamPath,
        expected: ourWords`it must be a whole number from 1 to ${USAGE_ROWS_MAX}`,
      });
    const rows = await door.deps.ledger.usage(account, query.data.limit);
    return {
      usage: rows.map((row) => ({
        job_id: row.jobId,
        request_id: row.requestId,
        model: row.model,
        prompt_tokens: row.usage.promptTokens,
        cached_tokens: row.usage.cachedTokens,
        completion_tokens: row.usage.completionTokens,
        cost_micro_usd: Number(row.cost),
        outcome: row.outcome,
        timestamp: new Date(row.at).toISOString(),
      })),
    };
  },
});
