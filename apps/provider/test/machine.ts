import { fromBase64, toBase64, toHex, utf8 } from "@darkbloom/protocol/bytes";
import { ENVELOPE_LIFE_MS } from "@darkbloom/protocol/limits";
import {
  AnswerOpener,
  sealRequest,
  SEAL_INFO,
  type Envelope,
  type OpenedFrame,
  type SealHeader,
} from "@darkbloom/protocol/sealing";
import type { Signer } from "@darkbloom/protocol/signer";
import type { FromProvider } from "@darkbloom/protocol/wire";
import { nodeCrypto, nodeHpke, systemRandom, type DataFolder } from "@darkbloom/protocol/node";
import { openSoftwareKey } from "../src/identity/software-key.ts";
import { SealingKeys } from "../src/session/keys.ts";
import { Offers, type Offered } from "../src/session/offers.ts";
import { settle, type ManualClock } from "./manual-clock.ts";

export const PROVIDER_ID = "prov_test";
export const chatBody = (more: Record<string, unknown> = {}) => ({
  model: "scripted",
  stream: true,
  messages: [{ role: "user", content: "What is rain?" }],
  ...more,
});

/** A folder in memory: what is written can be read again. */
export function memoryFolder(): DataFolder {
  const files = new Map<string, Buffer>();
  return {
    path: "/memory",
    file: (name) => `/memory/${name}`,
    touch: (name) => `/memory/${name}`,
    read: (name) => files.get(name),
    write: (name, content) => void files.set(name, Buffer.from(content)),
    async [Symbol.asyncDispose]() {},
  };
}

/** A provider's keys, and whoever seals for them. */
export class Machine {
  readonly signer: Signer;
  readonly keys: SealingKeys;
  readonly offers: Offers;
  offered: Offered = { slots: 1, models: [] };
  readonly #clock: ManualClock;
  readonly #signing = new Set<Promise<unknown>>();

  constructor(clock: ManualClock) {
    this.#clock = clock;
    const key = openSoftwareKey(memoryFolder());
    this.signer = {
      publicKey: key.publicKey,
      signTagged: (tag, message) => this.#noted(key.signTagged(tag, message)),
      signResponseHash: (hash) => this.#noted(key.signResponseHash(hash)),
    };
    this.keys = new SealingKeys({ clock, crypto: nodeCrypto, hpke: nodeHpke, signer: this.signer }, () => ({
      serial: "SW-TEST",
      chip_name: "Test CPU",
      hardware_model: "test",
      platform: "linux",
      os_version: "1",
      memory_bytes: 1,
      engine: { name: "scripted", version: "1" },
      software: { name: "darkbloom", version: "0" },
      posture: {},
    }));
    this.offers = new Offers({ crypto: nodeCrypto, signer: this.signer }, () => this.offered);
  }

  #noted<T>(signature: Promise<T>): Promise<T> {
    this.#signing.add(signature);
    return signature.finally(() => this.#signing.delete(signature));
  }

  /** Lets happen what needs no time. Signing is done in another thread, however long it takes, so it is waited for. */
  async quiet(): Promise<void> {
    do {
      await Promise.allSettled(this.#signing);
      await settle();
    } while (this.#signing.size > 0);
  }

  /** Seals a body as a coordinator does, over the blob that was shown last. */
  seal(body: unknown, more: Partial<SealHeader> = {}): { envelope: Envelope; answer: SealedAnswer } {
    const bytes = body instanceof Uint8Array ? body : utf8(typeof body === "string" ? body : JSON.stringify(body));
    const key = this.keys.latest;
    const [keyId = ""] = key.keyIds;
    const candidates = more.candidates ?? [
      { provider_id: PROVIDER_ID, key_id: keyId, evidence_sha256: key.evidenceSha256 },
    ];
    const context = nodeHpke.sealContext(SUITE, this.publicKey, SEAL_INFO);
    const { envelope, secrets } = sealRequest(
      { hpke: nodeHpke, crypto: nodeCrypto, random: systemRandom },
      {
        header: {
          v: 1,
          suite: SUITE,
          mode: "transparent",
          id: toBase64(systemRandom.bytes(16)),
          expires_at: new Date(this.#clock.now() + ENVELOPE_LIFE_MS).toISOString(),
          endpoint: "/v1/chat/completions",
          model: "scripted",
          build: "scripted",
          stream: true,
          max_tokens: 100,
          features: [],
          min_trust: "none",
          pins: [],
          candidates,
          ...more,
        },
        body: bytes,
        recipients: candidates.map((candidate) => ({ keyId: candidate.key_id, context })),
      },
    );
    const [secret] = secrets;
    if (!secret) throw new RangeError("sealing gave no secret");
    return { envelope, answer: new SealedAnswer(new AnswerOpener(nodeHpke, secret), toHex(nodeCrypto.sha256(bytes))) };
  }

  /** Of the blob that was shown last. */
  publicKey: Uint8Array = new Uint8Array(0);

  /** Shows a first blob. */
  async show(): Promise<void> {
    const { bytes } = await this.keys.show(true);
    await this.offers.show();
    const blob: { hpke_keys: { public_key: string }[] } = JSON.parse(Buffer.from(bytes).toString());
    this.publicKey = fromBase64(blob.hpke_keys[0]?.public_key ?? "");
  }
}

/** The first key of a blob is of the suite that is preferred. */
const SUITE = "x-wing/hkdf-sha256/aes-256-gcm";

/** The coordinator's end of one answer: what came, opened. */
export class SealedAnswer {
  readonly #opener: AnswerOpener;
  readonly requestSha256: string;
  readonly messages: FromProvider[] = [];
  readonly frames: OpenedFrame[] = [];
  /** Sealed bytes that came. */
  bytes = 0;

  constructor(opener: AnswerOpener, requestSha256: string) {
    this.#opener = opener;
    this.requestSha256 = requestSha256;
  }

  take(message: FromProvider): void {
    this.messages.push(message);
  }

  takeFrames(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    this.frames.push(...this.#opener.push(bytes));
  }

  /** Whether the last frame was opened. */
  get finished(): boolean {
    return this.#opener.finished;
  }

  /** The body as far as it came. */
  get body(): string {
    return Buffer.concat(this.frames.map(({ plaintext }) => plaintext)).toString();
  }

  /** The visible text of a streamed chat answer. */
  get said(): string {
    return this.body
      .split("\n\n")
      .filter((event) => event.startsWith("data: {"))
      .map((event): { choices: { delta?: { content?: string } }[] } => JSON.parse(event.slice(6)))
      .map(({ choices }) => choices[0]?.delta?.content ?? "")
      .join("");
  }

  get last(): FromProvider | undefined {
    return this.messages.at(-1);
  }
}
