import * as z from "zod";
import { modelTasks } from "../dialects/job.ts";
import { TOKEN_BYTES_MAX } from "../limits.ts";

/** HPKE suites, by KEM, KDF and AEAD; the one to prefer first. A blob lists those that the provider can open. */
export const suites = ["x-wing/hkdf-sha256/aes-256-gcm", "x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm"] as const;
export type Suite = (typeof suites)[number];

const base64 = z.base64();
const hex64 = z.string().regex(/^[0-9a-f]{64}$/);
/**
 * It is printed to people: no control characters, nothing that turns the direction of writing. And no half of a
 * character, which has no canonical JSON and no UTF-8: two of them would be one name.
 */
export const shortText = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+$/u);

export const modelOffer = z.object({
  /** The build that the provider has loaded. */
  build: shortText,
  /** Of the GGUF file; of a model in parts, of the `sha256sum` manifest of its parts. */
  weights_sha256: hex64,
  context_tokens: z.int().positive(),
  /** Bytes of the vocabulary's longest token: what a context can hold is bounded by it before anything is tokenized. */
  token_bytes_max: z.int().min(1).max(TOKEN_BYTES_MAX).exactOptional(),
  /** What it can be asked for; absent: to write text. */
  tasks: z.array(z.enum(modelTasks)).min(1).max(modelTasks.length).exactOptional(),
});

/** What the operating system told the provider about itself; `unknown` is an honest answer. */
const posture = z.record(z.string().regex(/^[a-z_]{1,64}$/), z.enum(["pass", "fail", "unknown"]));

/**
 * The registration blob: what a provider says of itself, once per connection, signed by its identity
 * key. It travels, is stored and is published as the exact bytes that were signed.
 */
export const registrationBlob = z.object({
  v: z.literal(1),
  /** Base64 of the uncompressed P-256 point, 65 bytes. */
  identity_key: base64,
  hpke_keys: z
    .array(z.object({ id: hex64, suite: z.enum(suites), public_key: base64, expires_at: z.iso.datetime() }))
    .min(1)
    .max(4),
  serial: shortText,
  chip_name: shortText,
  hardware_model: shortText,
  platform: z.enum(["macos", "linux", "other"]),
  os_version: shortText,
  memory_bytes: z.int().nonnegative(),
  engine: z.object({ name: shortText, version: shortText }),
  software: z.object({
    name: shortText,
    version: shortText,
    /** Of the `sha256sum` manifest of its own source files: what the software says of itself. */
    code_sha256: hex64.exactOptional(),
  }),
  posture,
  at: z.iso.datetime(),
});
export type RegistrationBlob = z.infer<typeof registrationBlob>;

/** Requests that one machine may be given at once. */
const SLOTS_OFFERED_MAX = 1024;
const MODELS_OFFERED_MAX = 64;

/**
 * What a machine can be asked for, signed by its identity key apart from what the machine is: it may change while the
 * blob, its keys and the evidence stay. It needs no time of its own, since it counts only where an answered challenge names it.
 */
export const offer = z.object({
  v: z.literal(1),
  /** As in the blob: by a signature alone it could be another key's that was made to fit. */
  identity_key: base64,
  slots: z.int().min(1).max(SLOTS_OFFERED_MAX),
  models: z.array(modelOffer).max(MODELS_OFFERED_MAX),
});
export type Offer = z.infer<typeof offer>;

/** The signed answer to a challenge. */
export const challengeAnswer = z.object({
  v: z.literal(1),
  /** The coordinator's nonce, base64 of 32 bytes. */
  nonce: base64,
  /** Merkle root of callers' nonces, or null. */
  callers_root: hex64.nullable(),
  blob_sha256: hex64,
  /** Of the offer that stands: an older one, or another machine's, is named by no answer. */
  offer_sha256: hex64,
  hpke_key_ids: z.array(hex64).max(4),
  posture,
  at: z.iso.datetime(),
});
export type ChallengeAnswer = z.infer<typeof challengeAnswer>;

/**
 * Domain tags: every signature in the system is over one of these and the bytes, but for the response
 * hash. A TPM signs in its own words, which hold a hash of one of these and the bytes.
 */
export const tags = {
  registration: "darkbloom:registration:v1\0",
  offer: "darkbloom:offer:v1\0",
  challenge: "darkbloom:challenge:v1\0",
  receipt: "darkbloom:receipt:v1\0",
  cannotOpen: "darkbloom:cannot-open:v1\0",
  countersignature: "darkbloom:countersignature:v1\0",
  tpmQuote: "darkbloom:tpm-quote:v1\0",
  tpmActivation: "darkbloom:tpm-activation:v1\0",
} as const;
export type ProviderTag = (typeof tags)["registration" | "offer" | "challenge" | "receipt" | "cannotOpen"];
