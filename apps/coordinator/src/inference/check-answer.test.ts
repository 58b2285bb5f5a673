import { toBase64, toHex, utf8 } from "@darkbloom/protocol/bytes";
import type { JobId, ProviderId, Sha256Hex } from "@darkbloom/protocol/ids";
import { promptTokensMax } from "@darkbloom/protocol/prompt-bounds";
import { receiptFields, signReceipt, type Receipt, type ReceiptField } from "@darkbloom/protocol/receipts";
import { tags } from "@darkbloom/protocol/wire";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import { memorySigner } from "../../../../packages/testkit/src/memory-signer.ts";
import { askFor, entry, providerView } from "../../test/inference-samples.ts";
import type { Asking } from "../../../../packages/testkit/src/network.ts";
import { checkAnswer, type Expected } from "./check-answer.ts";

const signer = memorySigner();
const machine = {
  ...providerView,
  providerId: "prov_1" as ProviderId,
  identityKey: toBase64(signer.publicKey),
  evidenceSha256: "e".repeat(64) as Sha256Hex,
};
const answerHash = nodeCrypto.sha256(utf8("the answer"));
const tools = [{ type: "function", function: { name: "f", parameters: { type: "object", properties: {} } } }];
const said = { max_tokens: 50, n: 2, seed: 7, temperature: 0.5, stop: ["x"], tools };
const ask = askFor(said, { terms: { nonce: "n-1" } });
const expected: Expected = {
  ask,
  entry,
  machine,
  jobId: "job_1" as JobId,
  evidenceSha256: machine.evidenceSha256,
  maxTokens: 100,
  generatedTokens: 60,
  responseSha256: toHex(answerHash),
};

const honest: Receipt = {
  v: 1,
  job_id: "job_1",
  request_id: ask.terms.requestId,
  privacy: "transparent",
  endpoint: "/v1/chat/completions",
  model: entry.id,
  build: entry.build,
  weights_sha256: entry.weightsSha256,
  engine: { name: "fake", version: "1" },
  request_sha256: ask.terms.bodySha256,
  response_sha256: toHex(answerHash),
  nonce: "n-1",
  sampling: {
    temperature: 0.5,
    top_p: 1,
    seed: 7,
    top_k: 0,
    frequency_penalty: 0,
    presence_penalty: 0,
    logit_bias: 0,
    stop: 1,
    max_tokens: 50,
    n: 2,
  },
  usage: { prompt_tokens: 10, cached_tokens: 10, completion_tokens: 60, reasoning_tokens: 60 },
  finish_reason: "stop",
  provider_id: "prov_1",
  identity_key: toBase64(signer.publicKey),
  evidence_sha256: "e".repeat(64),
  started_at: "2026-01-01T00:00:00.000Z",
  finished_at: "2026-01-01T00:00:00.000Z",
};

async function completionOf(receipt: Receipt) {
  const { jcs, signature } = await signReceipt(signer, receipt);
  return {
    type: "inference_complete" as const,
    job_id: "job_1",
    receipt: jcs,
    receipt_signature: signature,
    response_signature: toBase64(await signer.signResponseHash(answerHash)),
  };
}

const check = async (receipt: Receipt, more: Partial<Expected> = {}) =>
  checkAnswer(nodeCrypto, { ...expected, ...more }, await completionOf(receipt));

const drawn: NonNullable<Receipt["sampling"]> = {
  temperature: 0.5,
  top_p: 1,
  seed: 7,
  top_k: 0,
  frequency_penalty: 0,
  presence_penalty: 0,
  logit_bias: 0,
  stop: 1,
  max_tokens: 50,
  n: 2,
};
const sampling = (more: Partial<typeof drawn>) => ({ sampling: { ...drawn, ...more } });
/** Of two vectors, as such a receipt must be. */
const vectors: Partial<Receipt> = {
  sampling: undefined,
  finish_reason: undefined,
  endpoint: "/v1/embeddings",
  usage: { prompt_tokens: 10, cached_tokens: 0, completion_tokens: 0, reasoning_tokens: 0 },
};
const usage = (more: Partial<Receipt["usage"]>) => ({ usage: { ...honest.usage, ...more } });
const asked = (more: Asking) => ({ ask: askFor(said, { ...more, terms: { nonce: "n-1", ...more.terms } }) });
const gone = AbortSignal.abort();
const embedding = asked({ terms: { endpoint: "/v1/embeddings", task: "embed", generates: false, texts: 2 } });
const other = "f".repeat(64);

/** Goal: a signed lie about any field is refused, and the refusal names it. Method: an honest receipt with one field changed. */
describe("a receipt", () => {
  const rows: [ReceiptField, Partial<Receipt>, Partial<Expected>?][] = [
    ["job_id", { job_id: "job_2" }],
    ["request_id", { request_id: "req_2" }],
    ["privacy", { privacy: "sealed" }],
    ["endpoint", { endpoint: "/v1/messages" }],
    ["model", { model: "other" }],
    ["build", { build: "other" }],
    ["weights_sha256", { weights_sha256: other }],
    ["engine.name", { engine: { name: "x".repeat(2000), version: "1" } }],
    ["engine.version", { engine: { name: "fake", version: "2" } }],
    ["request_sha256", { request_sha256: other }],
    ["response_sha256", { response_sha256: other }],
    ["nonce", { nonce: "n-2" }],
    ["provider_id", { provider_id: "prov_2" }],
    ["identity_key", { identity_key: toBase64(memorySigner().publicKey) }],
    ["evidence_sha256", { evidence_sha256: other }],
    ["started_at", { started_at: "2026-01-01T00:00:00.001Z" }],
    ["request_commitment", { request_commitment: other }],
    ["response_commitment", { response_commitment: other }],
    ["private_commitment", { private_commitment: other }],
    ["hpke_key_id", { hpke_key_id: other }],
    ["finish_reason", { finish_reason: "cancelled" }],
    ["finish_reason", { finish_reason: "tool_calls" }, asked({ terms: { features: [] } })],
    ["finish_reason", { finish_reason: undefined }],
    ["sampling", { sampling: undefined }],
    ["finish_reason", { ...vectors, finish_reason: "stop" }, embedding],
    ["sampling", { ...vectors, sampling: drawn }, embedding],
    ["usage.prompt_tokens", { ...vectors, ...usage({ prompt_tokens: ask.terms.bodyBytes + 9 }) }, embedding],
    ["usage.completion_tokens", { ...vectors, ...usage({ prompt_tokens: 10, completion_tokens: 1 }) }, embedding],
    ["sampling.temperature", sampling({ temperature: 0.6 })],
    ["sampling.top_p", sampling({ top_p: 0.9 })],
    ["sampling.seed", sampling({ seed: 8 })],
    ["sampling.top_k", sampling({ top_k: 1 })],
    ["sampling.frequency_penalty", sampling({ frequency_penalty: 1 })],
    ["sampling.presence_penalty", sampling({ presence_penalty: 1 })],
    ["sampling.min_p", sampling({ min_p: 0.1 })],
    ["sampling.repetition_penalty", sampling({ repetition_penalty: 1.1 })],
    ["sampling.logit_bias", sampling({ logit_bias: 1 })],
    ["sampling.stop", sampling({ stop: 0 })],
    ["sampling.n", sampling({ n: 1 })],
    ["sampling.max_tokens", sampling({ max_tokens: 51 })],
    ["usage.prompt_tokens", usage({ prompt_tokens: promptTokensMax(ask.terms.bodyBytes) + 1 })],
    ["usage.prompt_tokens", usage({ prompt_tokens: 2 ** 53 - 1 })],
    [
      "usage.prompt_tokens",
      usage({ prompt_tokens: 501 }),
      { machine: { ...machine, models: [{ ...machine.models[0]!, contextTokens: 500 }] } },
    ],
    ["usage.prompt_tokens", usage({ prompt_tokens: 1 }), asked({ terms: { generates: false } })],
    ["usage.cached_tokens", usage({ cached_tokens: 11 })],
    ["usage.completion_tokens", usage({ completion_tokens: 61 })],
    [
      "usage.completion_tokens",
      usage({ prompt_tokens: 0, cached_tokens: 0, completion_tokens: 1, reasoning_tokens: 0 }),
      asked({ terms: { generates: false } }),
    ],
    ["usage.reasoning_tokens", usage({ reasoning_tokens: 61 })],
  ];

  it.each(rows)("with another %s is refused by that name", async (field, changed, more) => {
    expect(await check({ ...honest, ...changed }, more)).toEqual({ mismatch: "receipt_fields", field });
  });

  it("has a row for every field that is compared", () => {
    expect(new Set(rows.map(([field]) => field))).toEqual(new Set(receiptFields));
  });

  it.each<[string, Partial<Receipt>, Partial<Expected>?]>([
    ["as it is", {}],
    ["at every bound", usage({ prompt_tokens: promptTokensMax(ask.terms.bodyBytes), cached_tokens: 0 })],
    [
      "with a seed of its own where none was asked for",
      sampling({ seed: 99 }),
      { ask: askFor({ ...said, seed: undefined }, { terms: { nonce: "n-1", bodySha256: ask.terms.bodySha256 } }) },
    ],
    ["cancelled, where the caller has left", { finish_reason: "cancelled" }, asked({ hangUp: gone })],
    ["that called a tool", { finish_reason: "tool_calls" }],
    ["of vectors", vectors, embedding],
    [
      "of vectors, at their bound",
      {
        ...vectors,
        ...usage({
          prompt_tokens: ask.terms.bodyBytes + 8,
          cached_tokens: 0,
          completion_tokens: 0,
          reasoning_tokens: 0,
        }),
      },
      embedding,
    ],
    [
      "of a counted prompt",
      usage({ prompt_tokens: 0, cached_tokens: 0, completion_tokens: 0, reasoning_tokens: 0 }),
      { ...asked({ terms: { generates: false } }), generatedTokens: 0 },
    ],
  ])("is taken %s", async (_, changed, more) => {
    const receipt = { ...honest, ...changed };
    expect(await check(receipt, more)).toEqual({ receipt });
  });

  it("without a nonce that was asked for is refused", async () => {
    const { nonce: _, ...without } = honest;
    expect(await check(without)).toEqual({ mismatch: "receipt_fields", field: "nonce" });
  });
});

describe("what was signed", () => {
  it("must be this answer", async () => {
    const wrong = {
      ...(await completionOf(honest)),
      response_signature: toBase64(await signer.signResponseHash(nodeCrypto.sha256(utf8("another")))),
    };
    expect(await checkAnswer(nodeCrypto, expected, wrong)).toEqual({ mismatch: "response_hash" });
  });

  /** Goal: who leaves while it is checked excuses nothing. Method: the caller hangs up in between. */
  it("was cancelled by nobody, if nobody had left when it ended", async () => {
    const leaving = new AbortController();
    const completion = await completionOf({ ...honest, finish_reason: "cancelled" });
    const checked = checkAnswer(nodeCrypto, { ...expected, ask: { ...ask, hangUp: leaving.signal } }, completion);
    leaving.abort();
    expect(await checked).toEqual({ mismatch: "receipt_fields", field: "finish_reason" });
  });

  it("must be this receipt", async () => {
    const completion = await completionOf(honest);
    const changed = { ...completion, receipt: completion.receipt.replace('"seed":7', '"seed":8') };
    expect(await checkAnswer(nodeCrypto, expected, changed)).toEqual({ mismatch: "receipt_signature" });
  });

  it.each<[string, (jcs: string) => string]>([
    ["another order", (jcs) => `{"v":1,${jcs.slice(1).replace(',"v":1', "")}`],
    ["a field more", (jcs) => jcs.replace('"v":1', '"v":1,"x":1')],
    ["a field less", (jcs) => jcs.replace('"privacy":"transparent",', "")],
    ["no JSON", () => "{"],
    ["half a character", (jcs) => jcs.replace('"fake"', String.raw`"\ud800"`)],
  ])("must be a receipt in its one form: %s", async (_, change) => {
    const completion = await completionOf(honest);
    const jcs = change(completion.receipt);
    const receipt_signature = toBase64(await signer.signTagged(tags.receipt, utf8(jcs)));
    expect(jcs).not.toBe(completion.receipt);
    expect(await checkAnswer(nodeCrypto, expected, { ...completion, receipt: jcs, receipt_signature })).toEqual({
      mismatch: "receipt_shape",
    });
  });
});
