import type { JobId, ModelId, RequestId } from "@darkbloom/protocol/ids";
import type { UsageRow } from "../ledger/port.ts";
import { outcomes, type Outcome } from "../ledger/settlement.ts";
import { bigintOf, moneyOf, textOf, type Row } from "./rows.ts";

/** A settlement's row as its account reads it. @throws TypeError for one that is not ours */
export function usageRowOf(row: Row): UsageRow {
  return {
    jobId: textOf(row, "job_id") as JobId,
    requestId: textOf(row, "request_id") as RequestId,
    model: textOf(row, "model") as ModelId,
    usage: {
      promptTokens: Number(bigintOf(row, "prompt_tokens")),
      cachedTokens: Number(bigintOf(row, "cached_tokens")),
      completionTokens: Number(bigintOf(row, "completion_tokens")),
      reasoningTokens: Number(bigintOf(row, "reasoning_tokens")),
    },
    cost: moneyOf(row, "charge"),
    outcome: outcomeOf(textOf(row, "outcome")),
    at: Number(bigintOf(row, "at")),
  };
}

function outcomeOf(word: string): Outcome {
  const outcome = outcomes.find((known) => known === word);
  if (outcome === undefined) throw new TypeError("the database holds an outcome that is not ours");
  return outcome;
}
