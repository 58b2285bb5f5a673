import { joinBytes, toBase64, toHex } from "@darkbloom/protocol/bytes";
import type { JobId, ProviderId, Serial } from "@darkbloom/protocol/ids";
import { signReceipt, type Receipt } from "@darkbloom/protocol/receipts";
import {
  AnswerSealer,
  EnvelopeOpener,
  SEAL_INFO,
  signCannotOpen,
  writeEnvelope,
  type Envelope,
  type Opened,
  type Recipient,
} from "@darkbloom/protocol/sealing";
import type { FromProvider } from "@darkbloom/protocol/wire";
import { nodeCrypto, nodeHpke } from "@darkbloom/protocol/node";
import { entry, memorySigner, type TestNetwork } from "@darkbloom/testkit";
import type { Line, LineEvent, MachineView, Member, PublishedMachine } from "../src/machines/ports.ts";
import { machineIdOf } from "../src/machines/trust/approvals.ts";
import { providerView } from "./inference-samples.ts";

type SaidError = Extract<FromProvider, { type: "inference_error" }>;

/** What a script does with one attempt, sealed and signed for real; each call is one event, in order. */
export interface Turn {
  readonly opened: Extract<Opened, { body: unknown }>;
  frame(text: string | Uint8Array<ArrayBuffer>, tokens: number, final?: boolean): void;
  /** Signs what was sent, with these fields changed; without `signed`, as it was sent. */
  complete(changes?: Partial<Receipt>, more?: { responseSignature?: string; receiptSignature?: string }): Promise<void>;
  error(code: SaidError["code"], more?: Partial<SaidError>): void;
  /** Signs that it cannot open what it was sent. */
  cannotOpen(): Promise<void>;
  gone(silent: boolean): void;
  raw(bytes: Uint8Array<ArrayBuffer>): void;
  reading(readTokens: number): void;
}

const SUITE = "x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm";

/** A machine that does what its script says. Whoever waits for an event that never comes has waited the whole time at once. */
export class ScriptedMachine implements Member {
  readonly providerId: ProviderId;
  readonly identityKey: string;
  readonly #signer = memorySigner();
  readonly #key = nodeHpke.generateKey(SUITE, 8e15);
  readonly #opener = new EnvelopeOpener({ hpke: nodeHpke, crypto: nodeCrypto });
  readonly #network: TestNetwork;
  readonly #script: (turn: Turn) => void | Promise<void>;
  readonly #shown: Partial<MachineView>;
  /** What is otherwise of it once it was given a request. */
  readonly #later: Partial<MachineView>;
  readonly #open = new Set<JobId>();
  /** What was asked of its lines, in order. */
  readonly calls: string[] = [];
  readonly waitsMs: number[] = [];
  distrusted = false;

  constructor(
    network: TestNetwork,
    script: (turn: Turn) => void | Promise<void>,
    shown: Partial<MachineView> & { name?: string; later?: Partial<MachineView> } = {},
  ) {
    const { name = "prov_1", later = {}, ...rest } = shown;
    this.#network = network;
    this.#script = script;
    this.#shown = rest;
    this.#later = later;
    this.providerId = name as ProviderId;
    this.identityKey = toBase64(this.#signer.publicKey);
  }

  get view(): MachineView {
    return {
      ...providerView,
      providerId: this.providerId,
      identityKey: this.identityKey,
      machineId: machineIdOf(nodeCrypto, this.identityKey),
      pins: [`S_${this.providerId}` as Serial],
      models: [{ build: entry.build, weightsSha256: entry.weightsSha256, contextTokens: 2048 }],
      openers: [{ evidenceSha256: providerView.evidenceSha256, keyId: this.#key.id, untilMs: Infinity }],
      distrustedUntilMs: this.distrusted ? Infinity : -Infinity,
      ...this.#shown,
      ...(this.#open.size > 0 && this.#later),
      running: this.#open.size,
    };
  }

  /** By whom a caller seals for it. */
  get recipient(): Recipient {
    const { keyId, suite, evidenceSha256, context } = this.#sealing();
    return { providerId: this.providerId, keyId, suite, evidenceSha256, context };
  }

  published = (): PublishedMachine => ({
    machine: this.view,
    evidence: {
      blob: new Uint8Array(),
      blobSignature: new Uint8Array(),
      offer: new Uint8Array(),
      offerSignature: new Uint8Array(),
    },
  });
  prove = async () => this.published();
  now = () => this.#network.clock.now();
  replaced(): void {}
  decidedOn(): void {}
  unlinked(): void {}
  course(): never {
    throw new RangeError("nobody asks how it fares");
  }
  distrust(): void {
    this.distrusted = true;
  }

  #sealing(): ReturnType<Line["sealing"]> {
    const { id, suite, publicKey } = this.#key;
    const context = nodeHpke.sealContext(suite, publicKey, SEAL_INFO);
    return { context, keyId: id, suite, evidenceSha256: this.view.evidenceSha256, nowMs: this.#network.clock.now() };
  }

  async reserve(jobId: JobId): Promise<Line> {
    return this.open(jobId);
  }

  open(jobId: JobId): Line {
    const events: LineEvent[] = [];
    const called = (name: string) => () => void this.calls.push(name);
    let scripted: void | Promise<void>;
    let interrupted: { readonly reason: unknown } | undefined;
    this.#open.add(jobId);
    return {
      jobId,
      providerId: this.providerId,
      serial: this.view.serial,
      sealing: () => this.#sealing(),
      machine: () => this.view,
      send: ({ callerRequestId, envelope }) => {
        const { evidenceSha256 } = this.view;
        const keys = [{ key: this.#key, evidenceSha256 }];
        const opened = this.#opener.open(envelope, this.providerId, keys, this.#network.clock.now());
        if ("refused" in opened) throw new RangeError("the machine cannot open what was sealed for it");
        scripted = this.#script(this.#turn({ jobId, requestId: callerRequestId, envelope }, opened, events));
      },
      take: async (waitMs) => {
        this.waitsMs.push(waitMs);
        await scripted;
        if (interrupted) throw interrupted.reason;
        return events.shift();
      },
      interrupt: (reason) => void (interrupted = { reason }),
      credit: (bytes) => void this.calls.push(`credit ${bytes}`),
      cancel: called("cancel"),
      began: called("began"),
      measured: called("measured"),
      declined: called("declined"),
      wasBusy: called("wasBusy"),
      faulted: called("faulted"),
      distrust: () => this.distrust(),
      [Symbol.dispose]: () => {
        this.#open.delete(jobId);
        this.#network.fleet.changed(this);
      },
    };
  }

  #turn(
    { jobId, requestId, envelope }: { jobId: JobId; requestId: string; envelope: Envelope },
    opened: Turn["opened"],
    events: LineEvent[],
  ): Turn {
    const sealer = new AnswerSealer(nodeHpke, opened.secret, new Uint8Array(32));
    const sent: Uint8Array<ArrayBuffer>[] = [];
    let tokensSent = 0;
    return {
      opened,
      frame: (said, tokens, final = false) => {
        const bytes = typeof said === "string" ? new TextEncoder().encode(said) : said;
        sent.push(bytes);
        tokensSent = tokens;
        events.push({ kind: "frames", bytes: sealer.frame(bytes, tokens, final) });
      },
      raw: (bytes) => void events.push({ kind: "frames", bytes }),
      reading: (readTokens) => void events.push({ kind: "reading", readTokens }),
      gone: (silent) => void events.push({ kind: "gone", silent }),
      error: (code, more) =>
        void events.push({ kind: "error", error: { type: "inference_error", job_id: jobId, code, ...more } }),
      cannotOpen: async () => {
        const { statement, signature } = await signCannotOpen(this.#signer, {
          v: 1,
          job_id: jobId,
          request_sha256: toHex(nodeCrypto.sha256(writeEnvelope(envelope))),
          provider_id: this.providerId,
          identity_key: this.identityKey,
          at: "2026-01-01T00:00:00.000Z",
        });
        const said = { code: "cannot_open" as const, statement, statement_signature: signature };
        events.push({ kind: "error", error: { type: "inference_error", job_id: jobId, ...said } });
      },
      complete: async (changes = {}, { responseSignature, receiptSignature } = {}) => {
        const hash = nodeCrypto.sha256(joinBytes(sent));
        const receipt = { ...this.#receipt(jobId, requestId, opened, toHex(hash), tokensSent), ...changes };
        const { jcs, signature } = await signReceipt(this.#signer, receipt);
        const completion = {
          type: "inference_complete" as const,
          job_id: jobId,
          receipt: jcs,
          receipt_signature: receiptSignature ?? signature,
          response_signature: responseSignature ?? toBase64(await this.#signer.signResponseHash(hash)),
        };
        events.push({ kind: "complete", completion });
      },
    };
  }

  #receipt(jobId: JobId, requestId: string, opened: Turn["opened"], responseSha256: string, tokens: number): Receipt {
    return {
      v: 1,
      job_id: jobId,
      request_id: requestId,
      privacy: "transparent",
      endpoint: "/v1/chat/completions",
      model: entry.id,
      build: entry.build,
      weights_sha256: entry.weightsSha256,
      engine: { ...this.view.engine },
      request_sha256: toHex(nodeCrypto.sha256(opened.body)),
      response_sha256: responseSha256,
      sampling: {
        temperature: 1,
        top_p: 1,
        top_k: 0,
        frequency_penalty: 0,
        presence_penalty: 0,
        logit_bias: 0,
        seed: 7,
        stop: 0,
        max_tokens: 100,
        n: 1,
      },
      usage: { prompt_tokens: 5, cached_tokens: 0, completion_tokens: tokens, reasoning_tokens: 0 },
      finish_reason: "stop",
      provider_id: this.providerId,
      identity_key: this.identityKey,
      evidence_sha256: this.view.evidenceSha256,
      started_at: "2026-01-01T00:00:00.000Z",
      finished_at: "2026-01-01T00:00:01.000Z",
    };
  }
}
