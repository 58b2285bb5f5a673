import { sentenceOf } from "../../failure-words.ts";
import { type Failure, failures } from "../../failures.ts";
import type { ParamPath } from "../../ids.ts";
import { insufficientFundsCode, type OpenaiError } from "./answer-schema.ts";

/**
 * The body of an HTTP error in OpenAI's envelope, as a JSON string.
 *
 * @param promptField what this endpoint calls the prompt
 */
export function openaiErrorBody(failure: Failure, promptField: ParamPath): string {
  return JSON.stringify({
    error: {
      message: sentenceOf(failure),
      type: failures[failure.code].openai,
      code: failure.code === "insufficient_funds" ? insufficientFundsCode : failure.code,
      param: paramOf(failure, promptField),
    },
  } satisfies OpenaiError);
}

/** The event that ends a stream after a fault. No `[DONE]` follows: clients take that for a proper end. */
export function openaiErrorEvent(failure: Failure, promptField: ParamPath): string {
  return `data: ${openaiErrorBody(failure, promptField)}\n\n`;
}

function paramOf(failure: Failure, promptField: ParamPath): string | null {
  if (failure.code === "body_invalid" || failure.code === "unsupported") return failure.param;
  if (failure.code === "model_not_found") return "model";
  if (failure.code === "previous_response_not_found") return "previous_response_id";
  return failure.code === "context_length_exceeded" ? promptField : null;
}
