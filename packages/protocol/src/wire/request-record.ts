import * as z from "zod";
import { concatBytes, u32be, utf8 } from "../bytes.ts";
import { readEnvelope, splitJson, writeEnvelope, type Envelope } from "../sealing/envelope-bytes.ts";

/** What the coordinator tells of a request beside its envelope. */
const head = z.object({
  /** The caller's own request id. */
  caller_request_id: z.string().max(128),
  /** Requests with the same scope come from one account, and may reuse each other's prompt in memory. */
  cache_scope: z.string().max(64).optional(),
  /** Sealed bytes that may be sent before the first credit. */
  credit_bytes: z.int().positive(),
});

/** One attempt at a request. `job_id` is the attempt's: job id of the receipt. */
export type InferenceRequest = z.infer<typeof head> & { readonly job_id: string; readonly envelope: Envelope };

/** A request's record: `u32 length ‖ JSON ‖ envelope`. */
export function writeRequest(request: Omit<InferenceRequest, "job_id">): Uint8Array<ArrayBuffer> {
  const { caller_request_id, cache_scope, credit_bytes, envelope } = request;
  const json = utf8(JSON.stringify({ caller_request_id, cache_scope, credit_bytes }));
  return concatBytes(u32be(json.length), json, writeEnvelope(envelope));
}

/** @returns undefined for what is no request */
export function readRequest(jobId: string, bytes: Uint8Array): InferenceRequest | undefined {
  const parts = splitJson(bytes);
  const told = head.safeParse(parts?.json).data;
  const envelope = parts && readEnvelope(parts.rest);
  return told && envelope && { ...told, job_id: jobId, envelope };
}
