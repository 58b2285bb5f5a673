import { toBase64, toHex } from "../src/bytes.ts";
import { canonicalBytes } from "../src/canonical.ts";
import { signOffer, softwareSerial } from "../src/evidence/index.ts";
import { CHALLENGE_EVERY_MS, HPKE_KEY_LIFE_MS } from "../src/limits.ts";
import type { Receipt } from "../src/receipts/index.ts";
import type { HpkeKey, SealHeader } from "../src/sealing/index.ts";
import type { ChallengeAnswer, Offer, RegistrationBlob } from "../src/wire/index.ts";
import { hpkeKeyFrom, nodeCrypto } from "../src/node/index.ts";
import { secretNamed, testSigner } from "./keys.ts";

/** One machine and one request, the same in every test and in the test vectors. */

/** Milliseconds since 1970. */
export const startMs = Date.parse("2026-01-02T03:04:05.000Z");
export const timeAt = (ms: number): string => new Date(ms).toISOString();

export const signer = testSigner("identity key");
export const hpkeKey = (name = "hpke key", expiresAt = startMs + HPKE_KEY_LIFE_MS): HpkeKey =>
  hpkeKeyFrom(secretNamed(name), expiresAt);

export const sampleBlob = (key: HpkeKey = hpkeKey()): RegistrationBlob => ({
  v: 1,
  identity_key: toBase64(signer.publicKey),
  hpke_keys: [{ id: key.id, suite: key.suite, public_key: toBase64(key.publicKey), expires_at: timeAt(key.expiresAt) }],
  serial: softwareSerial(nodeCrypto, signer.publicKey),
  chip_name: "Test CPU, 8 cores",
  hardware_model: "Test Board",
  platform: "linux",
  os_version: "6.1 (Ünïcode)",
  memory_bytes: 17_179_869_184,
  engine: { name: "scripted", version: "1.0.0" },
  software: { name: "darkbloom", version: "0.1.0", code_sha256: toHex(nodeCrypto.sha256(secretNamed("code"))) },
  posture: { core_dumps_off: "pass", secure_boot: "unknown" },
  at: timeAt(startMs),
});

export const sampleOffer: Offer = {
  v: 1,
  identity_key: toBase64(signer.publicKey),
  slots: 4,
  models: [
    { build: "tiny-q8", weights_sha256: toHex(nodeCrypto.sha256(secretNamed("weights"))), context_tokens: 4096 },
  ],
};
/** As a machine shows it, beside its blob. */
export const signedOffer = async (more: Partial<Offer> = {}) => {
  const { bytes, signature } = await signOffer(signer, { ...sampleOffer, ...more });
  return { offer: bytes, offerSignature: signature };
};

export const challengeNonce = secretNamed("challenge nonce");
export const sampleAnswer = (blobBytes: Uint8Array, keyIds: string[] = [hpkeKey().id]): ChallengeAnswer => ({
  v: 1,
  nonce: toBase64(challengeNonce),
  callers_root: null,
  blob_sha256: toHex(nodeCrypto.sha256(blobBytes)),
  offer_sha256: toHex(nodeCrypto.sha256(canonicalBytes(sampleOffer))),
  hpke_key_ids: keyIds,
  posture: { core_dumps_off: "pass" },
  at: timeAt(startMs + CHALLENGE_EVERY_MS),
});

export const sampleHeader = (keys: readonly HpkeKey[], evidenceSha256 = "e".repeat(64)): SealHeader => ({
  v: 1,
  suite: keys[0]?.suite ?? "x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm",
  mode: "sealed",
  id: toBase64(secretNamed("request id").subarray(0, 16)),
  expires_at: timeAt(startMs + 60_000),
  endpoint: "/v1/chat/completions",
  model: "tiny",
  build: "tiny-q8",
  stream: true,
  max_tokens: 256,
  features: [],
  min_trust: "self_signed",
  pins: [],
  nonce: "caller's nonce",
  candidates: keys.map((key, index) => ({
    provider_id: `prov_${index}`,
    key_id: key.id,
    evidence_sha256: evidenceSha256,
  })),
});

export const sampleReceipt = (): Receipt => ({
  v: 1,
  job_id: "job_1",
  request_id: "req-1",
  privacy: "transparent",
  endpoint: "/v1/chat/completions",
  model: "tiny",
  build: "tiny-q8",
  weights_sha256: toHex(nodeCrypto.sha256(secretNamed("weights"))),
  engine: { name: "scripted", version: "1.0.0" },
  request_sha256: toHex(nodeCrypto.sha256(secretNamed("request body"))),
  response_sha256: toHex(nodeCrypto.sha256(secretNamed("response body"))),
  nonce: "caller's nonce – “quoted”\n",
  sampling: {
    temperature: 0.7,
    top_p: 1,
    top_k: 0,
    frequency_penalty: 0,
    presence_penalty: 0,
    logit_bias: 0,
    seed: 42,
    stop: 1,
    max_tokens: 256,
    n: 1,
  },
  usage: { prompt_tokens: 12, cached_tokens: 4, completion_tokens: 34, reasoning_tokens: 5 },
  finish_reason: "stop",
  provider_id: "prov_0",
  identity_key: toBase64(signer.publicKey),
  evidence_sha256: "e".repeat(64),
  started_at: timeAt(startMs),
  finished_at: timeAt(startMs + 1500),
});
