import { existsSync, readFileSync } from "node:fs";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { concatBytes, fromBase64OrNothing, fromUtf8, joinBytes, toBase64, toHex, utf8 } from "../src/bytes.ts";
import { canonicalJson } from "../src/canonical.ts";
import { softwareSerial } from "../src/evidence/index.ts";
import { HPKE_KEY_LIFE_MS } from "../src/limits.ts";
import {
  countersignatureMessage,
  receiptComment,
  receiptMessage,
  type Receipt,
  type ReceiptDocument,
} from "../src/receipts/index.ts";
import {
  AnswerSealer,
  commitmentsOf,
  frameRecord,
  receiptRecord,
  SEAL_INFO,
  sealRequest,
  writeAnswerTail,
  writeEnvelope,
  type HpkeKey,
} from "../src/sealing/index.ts";
import { joinRecords, writeRecord, writeRequest } from "../src/wire/index.ts";
import { tags, type Suite } from "../src/wire/index.ts";
import { hpkeKeyFrom, nodeCrypto, nodeHpke, xWingKeyFrom } from "../src/node/index.ts";
import { appleMda, certificatePath, signaturesIn } from "./certificate-vectors.ts";
import { secretNamed, testCountersigner } from "./keys.ts";
import {
  challengeNonce,
  hpkeKey,
  sampleAnswer,
  sampleBlob,
  sampleHeader,
  sampleOffer,
  sampleReceipt,
  signer,
  startMs,
  timeAt,
} from "./samples.ts";
import { tpmVector, type RecordedTpm } from "./tpm-vectors.ts";
import { vectorFile } from "./vector-file.ts";
import { activation, callerNonces, fileManifest, serialPseudonym } from "./trust-vectors.ts";

/**
 * Everything that is signed or sealed, worked out once with known keys, as JSON that any language can
 * read. Bytes are base64 where the wire has base64, else lower-case hex.
 *
 * ECDSA signatures are made with fresh randomness, so a signature that is already known and still good
 * is kept; all else is the same at every run.
 */

type Bytes = Uint8Array<ArrayBuffer>;

const X25519 = "x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm";

/** Finds the signature that the vector of this name holds now, in base64. */
type Known = (vector: string) => string | undefined;

export const vectorText = (vector: object): string => `${JSON.stringify(vector, null, 2)}\n`;

interface Held {
  readonly signature?: string;
  /** Of a vector with several of them. */
  readonly signatures?: Readonly<Record<string, string>>;
}
const committed = (name: string): Held =>
  existsSync(vectorFile(name)) ? (JSON.parse(readFileSync(vectorFile(name), "utf8")) as Held) : {};
/** @param name of the vector, and behind a blank which one, where it has several */
export function committedSignature(name: string): string | undefined {
  const [vector = "", which] = name.split(" ");
  const held = committed(vector);
  return which === undefined ? held.signature : held.signatures?.[which];
}

const sha256 = (bytes: Uint8Array): string => toHex(nodeCrypto.sha256(bytes));

async function signed(known: Known, vector: string, message: Bytes): Promise<string> {
  const held = known(vector);
  const good =
    held !== undefined && (await nodeCrypto.verifyP256(signer.publicKey, message, fromBase64OrNothing(held)));
  return good ? held : toBase64(signer.sign(message));
}

const identity = {
  identity_private_key: toHex(signer.privateBytes),
  identity_key: toBase64(signer.publicKey),
};

const jcsInputs: readonly string[] = [
  String.raw`{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}`,
  String.raw`{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}`,
  "[0,-0,1.0,100,1e21,999999999999999900000,0.000001,1e-7,-1.5,9007199254740991,0.7]",
  String.raw`{"b":{"y":[],"x":{}},"a":"\ud83c\udf38\n\u2028/\u007f"}`,
];

function jcs() {
  const cases = jcsInputs.map((input) => {
    const canonical = canonicalJson(JSON.parse(input));
    return { input, canonical, sha256: sha256(utf8(canonical)) };
  });
  return { about: "RFC 8785: `input` is JSON text, `canonical` its one spelling.", cases };
}

async function responseHash(known: Known) {
  const body = 'data: {"choices":[{"delta":{"content":"Grüße"}}]}\n\ndata: [DONE]\n\n';
  const hash = sha256(utf8(body));
  return {
    about:
      "`x-se-signature`: ECDSA P-256 with SHA-256, DER, over the 64 ASCII characters of `x-response-hash`; no domain tag.",
    ...identity,
    body,
    response_hash: hash,
    signature: await signed(known, "response-hash", utf8(hash)),
  };
}

async function receipt(known: Known) {
  const value = sampleReceipt();
  const text = canonicalJson(value);
  return {
    about:
      '`signature`: ECDSA P-256 with SHA-256, DER, over "darkbloom:receipt:v1\\0" and the canonical JSON of `receipt`.',
    ...identity,
    receipt: value,
    jcs: text,
    message_sha256: sha256(receiptMessage(text)),
    signature: await signed(known, "receipt", receiptMessage(text)),
  };
}

function countersignature({ receipt: value, jcs: text, signature }: Awaited<ReturnType<typeof receipt>>) {
  const coordinator = testCountersigner("coordinator key");
  const keyId = "key-1";
  const time = timeAt(startMs + 2000);
  const message = countersignatureMessage(text, fromBase64OrNothing(signature), keyId, time);
  const document = {
    receipt: value,
    provider_signature: signature,
    coordinator_signature: toBase64(coordinator.sign(message)),
    coordinator_key_id: keyId,
    countersigned_at: time,
  };
  return {
    about:
      'Ed25519 over "darkbloom:countersignature:v1\\0", then canonical receipt, provider signature, key id and time, each behind its u32 length. ' +
      "`comment` ends a stream: base64url of the document's JSON.",
    coordinator_private_key: toHex(coordinator.privateBytes),
    coordinator_public_key: toHex(coordinator.publicKey),
    document,
    message: toHex(message),
    comment: receiptComment(document),
  };
}

async function registration(known: Known) {
  const text = canonicalJson(sampleBlob());
  const message = utf8(tags.registration + text);
  return {
    about:
      '`signature` over "darkbloom:registration:v1\\0" and the blob. `serial`: "SW-" and Crockford\'s base32 of the low five bits of the first 12 bytes of SHA-256(identity key).',
    ...identity,
    at: timeAt(startMs),
    blob: toBase64(utf8(text)),
    signature: await signed(known, "registration", message),
    evidence_sha256: sha256(utf8(text)),
    serial: softwareSerial(nodeCrypto, signer.publicKey),
  };
}

async function offer(known: Known) {
  const text = canonicalJson(sampleOffer);
  return {
    about:
      '`signature` over "darkbloom:offer:v1\\0" and the offer. `offer_sha256` names it in the answer of challenge.json.',
    ...identity,
    offer: toBase64(utf8(text)),
    signature: await signed(known, "offer", utf8(tags.offer + text)),
    offer_sha256: sha256(utf8(text)),
  };
}

async function challenge(known: Known, blob: string) {
  const answer = sampleAnswer(fromBase64OrNothing(blob));
  const text = canonicalJson(answer);
  return {
    about:
      '`signature` over "darkbloom:challenge:v1\\0" and the answer, which names the blob of registration.json and the offer of offer.json by their SHA-256.',
    ...identity,
    at: answer.at,
    nonce: toBase64(challengeNonce),
    answer: toBase64(utf8(text)),
    signature: await signed(known, "challenge", utf8(tags.challenge + text)),
  };
}

/** A candidate's key, and the sender's half of a context with it, from names. */
interface SampleKey {
  readonly key: HpkeKey;
  readonly secret: Bytes;
  readonly enc: Bytes;
}
const candidateNames = ["first candidate", "second candidate"] as const;

const sampleKeys: Readonly<Record<Suite, (name: string, index: number) => SampleKey>> = {
  "x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm": (name, index) => ({
    key: hpkeKey(name),
    secret: secretNamed(name),
    enc: hpkeKeyFrom(secretNamed(`ephemeral key ${index}`), 0).publicKey,
  }),
  "x-wing/hkdf-sha256/aes-256-gcm": (name, index) => {
    const key = xWingKeyFrom(secretNamed(name), startMs + HPKE_KEY_LIFE_MS);
    const { cipherText } = ml_kem768.encapsulate(key.publicKey.subarray(0, 1184), secretNamed(`message ${index}`));
    const ephemeral = hpkeKeyFrom(secretNamed(`ephemeral key ${index}`), 0).publicKey;
    return { key, secret: secretNamed(name), enc: concatBytes(new Uint8Array(cipherText), ephemeral) };
  },
};

function sealedSample(suite: Suite) {
  const recipients = candidateNames.map((name, index) => {
    const { key, secret, enc } = sampleKeys[suite](name, index);
    // Both ends of a context export the same, so the recipient's end stands in for a sender with a known key.
    return { keyId: key.id, context: key.openContext(enc, SEAL_INFO), key, secret, enc };
  });
  const body = utf8('{"model":"tiny","messages":[{"role":"user","content":"Grüße"}]}');
  const contentKey = secretNamed("content key");
  const header = sampleHeader(recipients.map(({ key }) => key));
  const tools = { hpke: nodeHpke, crypto: nodeCrypto, random: { bytes: () => contentKey } };
  return { body, contentKey, header, recipients, sealed: sealRequest(tools, { header, body, recipients }) };
}

const kemWords: Readonly<Record<Suite, string>> = {
  "x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm": "DHKEM(X25519, HKDF-SHA256)",
  "x-wing/hkdf-sha256/aes-256-gcm": "X-Wing (draft-connolly-cfrg-xwing-kem, KEM 0x647a; a private key is its seed)",
};

function envelope(suite: Suite) {
  const { body, contentKey, header, recipients, sealed } = sealedSample(suite);
  return {
    about:
      "Envelope: u32 length, JSON of hdr and wraps, sealed body. " +
      `HPKE (RFC 9180) base mode, ${kemWords[suite]}, HKDF-SHA256, AES-256-GCM; info "darkbloom:seal:v1\\0"; only the exporter is used. ` +
      'Body under the content key, zero nonce, AAD SHA-256(hdr). Wrap key: export("darkbloom:wrap:v1\\0", SHA-256(hdr), index byte); zero nonce, AAD index byte and SHA-256(sealed body). ' +
      'Response secret: export("darkbloom:response:v1\\0", SHA-256(hdr)).',
    now: timeAt(startMs),
    body: toBase64(body),
    content_key: toHex(contentKey),
    candidates: recipients.map(({ key, secret, enc }, index) => ({
      provider_id: header.candidates[index]?.provider_id,
      evidence_sha256: header.candidates[index]?.evidence_sha256,
      private_key: toHex(secret),
      public_key: toHex(key.publicKey),
      key_id: key.id,
      enc: toHex(enc),
      response_secret: toHex(sealed.secrets[index]?.secret ?? new Uint8Array(0)),
    })),
    envelope: toBase64(writeEnvelope(sealed.envelope)),
  };
}

/** What the first candidate of envelope-x-wing.json answers. */
async function sealedExchange(known: Known) {
  const { body, header, recipients, sealed } = sealedSample("x-wing/hkdf-sha256/aes-256-gcm");
  const [shared] = sealed.secrets;
  const [candidate] = recipients;
  if (!shared || !candidate) throw new Error("the sample has candidates");
  const responseNonce = secretNamed("response nonce of the exchange");
  const sealer = new AnswerSealer(nodeHpke, shared, responseNonce);
  const said = ['data: {"choices":[{"delta":{"content":"Guten Tag"}}]}\n\n', "", "data: [DONE]\n\n"];
  const plaintext = utf8(said.join(""));
  const hash = nodeCrypto.sha256(plaintext);
  const { sampling, finish_reason, ...clear } = sampleReceipt();
  const responseSignature = await signed(known, "sealed-exchange response", utf8(toHex(hash)));
  const tail = writeAnswerTail({
    v: 1,
    kind: "answer",
    ...(sampling && { sampling }),
    ...(finish_reason && { finish_reason }),
    response_sha256: toHex(hash),
    response_signature: responseSignature,
  });
  const frames = [
    ...said.map((text, at) => sealer.frame(utf8(text), at + 1, false)),
    sealer.frame(tail, said.length, true),
  ].map(frameRecord);
  const keys = shared.commitmentKeys();
  const value: Receipt = {
    ...clear,
    privacy: "sealed",
    request_sha256: sha256(writeEnvelope(sealed.envelope)),
    response_sha256: sha256(joinBytes(frames)),
    ...commitmentsOf({ hpke: nodeHpke, crypto: nodeCrypto }, keys, {
      requestSha256: nodeCrypto.sha256(body),
      responseSha256: hash,
      ...(sampling && { sampling }),
      ...(finish_reason && { finish_reason }),
    }),
    hpke_key_id: candidate.key.id,
    evidence_sha256: header.candidates[0]?.evidence_sha256 ?? "",
  };
  const text = canonicalJson(value);
  const signature = await signed(known, "sealed-exchange receipt", receiptMessage(text));
  const coordinator = testCountersigner("coordinator key");
  const time = timeAt(startMs + 2000);
  const document: ReceiptDocument = {
    receipt: value,
    provider_signature: signature,
    coordinator_signature: toBase64(
      coordinator.sign(countersignatureMessage(text, fromBase64OrNothing(signature), "key-1", time)),
    ),
    coordinator_key_id: "key-1",
    countersigned_at: time,
  };
  return {
    about:
      "The answer of the first candidate of envelope-x-wing.json, as its caller gets it: records of u8 kind, u32 length, bytes (1: a frame, 2: the receipt's document). " +
      'Frames as in answer.json; the last one is the tail, JSON, and no part of the body. Commitment keys: export("darkbloom:request-commitment:v1\\0", SHA-256(hdr)), likewise "response" and "private"; ' +
      "commitments: HMAC-SHA256 under them of SHA-256(body), SHA-256(answer) and SHA-256(canonical JSON of sampling and finish_reason). " +
      "request_sha256 is over the envelope's bytes, response_sha256 over all frame records. The coordinator's key is that of countersignature.json.",
    response_nonce: toHex(responseNonce),
    plaintext: toBase64(plaintext),
    tail: fromUtf8(tail),
    commitment_keys: { request: toHex(keys.request), response: toHex(keys.response), private: toHex(keys.private) },
    jcs: text,
    signatures: { response: responseSignature, receipt: signature },
    answer: toBase64(joinBytes([...frames, receiptRecord(document)])),
  };
}

function sealedAnswer() {
  const secret = {
    secret: secretNamed("response secret"),
    enc: hpkeKeyFrom(secretNamed("ephemeral key 0"), 0).publicKey,
  };
  const responseNonce = secretNamed("response nonce");
  const sealer = new AnswerSealer(nodeHpke, secret, responseNonce);
  const said: readonly (readonly [text: string, tokens: number])[] = [
    ["", 1],
    ['data: {"choices":[{"delta":{"content":"Grüße"}}]}\n\n', 3],
    ["x".repeat(300), 40],
    ["data: [DONE]\n\n", 41],
  ];
  const frames = said.map(([text, tokens], at) => {
    const final = at === said.length - 1;
    const frame = sealer.frame(utf8(text), tokens, final);
    return { plaintext: toBase64(utf8(text)), completion_tokens: tokens, final, frame: toBase64(frame) };
  });
  return {
    about:
      'salt = enc, response nonce; key and base nonce = HKDF-SHA256(response secret, salt, "key" / "nonce"). Each frame: u32 length, then u32 counter, u8 flags (1: final), u32 completion tokens (these nine bytes are the AAD), ciphertext. ' +
      "Nonce: base nonce with the counter added by XOR to its last four bytes. Plaintext: u32 length, bytes, zeros up to a multiple of 256. The first frame has the response nonce in front.",
    response_secret: toHex(secret.secret),
    enc: toHex(secret.enc),
    response_nonce: toHex(responseNonce),
    frames,
  };
}

function records() {
  const asked = { caller_request_id: "req_vector", cache_scope: "scope", credit_bytes: 262_144 };
  const envelopeBytes = sealedSample(X25519).sealed.envelope;
  const request = writeRequest({ ...asked, envelope: envelopeBytes });
  const frames = utf8("frames of an answer");
  return {
    about:
      "A binary message of the provider connection: records one after the other, each u8 kind, u8 length, job id, u32 length, bytes; kind 1 is a request, 2 frames of an answer. " +
      "A request's bytes: u32 length, JSON, the envelope of envelope.json.",
    request: asked,
    message: toBase64(
      joinRecords([
        writeRecord({ kind: "request", jobId: "job_1", bytes: request }),
        writeRecord({ kind: "answer", jobId: "job_é", bytes: frames }),
        writeRecord({ kind: "answer", jobId: "job_1", bytes: new Uint8Array(0) }),
      ]),
    ),
    answers: [
      { job_id: "job_é", bytes: toBase64(frames) },
      { job_id: "job_1", bytes: "" },
    ],
  };
}

/** All vectors, by file name without its ending. */
export async function makeVectors(
  known: Known,
  tpms: readonly RecordedTpm[],
): Promise<Readonly<Record<string, object>>> {
  const signedReceipt = await receipt(known);
  const signedBlob = await registration(known);
  const certificates = signaturesIn([committed("certificate-path"), committed("apple-mda")]);
  return {
    jcs: jcs(),
    "response-hash": await responseHash(known),
    receipt: signedReceipt,
    countersignature: countersignature(signedReceipt),
    registration: signedBlob,
    offer: await offer(known),
    challenge: await challenge(known, signedBlob.blob),
    envelope: envelope(X25519),
    "envelope-x-wing": envelope("x-wing/hkdf-sha256/aes-256-gcm"),
    "sealed-exchange": await sealedExchange(known),
    answer: sealedAnswer(),
    records: records(),
    "certificate-path": certificatePath(certificates),
    "apple-mda": appleMda(certificates),
    tpm: tpmVector(tpms),
    "caller-nonces": callerNonces(),
    activation: await activation(tpms),
    "serial-pseudonym": serialPseudonym(),
    "file-manifest": fileManifest(),
  };
}
