import * as z from "zod";
import { endpoints } from "../dialects/job.ts";
import { finishReason, hex64, sampling } from "./receipt-parts.ts";

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
  /**
   * Over the exact body bytes that the caller sent and received. Sealed: over the envelope as it was sent, and over all frame
   * records of the answer.
   */
  request_sha256: hex64,
  response_sha256: hex64,
  /** Sealed: HMAC-SHA256 of what both hashes would have been, and of `sampling` and `finish_reason`, which are absent then. */
  request_commitment: hex64.optional(),
  response_commitment: hex64.optional(),
  private_commitment: hex64.optional(),
  /** The caller's `x-darkbloom-nonce`. */
  nonce: z.string().optional(),
  /** Absent where nothing was drawn, of vectors, and where it is told to the caller alone: sealed. */
  sampling: sampling.optional(),
  usage: z.object({ prompt_tokens: count, cached_tokens: count, completion_tokens: count, reasoning_tokens: count }),
  /** Of several answers, the one that says most: cancelled before length, before tool_calls, before stop. Absent likewise. */
  finish_reason: finishReason.optional(),
  provider_id: z.string(),
  identity_key: z.base64(),
  /** Names the registration blob whose keys served this. */
  evidence_sha256: hex64,
  /** Sealed: the key that opened the request. */
  hpke_key_id: hex64.optional(),
  started_at: z.iso.datetime(),
  finished_at: z.iso.datetime(),
});
export type Receipt = z.infer<typeof receipt>;

/** What a sealed receipt has in place of what would let others guess. */
export type Commitments = Required<Pick<Receipt, "request_commitment" | "response_commitment" | "private_commitment">>;

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
