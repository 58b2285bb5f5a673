import { describe, expect, it } from "vitest";
import { sentenceOf } from "./failure-words.ts";
import type { Failure } from "./failures.ts";
import { ourWords, type ModelId, type ParamPath, type ProviderId } from "./ids.ts";

const expected = ourWords`expected a number`;
const noProvider = (more: Partial<Extract<Failure, { code: "no_provider" }>>): Failure => ({
  code: "no_provider",
  model: "m" as ModelId,
  connected: 0,
  gates: {},
  ...more,
});
const seeMachines = " GET /v1/providers/attestation shows every machine with its checks.";

/** Goal: a sentence says what there is to say and no more. Method: each failure whose facts may be there or not. */
describe("a failure's sentence", () => {
  it.each<[Failure, string]>([
    [{ code: "body_invalid", param: null, expected }, "The request body is not valid: expected a number."],
    [{ code: "body_invalid", param: "top_k" as ParamPath, expected }, "'top_k' is not valid: expected a number."],
    [
      { code: "model_not_found", knownModels: 1 },
      "This model is not in the catalog, which knows 1 model. GET /v1/models lists them.",
    ],
    [
      { code: "model_not_found", knownModels: 2 },
      "This model is not in the catalog, which knows 2 models. GET /v1/models lists them.",
    ],
    [{ code: "rate_limit_exceeded", retryAfterSec: 2 }, "Too many requests. Try again in 2 s."],
    [
      { code: "rate_limit_exceeded", retryAfterSec: 2, rate: "answerTokens" },
      "This API key's tokens of answers of a minute are used, or taken by what runs (GET /v1/key). Nothing was charged. Try again in 2 s.",
    ],
    [{ code: "route_not_found" }, "There is no such route. GET /openapi.json lists what there is."],
    [noProvider({ connected: 0 }), `No machine can serve this request now: no provider is connected.${seeMachines}`],
    [
      noProvider({ connected: 3, gates: { draining: 1, untrusted: 2, ejected: 0 } }),
      `No machine can serve this request now: of 3 connected, 2 are untrusted, 1 is draining.${seeMachines}`,
    ],
    [
      noProvider({ connected: 0, keyIsBound: true }),
      `No machine can serve this request now: no provider is connected. This key is bound to a trust level or to machines: GET /v1/key.${seeMachines}`,
    ],
    [
      noProvider({ connected: 0, keyIsBound: false }),
      `No machine can serve this request now: no provider is connected.${seeMachines}`,
    ],
    [
      { code: "too_slow", providerId: "p" as ProviderId, phase: "before_content", waitedMs: 60_000 },
      "The provider sent nothing for 60 s. Nothing was charged. Try again.",
    ],
    [
      { code: "too_slow", providerId: "p" as ProviderId, phase: "after_content", waitedMs: 145_400, reading: true },
      "The provider had not read the whole prompt after 145 s. Nothing was charged. Send a shorter prompt, or ask for a smaller model.",
    ],
    [
      { code: "storage_unavailable", fault: "io_error", retryAfterSec: 5 },
      "This coordinator cannot keep its books now: its disk fails. Nothing was charged. Tell its operator, and try again in 5 s.",
    ],
    [
      { code: "storage_unavailable", fault: "io_error", retryAfterSec: 5, mayStand: true },
      "This coordinator cannot keep its books now: its disk fails. This may have been charged: look at your usage before you ask again. Tell its operator, and try again in 5 s.",
    ],
  ])("of %j", (failure, sentence) => {
    expect(sentenceOf(failure)).toBe(sentence);
  });

  it.each(["other_body", "running"] as const)("of a key that conflicts: %s", (conflict) => {
    const failure = { code: "idempotency_conflict", conflict, retryAfterSec: 2 } as Failure;
    expect(sentenceOf(failure)).toMatch(conflict === "other_body" ? /another request body/ : /still runs.* in 2 s/);
  });
});
