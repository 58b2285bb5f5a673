import * as z from "zod";
import { RECEIPT_CHARS_MAX, SIGNED_BYTES_MAX } from "../limits.ts";
import { hardwareEvidenceSchema } from "../evidence/hardware.ts";
import { pseudonymShape } from "../evidence/serials.ts";
import { base64Of } from "../evidence/spelled.ts";
import { tpmCredentialSchema, tpmQuoteSchema } from "../evidence/tpm-evidence.ts";
import { checkSchema, trustLevels } from "../evidence/verdict.ts";
import { engineRefusals, providerFaults } from "../provider-words.ts";

/**
 * The provider connection: JSON text frames, each an object with a `type`. Unknown types are skipped
 * by both sides. Evidence, envelopes and receipts travel as opaque strings and are never re-serialised.
 */
const base64 = z.base64();
/** As much as `verify` reads, and a DER signature, in base64. */
const signedBytes = base64.max(Math.ceil(SIGNED_BYTES_MAX / 3) * 4);
const signatureBytes = base64.max(128);
const CHALLENGE_NONCE_BYTES = 32;
const jobId = z.string().min(1).max(128);

export const PROTOCOL_VERSION = 1;

/** A request body, encrypted once, its key wrapped to each candidate. See `sealing/envelope.ts`. */
export const envelope = z.object({
  /** All clear fields, as the one string that was authenticated. */
  hdr: z.string().max(16_384),
  /** Base64 of the sealed body. */
  body: z.string(),
  wraps: z
    .array(z.object({ key_id: z.string(), enc: base64, wrap: base64 }))
    .min(1)
    .max(4),
});
export type Envelope = z.infer<typeof envelope>;

export const fromProvider = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("register"),
    protocol: z.int(),
    /** Base64 of the signed registration blob. */
    blob: signedBytes,
    signature: signatureBytes,
    /** Requests that may run at once. */
    slots: z.int().min(1).max(1024),
    auth_token: z.string().max(256).optional(),
    hardware: hardwareEvidenceSchema.optional(),
  }),
  /** A newly signed blob of the same key and serial (rotated HPKE keys, or first one under a pseudonym) on the same connection. */
  z.object({ type: z.literal("renew"), blob: signedBytes, signature: signatureBytes }),
  z.object({
    type: z.literal("heartbeat"),
    /** `restarting`: its model's process ended and is not back yet; until then it takes nothing. */
    status: z.enum(["idle", "serving", "restarting", "draining"]),
    running: z.int().nonnegative(),
  }),
  z.object({
    type: z.literal("attestation_response"),
    answer: signedBytes,
    signature: signatureBytes,
    /** Over the same nonce. The firmware's log comes along once, and again where it has become another. */
    quote: tpmQuoteSchema.optional(),
    /** What was in the credential. */
    secret: base64.max(64).optional(),
  }),
  z.object({ type: z.literal("inference_accepted"), request_id: jobId }),
  /** Base64 of whole frames of the sealed answer, one or more; the first also carries the response nonce. */
  z.object({ type: z.literal("inference_response_chunk"), request_id: jobId, frames: z.string() }),
  z.object({
    type: z.literal("inference_complete"),
    request_id: jobId,
    /** The receipt's canonical JSON, as signed. */
    receipt: z.string().max(RECEIPT_CHARS_MAX),
    receipt_signature: signatureBytes,
    /** Over the 64 hex characters of the response hash: `x-se-signature`. */
    response_signature: signatureBytes,
  }),
  z.object({
    type: z.literal("inference_error"),
    request_id: jobId,
    /** A model's refusal is the request's own; `busy`, `draining` and `cancelled` are no fault of anyone's. */
    code: z.enum([...providerFaults, ...engineRefusals, "busy", "draining", "cancelled"]),
    /** With `context_exceeded`: how long the prompt is, or at least is. */
    prompt_tokens: z.int().nonnegative().exactOptional(),
  }),
  z.object({ type: z.literal("provider_drain") }),
]);
export type FromProvider = z.infer<typeof fromProvider>;

export const fromCoordinator = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("registered"),
    protocol: z.int(),
    provider_id: z.string(),
    /** Where the operator does not disclose serials: a blob with this one follows at once, as `renew`, and so in every later one. */
    serial_alias: z.string().regex(pseudonymShape).optional(),
  }),
  z.object({
    type: z.literal("trust_status"),
    trust_level: z.enum(trustLevels),
    /** Whether requests may come now, and if not, the one reason why. */
    eligible: z.boolean(),
    checks: z.array(checkSchema),
  }),
  z.object({
    type: z.literal("attestation_challenge"),
    nonce: base64Of(CHALLENGE_NONCE_BYTES),
    /** Merkle root of callers' nonces: what is signed is no text of somebody's choice. */
    callers_root: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .nullable(),
    timestamp: z.iso.datetime(),
    /** For the machine's TPM to open. */
    credential: tpmCredentialSchema.optional(),
  }),
  z.object({
    type: z.literal("inference_request"),
    /** The attempt's id: job id of the receipt. */
    request_id: jobId,
    /** The caller's own request id. */
    caller_request_id: z.string().max(128),
    envelope,
    /** Requests with the same scope come from one account, and may reuse each other's prompt in memory. */
    cache_scope: z.string().max(64).optional(),
    /** Sealed bytes that may be sent before the first credit. */
    credit_bytes: z.int().positive(),
  }),
  z.object({ type: z.literal("credit"), request_id: jobId, bytes: z.int().positive() }),
  z.object({ type: z.literal("cancel"), request_id: jobId }),
  z.object({ type: z.literal("provider_drain_ack") }),
]);
/** The reason with which a coordinator closes the connection of a machine that may not join without a token, or with this one. */
export const JOIN_TOKEN_NEEDED = "a join token is needed to join from another machine";
export type FromCoordinator = z.infer<typeof fromCoordinator>;
