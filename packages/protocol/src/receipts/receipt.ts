import * as z from "zod";
import { finishReasons } from "../dialects/dialect.ts";
import { endpoints } from "../dialects/job.ts";

const hex64 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().nonnegative();

/**
 * What a provider signs about one answer, and what the coordinator countersigns. Canonicalised by
 * RFC 8785 (JCS); the provider signs `"darkbloom:receipt:v1\0" ‖ jcs` with its identity key.
 */
export const receipt = z.object({
  v: z.literal(1),
  job_id: z.string(),
  request_id: z.string(),
  privacy: z.enum(["transparent", "sealed"]),
  endpoint: z.enum(endpoints),
  /** As the catalog has it, by whatever name it was asked for. */
  model: z.string(),
  build: z.string(),
  weights_sha256: hex64,
  engine: z.object({ name: z.string(), version: z.string() }),
  /** Over the exact body bytes that the caller sent and received. */
  request_sha256: hex64,
  response_sha256: hex64,
  /** The caller's `x-darkbloom-nonce`. */
  nonce: z.string().optional(),
  /** Absent where nothing was drawn: of vectors. */
  sampling: z
    .object({
      temperature: z.number(),
      top_p: z.number(),
      seed: count,
      top_k: count,
      frequency_penalty: z.number(),
      presence_penalty: z.number(),
      /** Where they change anything. */
      min_p: z.number().optional(),
      repetition_penalty: z.number().optional(),
      /** How many tokens were biased, and how many stop strings there were: not which. */
      logit_bias: count,
      stop: count,
      /** Of each choice. */
      max_tokens: z.int().positive(),
      /** Answers to the one prompt; the first has this seed, and each further one the next. */
      n: z.int().positive(),
    })
    .optional(),
  usage: z.object({ prompt_tokens: count, cached_tokens: count, completion_tokens: count, reasoning_tokens: count }),
  /** Of several answers, the one that says most: cancelled before length, before tool_calls, before stop. Absent of vectors. */
  finish_reason: z.enum(finishReasons).optional(),
  provider_id: z.string(),
  identity_key: z.base64(),
  /** Names the registration blob whose keys served this. */
  evidence_sha256: hex64,
  started_at: z.iso.datetime(),
  finished_at: z.iso.datetime(),
});
export type Receipt = z.infer<typeof receipt>;

/** What the caller gets: in the receipt comment, the `x-darkbloom-receipt` header and `GET /v1/receipts/{job_id}`. */
export const receiptDocument = z.object({
  receipt,
  provider_signature: z.base64(),
  coordinator_signature: z.base64(),
  coordinator_key_id: z.string(),
  /** When the coordinator countersigned; part of what it signed. */
  countersigned_at: z.iso.datetime(),
  /** Its place in the coordinator's log, once it has one; from `GET /v1/receipts/{job_id}` alone. */
  log: z
    .object({
      /** 32 bytes in hex, with which the entry was blinded. */
      blind: z.string().regex(/^[0-9a-f]{64}$/),
      /** A `tlog-proof@v1` file (c2sp.org/tlog-proof). */
      proof: z.string(),
    })
    .optional(),
});
export type ReceiptDocument = z.infer<typeof receiptDocument>;
