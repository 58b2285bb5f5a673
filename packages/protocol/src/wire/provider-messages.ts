import * as z from "zod";
import { CANNOT_OPEN_CHARS_MAX, JOB_ID_BYTES_MAX, RECEIPT_CHARS_MAX, SIGNED_BYTES_MAX } from "../limits.ts";
import { hardwareEvidenceSchema } from "../evidence/hardware-evidence.ts";
import { pseudonymShape } from "../evidence/serials.ts";
import { base64Of } from "../evidence/spelled.ts";
import { tpmCredentialSchema, tpmQuoteSchema } from "../evidence/tpm-evidence.ts";
import { trustLevels } from "../evidence/verdict.ts";
import { checkSchema } from "../evidence/check.ts";
import { engineRefusals, providerFaults } from "../provider-words.ts";

/**
 * The provider connection. What controls it is JSON text, each an object with a `type`; requests and answers are binary
 * (`records.ts`). Unknown types are skipped by both sides. Evidence and receipts travel as opaque strings and are never
 * re-serialised.
 */
const base64 = z.base64();
/** As much as `verify` reads, and a DER signature, in base64. */
const signedBytes = base64.max(Math.ceil(SIGNED_BYTES_MAX / 3) * 4);
const signatureBytes = base64.max(128);
const CHALLENGE_NONCE_BYTES = 32;
/** An error of a dialect, padded and sealed, in base64. */
const SEALED_REFUSAL_CHARS_MAX = 16 * 1024;
const jobId = z.string().min(1).max(JOB_ID_BYTES_MAX);

/** The one version that is spoken. A coordinator chooses among those that a provider offers. */
export const PROTOCOL_VERSION = 2;
const PROTOCOLS_MAX = 8;

export const fromProvider = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("register"),
    /** Versions of this protocol that it speaks. */
    protocols: z.array(z.int()).min(1).max(PROTOCOLS_MAX),
    /** Base64 of the signed registration blob. */
    blob: signedBytes,
    signature: signatureBytes,
    /** Base64 of the signed offer. */
    offer: signedBytes,
    offer_signature: signatureBytes,
    auth_token: z.string().max(256).optional(),
    /** By which somebody has let this machine join as theirs; good with its own identity key alone. */
    machine_token: z.string().max(256).optional(),
    hardware: hardwareEvidenceSchema.optional(),
  }),
  /** A newly signed blob of the same key and serial (rotated HPKE keys, or first one under a pseudonym) on the same connection. */
  z.object({ type: z.literal("renew"), blob: signedBytes, signature: signatureBytes }),
  /** What it offers has changed. What it adds counts once a challenge that names it was passed. */
  z.object({ type: z.literal("offer"), offer: signedBytes, signature: signatureBytes }),
  z.object({
    type: z.literal("heartbeat"),
    /** `restarting`: its model's process ended and is not back yet; until then it takes nothing. */
    status: z.enum(["ready", "restarting"]),
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
  /** While a long prompt is read, every few seconds: how many tokens of it have been. Never fewer than before. */
  z.object({ type: z.literal("reading"), job_id: jobId, read_tokens: z.int().nonnegative() }),
  z.object({
    type: z.literal("inference_complete"),
    job_id: jobId,
    /** The receipt's canonical JSON, as signed. */
    receipt: z.string().max(RECEIPT_CHARS_MAX),
    receipt_signature: signatureBytes,
    /** Over the 64 hex characters of the response hash: `x-se-signature`. Of a sealed answer its caller alone has it: by it others could guess. */
    response_signature: signatureBytes.exactOptional(),
  }),
  z.object({
    type: z.literal("inference_error"),
    job_id: jobId,
    /**
     * A model's refusal is the request's own, where it is believed. `busy` is a fault, since a slot was free; `draining` is none before
     * anything was said, and nothing more is asked over this connection; `cancelled` is none of a machine that was told to stop.
     * `over_share`: this caller has sent so many lately that the machine could not tell more of them from ones that come again.
     * `refused`: of a sealed request, any refusal of its own; which one its caller is told in `sealed`.
     */
    code: z.enum([...providerFaults, ...engineRefusals, "refused", "over_share", "busy", "draining", "cancelled"]),
    /** With `refused`: one frame, the answer's only one. */
    sealed: base64.max(SEALED_REFUSAL_CHARS_MAX).exactOptional(),
    /** With `cannot_open`, of a request that its caller sealed: what the machine signs about that, and over it. */
    statement: z.string().max(CANNOT_OPEN_CHARS_MAX).exactOptional(),
    statement_signature: signatureBytes.exactOptional(),
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
    /** Whose the machine is; absent where it is nobody's, or has not shown its key yet. */
    owner: z.string().max(128).optional(),
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
  z.object({ type: z.literal("credit"), job_id: jobId, bytes: z.int().positive() }),
  z.object({ type: z.literal("cancel"), job_id: jobId }),
  z.object({ type: z.literal("provider_drain_ack") }),
]);
/** The reason with which a coordinator closes the connection of a machine that may not join without a token, or with this one. */
export const JOIN_TOKEN_NEEDED = "a join token is needed to join from another machine";
/** The reason with which it closes the connection of a machine whose token is not known, is another's, or was taken back. */
export const MACHINE_UNLINKED = "this machine token is good no longer, or is another machine's";
/** The reason with which it closes the connection of a machine that speaks no version of its own. */
export const PROTOCOL_REFUSED = `this coordinator speaks protocol ${PROTOCOL_VERSION}: update this provider`;
export type FromCoordinator = z.infer<typeof fromCoordinator>;

/** How a provider of version 1 registers: it offers no list. */
export const olderRegistration = z.object({ type: z.literal("register"), protocol: z.int() });

/** Which end has to be updated, where a coordinator of any version closed for that; undefined where it closed for something else. */
export function protocolRefused(reason: string): "provider_older" | "coordinator_older" | undefined {
  const spoken = /^(?:register first, with|this coordinator speaks) protocol (\d+)\b/.exec(reason)?.[1];
  if (spoken === undefined) return undefined;
  return Number(spoken) > PROTOCOL_VERSION ? "provider_older" : "coordinator_older";
}
