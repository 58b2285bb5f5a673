import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changedJson, changedText } from "../../test/changed.ts";
import { secretNamed } from "../../test/keys.ts";
import { sampleBlob, sampleOffer, startMs, timeAt } from "../../test/samples.ts";
import { committedTpms } from "../../test/tpm-vectors.ts";
import { toBase64, utf8 } from "../bytes.ts";
import { canonicalBytes, canonicalJson } from "../canonical.ts";
import {
  CANNOT_OPEN_CHARS_MAX,
  JOB_ID_BYTES_MAX,
  RECEIPT_CHARS_MAX,
  SIGNED_BYTES_MAX,
  TOKEN_BYTES_MAX,
} from "../limits.ts";
import { hardwareEvidenceFrom, spelledHardwareEvidence } from "../evidence/hardware-evidence.ts";
import { tpmCredentialFrom, tpmEvidenceFrom, tpmQuoteFrom } from "../evidence/tpm-evidence.ts";
import {
  fromCoordinator,
  fromProvider,
  olderRegistration,
  PROTOCOL_REFUSED,
  PROTOCOL_VERSION,
  protocolRefused,
  type FromCoordinator,
  type FromProvider,
} from "./provider-messages.ts";
import { challengeAnswer, modelOffer, offer } from "./registration.ts";

const base64 = toBase64(secretNamed("bytes"));
const hex = "ab".repeat(32);
const [tpm] = committedTpms();
if (!tpm) throw new Error("a TPM is recorded");
const random = secretNamed("random");
const hardware = spelledHardwareEvidence({
  tpm: tpmEvidenceFrom(tpm),
  mda: { chain: [random], random },
});

const providerFrames: readonly FromProvider[] = [
  {
    type: "register",
    protocols: [PROTOCOL_VERSION],
    blob: toBase64(canonicalBytes(sampleBlob())),
    signature: base64,
    offer: base64,
    offer_signature: base64,
    auth_token: "token",
    hardware,
  },
  { type: "renew", blob: base64, signature: base64 },
  { type: "offer", offer: base64, signature: base64 },
  { type: "heartbeat", status: "ready" },
  { type: "attestation_response", answer: base64, signature: base64, quote: tpm.quote, secret: base64 },
  { type: "reading", job_id: "job_1", read_tokens: 7 },
  {
    type: "inference_complete",
    job_id: "job_1",
    receipt: "{}",
    receipt_signature: base64,
    response_signature: base64,
  },
  { type: "inference_error", job_id: "job_1", code: "busy" },
  { type: "provider_drain" },
];
const coordinatorFrames: readonly FromCoordinator[] = [
  { type: "registered", protocol: 1, provider_id: "prov_1", serial_alias: "PS-0123456789AB" },
  {
    type: "trust_status",
    trust_level: "none",
    eligible: false,
    checks: [{ id: "blob.shape", status: "pass", seen: "", remedy: "" }],
  },
  {
    type: "attestation_challenge",
    nonce: base64,
    callers_root: hex,
    timestamp: timeAt(startMs),
    credential: { id_object: base64, enc_secret: base64 },
  },
  { type: "credit", job_id: "job_1", bytes: 1 },
  { type: "cancel", job_id: "job_1" },
  { type: "provider_drain_ack" },
];

/** What either side makes of a frame that it took, each as that side does. */
function use(frame: FromProvider | FromCoordinator): void {
  if (frame.type === "register" && frame.hardware) hardwareEvidenceFrom(frame.hardware);
  if (frame.type === "attestation_response" && frame.quote) tpmQuoteFrom(frame.quote);
  if (frame.type !== "attestation_challenge") return;
  if (frame.credential) tpmCredentialFrom(frame.credential);
  // The provider signs what it was asked over, in canonical JSON that the coordinator reads.
  const { nonce, callers_root } = frame;
  const answer = {
    v: 1,
    nonce,
    callers_root,
    blob_sha256: hex,
    offer_sha256: hex,
    hpke_key_ids: [],
    posture: {},
    at: timeAt(startMs),
  };
  expect(challengeAnswer.parse(JSON.parse(canonicalJson(answer)))).toEqual(answer);
}

describe.each([
  ["provider", fromProvider, providerFrames],
  ["coordinator", fromCoordinator, coordinatorFrames],
] as const)("a frame of a %s", (_, schema, frames) => {
  it("is taken as it was meant, of every type", () => {
    expect(frames.map(({ type }) => type)).toEqual(schema.options.map(({ shape }) => shape.type.value));
    for (const frame of frames) {
      expect(schema.parse(JSON.parse(JSON.stringify(frame)))).toEqual(frame);
      use(frame);
    }
  });

  /**
   * Goal: whatever the other end sends is a frame, or is none, and a frame can be used. Method: any text, any JSON,
   * and good frames with a value replaced, left out or spelled otherwise, or a few bytes of their text changed.
   */
  it("is taken or not, whatever comes", () => {
    const good = fc.constantFrom<unknown>(...frames);
    const texts = fc.oneof(
      fc.string(),
      fc.json(),
      good.chain(changedJson).map((frame) => JSON.stringify(frame) ?? ""),
      good.chain((frame) => changedText(JSON.stringify(frame))),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const json = jsonOf(text);
        const { data } = schema.safeParse(json);
        if (!data) return;
        use(data);
        // Nothing of what was taken changes on a second way.
        expect(schema.parse(JSON.parse(JSON.stringify(data)))).toEqual(data);
        expect(json).toMatchObject({ type: data.type });
      }),
      { numRuns: 1000 },
    );
  });
});

/** Goal: nothing that the other end sends is longer than it is meant to be. Method: each part at its bound, and one unit more. */
describe("a part of a frame", () => {
  const frame = (type: string) =>
    [...providerFrames, ...coordinatorFrames].find((one) => one.type === type) ?? expect.fail(`no ${type}`);
  /** Base64 of whole triples, as long as that. */
  const spelled = (chars: number) => "A".repeat(chars);
  const signedChars = Math.ceil(SIGNED_BYTES_MAX / 3) * 4;
  it.each<[string, string, (length: number) => unknown, number, number]>([
    ["register", "blob", spelled, signedChars, 4],
    ["register", "signature", spelled, 128, 4],
    ["register", "offer", spelled, signedChars, 4],
    ["register", "offer_signature", spelled, 128, 4],
    ["register", "auth_token", (length) => "t".repeat(length), 256, 1],
    ["renew", "blob", spelled, signedChars, 4],
    ["renew", "signature", spelled, 128, 4],
    ["offer", "offer", spelled, signedChars, 4],
    ["offer", "signature", spelled, 128, 4],
    ["attestation_response", "answer", spelled, signedChars, 4],
    ["attestation_response", "signature", spelled, 128, 4],
    ["attestation_response", "secret", spelled, 64, 4],
    ["inference_error", "job_id", (length) => "j".repeat(length), JOB_ID_BYTES_MAX, 1],
    ["inference_error", "sealed", spelled, 16 * 1024, 4],
    ["inference_error", "statement", (length) => "s".repeat(length), CANNOT_OPEN_CHARS_MAX, 1],
    ["inference_error", "statement_signature", spelled, 128, 4],
    ["inference_complete", "receipt", (length) => "r".repeat(length), RECEIPT_CHARS_MAX, 1],
    ["inference_complete", "receipt_signature", spelled, 128, 4],
    ["inference_complete", "response_signature", spelled, 128, 4],
    ["attestation_challenge", "nonce", spelled, 44, 4],
    ["register", "protocols", (length) => Array(length).fill(2), 8, 1],
  ])("of %s: %s", (type, part, make, most, step) => {
    const takes = (length: number) => {
      const text = { ...frame(type), [part]: make(length) };
      return fromProvider.safeParse(text).success || fromCoordinator.safeParse(text).success;
    };
    expect([takes(most), takes(most + step)]).toEqual([true, false]);
  });

  const model = { build: "b", weights_sha256: hex, context_tokens: 1 };
  it.each<[what: string, more: object, isOffer: boolean]>([
    ["no slot", { slots: 0 }, false],
    ["a slot", { slots: 1 }, true],
    ["1024 slots", { slots: 1024 }, true],
    ["1025 slots", { slots: 1025 }, false],
    ["half a slot", { slots: 1.5 }, false],
    ["no model", { models: [] }, true],
    ["64 models", { models: Array.from({ length: 64 }, () => model) }, true],
    ["65 models", { models: Array.from({ length: 65 }, () => model) }, false],
    ["another version", { v: 2 }, false],
    ["nobody's name", { identity_key: undefined }, false],
  ])("that offers %s", (_, more, isOffer) => {
    expect(offer.safeParse({ ...sampleOffer, ...more }).success).toBe(isOffer);
  });

  it.each([
    [1, true],
    [TOKEN_BYTES_MAX, true],
    [0, false],
    [TOKEN_BYTES_MAX + 1, false],
  ])("that offers a model with a longest token of %i bytes: %s", (bytes, isOffer) => {
    expect(modelOffer.safeParse({ ...model, token_bytes_max: bytes }).success).toBe(isOffer);
  });
});

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

describe("an end of another version", () => {
  it.each<[reason: string, older: ReturnType<typeof protocolRefused>]>([
    // As a coordinator of version 1 says it.
    ["register first, with protocol 1", "coordinator_older"],
    [PROTOCOL_REFUSED.replace(String(PROTOCOL_VERSION), String(PROTOCOL_VERSION + 1)), "provider_older"],
    [PROTOCOL_REFUSED, "coordinator_older"],
    ["register first", undefined],
    ["", undefined],
  ])("closed with %j: %s", (reason, older) => {
    expect(protocolRefused(reason)).toBe(older);
    expect(utf8(reason).length).toBeLessThanOrEqual(123);
  });

  it("is a provider of version 1 by how it registers", () => {
    const registers = (frame: unknown) => olderRegistration.safeParse(frame).success;
    expect(registers({ type: "register", protocol: 1, blob: "" })).toBe(true);
    expect(registers(providerFrames[0])).toBe(false);
    expect(registers({ type: "heartbeat", protocol: 1 })).toBe(false);
  });
});
