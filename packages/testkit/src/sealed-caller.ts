import { fromBase64, joinBytes, toHex, utf8 } from "@darkbloom/protocol/bytes";
import type { Endpoint } from "@darkbloom/protocol/dialects";
import { attestationsSchema, readBlob, type Attestation } from "@darkbloom/protocol/evidence";
import { nodeCrypto, nodeHpke, systemRandom } from "@darkbloom/protocol/node";
import { verifyReceipt, type ReceiptDocument } from "@darkbloom/protocol/receipts";
import {
  AnswerOpener,
  AnswerRecordReader,
  commitmentsOf,
  frameRecord,
  readAnswerTail,
  recipientOf,
  sealFor,
  SEALED_REQUEST_TYPE,
  suiteFor,
  writeEnvelope,
  type AnswerError,
  type AnswerTail,
  type OpenedFrame,
  type SealedRequest,
  type SealHeader,
  type SealTerms,
} from "@darkbloom/protocol/sealing";
import type { Answered, HttpNetwork } from "./http-network.ts";
import { entry } from "./network.ts";

const tools = { hpke: nodeHpke, crypto: nodeCrypto, random: systemRandom };

export interface SealedAsk extends SealedRequest {
  readonly bytes: Uint8Array;
  readonly plaintext: Uint8Array<ArrayBuffer>;
}

/** Of a sealed answer, all that its caller has in the end. */
export interface OpenedAnswer {
  readonly frames: readonly OpenedFrame[];
  /** All that was said before the last frame. */
  readonly body: string;
  readonly tail: AnswerTail | undefined;
  readonly document: ReceiptDocument | undefined;
  readonly error: AnswerError | undefined;
}

export interface Sealing {
  readonly machines?: readonly Attestation[];
  readonly terms?: Partial<SealTerms>;
  /** What the clear fields say in place of what is so. */
  readonly header?: (header: SealHeader) => SealHeader;
}

/** A coordinator, as far as sealing for its machines needs it. */
interface At {
  get(path: string): Promise<string>;
  now(): number;
}

/** Seals by the same codecs as every client: but it takes the evidence on trust, which clients must not. */
export class Sealer {
  readonly #at: At;
  readonly #model: string;

  constructor(at: At, model: string = entry.id) {
    this.#at = at;
    this.#model = model;
  }

  async #told(query: string) {
    const path = `/v1/providers/attestation?model=${encodeURIComponent(this.#model)}${query}`;
    return attestationsSchema.parse(JSON.parse(await this.#at.get(path)));
  }

  /** The machines that may serve the model now. */
  async candidates(query = ""): Promise<readonly Attestation[]> {
    return (await this.#told(query)).providers;
  }

  async seal(endpoint: Endpoint, said: object, { machines, terms = {} }: Sealing = {}): Promise<SealedAsk> {
    const told = await this.#told("");
    const named = (machines ?? told.providers).slice(0, 4);
    const keys = named.map((machine) => readBlob(fromBase64(machine.evidence.blob))?.hpke_keys ?? []);
    const suite = suiteFor(nodeHpke, keys);
    const recipients = named.map(({ provider_id: providerId, evidence_sha256: evidenceSha256 }, index) => {
      const key = keys[index]?.find((one) => one.suite === suite);
      if (!key) throw new RangeError("a machine shows no key of that suite");
      return recipientOf(nodeHpke, { providerId, evidenceSha256 }, key);
    });
    const plaintext = utf8(JSON.stringify(said));
    const body = said as { stream?: boolean; tools?: readonly unknown[] };
    const sealed = sealFor(tools, {
      terms: {
        mode: "sealed",
        endpoint,
        model: told.model?.id ?? this.#model,
        build: told.model?.build ?? "",
        stream: body.stream === true,
        max_tokens: 100,
        features: body.tools ? ["tools"] : [],
        min_trust: "self_signed",
        pins: [],
        ...terms,
      },
      body: plaintext,
      recipients,
      nowMs: this.#at.now(),
    });
    return { ...sealed, bytes: writeEnvelope(sealed.envelope), plaintext };
  }

  /** @throws AnswerTampered, AnswerRecordsMalformed */
  open(
    { header, secrets }: SealedAsk,
    answered: Pick<Answered, "headers" | "body">,
    machine = answered.headers["x-provider-id"],
  ): OpenedAnswer {
    const index = Math.max(
      0,
      header.candidates.findIndex(({ provider_id }) => provider_id === machine),
    );
    const secret = secrets[index];
    if (!secret) throw new RangeError("sealed for nobody");
    const opener = new AnswerOpener(nodeHpke, secret);
    const records = new AnswerRecordReader().push(answered.body);
    const frames = records.flatMap((record) => (record.kind === "frame" ? opener.push(record.bytes) : []));
    const last = records.at(-1);
    const final = frames.at(-1);
    return {
      frames,
      body: Buffer.concat(frames.filter((frame) => !frame.final).map(({ plaintext }) => plaintext)).toString(),
      tail: final?.final === true ? readAnswerTail(final.plaintext) : undefined,
      document: last?.kind === "receipt" ? last.document : undefined,
      error: last?.kind === "error" ? last.error : undefined,
    };
  }
}

/** The same, over a network in this process. */
export class SealedCaller extends Sealer {
  readonly #net: HttpNetwork;

  constructor(net: HttpNetwork) {
    super({
      get: async (path) => (await net.during(net.send(path, { method: "GET" }))).body.toString(),
      now: () => net.clock.now(),
    });
    this.#net = net;
  }

  send(
    { bytes, header }: Pick<SealedAsk, "bytes" | "header">,
    headers: Record<string, string> = {},
    stepMs = 1,
  ): Promise<Answered> {
    const sent = this.#net.send(header.endpoint, {
      body: bytes,
      headers: { "content-type": SEALED_REQUEST_TYPE, ...headers },
    });
    return this.#net.during(sent, stepMs);
  }

  /** Every check of the receipt that did not pass, by id. */
  async faultsOf(sealed: SealedAsk, answered: Answered): Promise<string[]> {
    const { frames, body, tail, document } = this.open(sealed, answered);
    if (!document || tail?.kind !== "answer") return ["no receipt"];
    const { receipt } = document;
    const index = sealed.header.candidates.findIndex(({ provider_id }) => provider_id === receipt.provider_id);
    const secret = sealed.secrets[index];
    if (!secret || frames.length === 0) return ["another machine"];
    const responseSha256 = nodeCrypto.sha256(utf8(body));
    const records = new AnswerRecordReader()
      .push(answered.body)
      .flatMap((record) => (record.kind === "frame" ? [frameRecord(record.bytes)] : []));
    const { countersigner } = this.#net.net;
    const checks = await verifyReceipt(nodeCrypto, document, {
      coordinatorKeys: new Map([[countersigner.keyId, countersigner.publicKey]]),
      requestSha256: toHex(nodeCrypto.sha256(sealed.bytes)),
      responseSha256: toHex(nodeCrypto.sha256(joinBytes(records))),
      ...(sealed.header.nonce !== undefined && { nonce: sealed.header.nonce }),
      responseSignature: tail.response_signature,
      identityKey: receipt.identity_key,
      sealed: {
        responseSha256: toHex(responseSha256),
        hpkeKeyId: sealed.header.candidates[index]?.key_id ?? "",
        commitments: commitmentsOf(tools, secret.commitmentKeys(), {
          requestSha256: nodeCrypto.sha256(sealed.plaintext),
          responseSha256,
          ...(tail.sampling && { sampling: tail.sampling }),
          ...(tail.finish_reason && { finish_reason: tail.finish_reason }),
        }),
      },
    });
    return checks
      .filter(({ id, status }) => status !== "pass" && !(id === "receipt.nonce" && sealed.header.nonce === undefined))
      .map(({ id, status }) => `${id} ${status}`);
  }
}
