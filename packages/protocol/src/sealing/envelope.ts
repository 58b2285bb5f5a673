import * as z from "zod";
import { concatBytes, fromBase64, toBase64, utf8 } from "../bytes.ts";
import { endpoints } from "../dialects/job.ts";
import { trustLevels } from "../evidence/verdict.ts";
import { nonceShape } from "../headers.ts";
import { CANDIDATES_MAX, CLOCK_SKEW_MS, ENVELOPE_LIFE_MS } from "../limits.ts";
import type { Crypto } from "../ports.ts";
import { suites } from "../wire/registration.ts";
import { commitmentKeysOf, type CommitmentKeys } from "./commitments.ts";
import type { Envelope } from "./envelope-bytes.ts";
import type { Hpke, HpkeContext, HpkeKey } from "./hpke.ts";
import { SeenRequests } from "./seen-requests.ts";

/**
 * The envelope of a request. The body is encrypted once; its key is wrapped to each candidate.
 *
 * An HPKE context is known by its `enc` and used for nothing but its exporter, from which each request
 * takes keys of its own, bound to all clear fields. So the same code opens an envelope whose context
 * is fresh (sealed mode, made by the caller) and one whose context serves a connection for an hour
 * (transparent mode, made by the coordinator).
 */

/** HPKE's `info`: the same for every context, since requests are bound through the exporter. */
export const SEAL_INFO = utf8("darkbloom:seal:v1\0");
const wrapLabel = utf8("darkbloom:wrap:v1\0");
const responseLabel = utf8("darkbloom:response:v1\0");

/** Each key here encrypts one message, so its nonce may be constant. */
const onlyNonce = new Uint8Array(12);
const KEY_BYTES = 32;

export const sealHeader = z.object({
  v: z.literal(1),
  suite: z.enum(suites),
  mode: z.enum(["transparent", "sealed"]),
  /** Base64 of 16 random bytes; a provider takes each once. */
  id: z.base64().length(24),
  /** At most ten minutes ahead. */
  expires_at: z.iso.datetime(),
  endpoint: z.enum(endpoints),
  model: z.string().max(256),
  /** What the body calls it, where that is another name: an alias of the operator's. */
  asked_model: z.string().max(256).optional(),
  build: z.string().max(256),
  stream: z.boolean(),
  /** The output bound, in tokens; the provider stops there. */
  max_tokens: z.int().positive(),
  features: z.array(z.string().max(32)).max(16),
  min_trust: z.enum(trustLevels),
  pins: z.array(z.string().max(128)).max(64),
  /** The caller's. */
  nonce: z.string().regex(nonceShape).optional(),
  candidates: z
    .array(
      z.object({
        provider_id: z.string().max(128),
        key_id: z.string().max(64),
        evidence_sha256: z.string().max(64),
      }),
    )
    .min(1)
    .max(CANDIDATES_MAX),
});
export type SealHeader = z.infer<typeof sealHeader>;

/** From which both ends of an answer take its keys. */
export interface ResponseSecret {
  readonly secret: Uint8Array<ArrayBuffer>;
  readonly enc: Uint8Array<ArrayBuffer>;
}

/** What a caller and one candidate share. */
export interface SharedSecret extends ResponseSecret {
  /** Worked out where they are asked for. */
  commitmentKeys(): CommitmentKeys;
}

export interface SealTools {
  readonly hpke: Hpke;
  readonly crypto: Crypto;
  readonly random: { bytes(length: number): Uint8Array<ArrayBuffer> };
}

/**
 * Seals a body for the candidates that the header names, in its order.
 *
 * @returns the envelope, and for each candidate what its answer will be opened with
 * @throws RangeError if the recipients are not the header's candidates
 */
export function sealRequest(
  { hpke, crypto, random }: SealTools,
  input: {
    readonly header: SealHeader;
    readonly body: Uint8Array;
    readonly recipients: readonly { readonly keyId: string; readonly context: HpkeContext }[];
  },
): { readonly envelope: Envelope; readonly secrets: readonly SharedSecret[] } {
  const { candidates } = input.header;
  if (
    input.recipients.length !== candidates.length ||
    input.recipients.some(({ keyId }, index) => keyId !== candidates[index]?.key_id)
  )
    throw new RangeError("the recipients are not the header's candidates");
  const hdr = JSON.stringify(input.header);
  const hdrHash = crypto.sha256(utf8(hdr));
  const contentKey = random.bytes(KEY_BYTES);
  const body = hpke.seal(contentKey, onlyNonce, hdrHash, input.body);
  const bodyHash = crypto.sha256(body);
  const wraps = input.recipients.map(({ keyId, context }, index) => ({
    key_id: keyId,
    enc: toBase64(context.enc),
    wrap: toBase64(hpke.seal(wrapKey(context, hdrHash, index), onlyNonce, wrapAad(index, bodyHash), contentKey)),
  }));
  const secrets = input.recipients.map(({ context }) => sharedSecret(context, hdrHash));
  return { envelope: { hdr, body, wraps }, secrets };
}

const wrapKey = (context: HpkeContext, hdrHash: Uint8Array, index: number) =>
  context.export(concatBytes(wrapLabel, hdrHash, Uint8Array.of(index)), KEY_BYTES);

const wrapAad = (index: number, bodyHash: Uint8Array) => concatBytes(Uint8Array.of(index), bodyHash);

const sharedSecret = (context: HpkeContext, hdrHash: Uint8Array): SharedSecret => ({
  secret: context.export(concatBytes(responseLabel, hdrHash), KEY_BYTES),
  enc: context.enc,
  commitmentKeys: () => commitmentKeysOf(context, hdrHash),
});

/** Contexts that one provider keeps; a further one costs a public-key step when it comes back. */
const CONTEXTS_KEPT_MAX = 256;

/** A key that may open envelopes now, and the evidence that names it. */
export interface OpeningKey {
  readonly key: HpkeKey;
  readonly evidenceSha256: string;
}

export type Opened =
  | {
      readonly header: SealHeader;
      readonly body: Uint8Array<ArrayBuffer>;
      readonly secret: SharedSecret;
      /** The key that opened it. */
      readonly keyId: string;
      /** Of the blob that the header names for whoever opened it. */
      readonly evidenceSha256: string;
    }
  /**
   * `cannot_open`: nothing more is said, for why would help only a forger. `over_share`: it is whole, and its caller has sent as
   * many as there is place left to remember.
   */
  | { readonly refused: "cannot_open" | "over_share" };

/** The provider's end. It remembers what it has opened, so that no envelope is opened twice. */
export class EnvelopeOpener {
  readonly #tools: Pick<SealTools, "hpke" | "crypto">;
  readonly #contexts = new Map<string, HpkeContext>();
  readonly #seen = new SeenRequests();

  constructor(tools: Pick<SealTools, "hpke" | "crypto">) {
    this.#tools = tools;
  }

  /**
   * @param keys those of this provider that have not expired
   * @param nowMs since 1970, in the time that it shares with the sealer
   * @param caller what tells callers apart, each of whom has a share of what is remembered
   */
  open(envelope: Envelope, providerId: string, keys: readonly OpeningKey[], nowMs: number, caller = ""): Opened {
    try {
      return this.#open(envelope, providerId, keys, nowMs, caller) ?? { refused: "cannot_open" };
    } catch (error) {
      if (error instanceof RangeError) return { refused: "cannot_open" };
      throw error;
    }
  }

  #open(
    envelope: Envelope,
    providerId: string,
    keys: readonly OpeningKey[],
    nowMs: number,
    caller: string,
  ): Opened | undefined {
    const header = readSealHeader(envelope.hdr);
    if (!header) return undefined;
    const expiresMs = Date.parse(header.expires_at);
    // The sealer's clock may differ from ours, and it may use the whole of an envelope's life.
    const inForce = expiresMs >= nowMs - CLOCK_SKEW_MS && expiresMs <= nowMs + ENVELOPE_LIFE_MS + CLOCK_SKEW_MS;
    if (!inForce || !this.#seen.remembers(expiresMs) || envelope.wraps.length !== header.candidates.length)
      return undefined;

    // "A provider refuses unless its own entry stands at that index."
    const index = header.candidates.findIndex(({ provider_id }) => provider_id === providerId);
    const candidate = header.candidates[index];
    const wrap = envelope.wraps[index];
    const own = keys.find(
      ({ key, evidenceSha256 }) => key.id === candidate?.key_id && evidenceSha256 === candidate.evidence_sha256,
    );
    if (!own || wrap?.key_id !== own.key.id || own.key.suite !== header.suite) return undefined;

    const { hpke, crypto } = this.#tools;
    const hdrHash = crypto.sha256(utf8(envelope.hdr));
    const { body } = envelope;
    const context = this.#context(own.key, wrap.enc);
    const contentKey = hpke.open(
      wrapKey(context, hdrHash, index),
      onlyNonce,
      wrapAad(index, crypto.sha256(body)),
      fromBase64(wrap.wrap),
    );
    if (contentKey?.length !== KEY_BYTES) return undefined;
    const plaintext = hpke.open(contentKey, onlyNonce, hdrHash, body);
    if (!plaintext) return undefined;
    // Only an authentic envelope is remembered, so that nobody else can fill the memory.
    const seen = this.#seen.take(header.id, expiresMs, nowMs, caller);
    if (seen === "over_share") return { refused: seen };
    if (seen === "again") return undefined;
    return {
      header,
      body: plaintext,
      secret: sharedSecret(context, hdrHash),
      keyId: own.key.id,
      evidenceSha256: own.evidenceSha256,
    };
  }

  #context(key: HpkeKey, enc: string): HpkeContext {
    const name = `${key.id} ${enc}`;
    const context = this.#contexts.get(name) ?? key.openContext(fromBase64(enc), SEAL_INFO);
    // Taken out and put back, so that the first one is always the one unused for longest.
    this.#contexts.delete(name);
    this.#contexts.set(name, context);
    for (const oldest of this.#contexts.keys()) {
      if (this.#contexts.size <= CONTEXTS_KEPT_MAX) break;
      this.#contexts.delete(oldest);
    }
    return context;
  }

  /** After a key was erased, nothing of it stays. */
  forget(): void {
    this.#contexts.clear();
  }
}

/** The clear fields; undefined for what is no header. */
export function readSealHeader(hdr: string): SealHeader | undefined {
  // Half a character is hashed as the replacement character, so that two headers would have one hash.
  if (!hdr.isWellFormed()) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(hdr);
  } catch {
    return undefined;
  }
  return sealHeader.safeParse(json).data;
}
