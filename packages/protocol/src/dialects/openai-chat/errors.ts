import { type Failure, failures, sentenceOf } from "../../failures.ts";
import type { Dialect } from "../dialect.ts";
import { jsonLine } from "../json-text.ts";
import { insufficientFundsCode, type OpenaiError } from "./answer-schema.ts";

/** The field that holds what the model reads; named where that is too long. */
type PromptField = "messages" | "input" | "prompt";

/** OpenAI's envelope. */
export const openaiErrorOf = (failure: Failure, promptField: PromptField): OpenaiError => ({
  error: {
    message: sentenceOf(failure),
    type: failures[failure.code].openai,
    code: failure.code === "insufficient_funds" ? insufficientFundsCode : failure.code,
    param: paramOf(failure, promptField),
  },
});

/** Errors as chat tells them. No `[DONE]` follows the event: clients take that for a proper end. */
export const openaiErrors = (promptField: PromptField): Pick<Dialect, "errorBody" | "errorEvent"> => ({
  errorBody: (failure) => JSON.stringify(openaiErrorOf(failure, promptField)),
  errorEvent: (failure) => `data: ${jsonLine(openaiErrorOf(failure, promptField))}\n\n`,
});

function paramOf(failure: Failure, promptField: PromptField): string | null {
  if (failure.code === "body_invalid" || failure.code === "unsupported") return failure.param;
  if (failure.code === "model_not_found") return "model";
  return failure.code === "context_length_exceeded" ? promptField : null;
}
