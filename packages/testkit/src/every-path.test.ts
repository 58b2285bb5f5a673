import type { Line, LineEvent, MachineView, Member, PublishedMachine } from "@darkbloom/coordinator/testing";
import { BEAT_EVERY_MS, idle, machineIdOf, Mailbox } from "@darkbloom/coordinator/testing";
import { joinBytes, toBase64, toHex, utf8 } from "@darkbloom/protocol/bytes";
import { NetworkError, type FailureCode } from "@darkbloom/protocol/failures";
import type { JobId, ProviderId, Serial, Sha256Hex } from "@darkbloom/protocol/ids";
import { signReceipt, type Receipt } from "@darkbloom/protocol/receipts";
import { signBlob } from "@darkbloom/protocol/evidence";
import { AnswerSealer, EnvelopeOpener, SEAL_INFO, type Opened } from "@darkbloom/protocol/sealing";
import type { Signer } from "@darkbloom/protocol/signer";
import { tags } from "@darkbloom/protocol/wire";
import { nodeCrypto, nodeHpke } from "@darkbloom/protocol/node";
import { expect, it } from "vitest";
import { Caller } from "./caller.ts";
import { TestCluster } from "./cluster.ts";
import { every } from "./every.ts";
import { memorySigner } from "./memory-signer.ts";
import { describeMachine } from "./test-provider.ts";
import { account, CREDIT, entry, TestNetwork } from "./network.ts";

/** What one machine does with one attempt. Those after `honest` are faults; the last ones are lies. */
const behaviours = [
  "honest",
  "busy",
  "refuses the request",
  "error before content",
  "gone before content",
  "silent before content",
  "error after content",
  "gone after content",
  "silent after content",
  "never closes",
  "ends and goes",
  "another body than signed",
  "another receipt than signed",
  "another request in the receipt",
  "more usage than it counted",
  "counts more than was allowed",
  "a changed frame",
  "a signature that is spelled otherwise",
  "half a character in the receipt",
] as const;
type Behaviour = (typeof behaviours)[number];
const lies = new Set<Behaviour>(behaviours.slice(behaviours.indexOf("another body than signed")));
const before = new Set<Behaviour>([
  "busy",
  "refuses the request",
  "error before content",
  "gone before content",
  "silent before content",
]);

/** When the caller leaves: never, before anything, or after so many writes. */
const patience = [Infinity, -1, 0, 1] as const;

const signers = [memorySigner(), memorySigner()];
const hpkeKeys = signers.map(() => nodeHpke.generateKey("x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm", 8e15));
/** What each shows of itself: who is far is sealed for by its signed blob alone. */
const blobs = await Promise.all(
  signers.map((signer, n) => {
    const { id, suite, publicKey } = hpkeKeys[n] ?? never();
    return signBlob(signer, {
      ...describeMachine(`S${n}`),
      v: 1,
      identity_key: toBase64(signer.publicKey),
      hpke_keys: [{ id, suite, public_key: toBase64(publicKey), expires_at: "2100-01-01T00:00:00.000Z" }],
      at: "2026-01-01T00:00:00.000Z",
    });
  }),
);

function never(): never {
  throw new RangeError("there are two machines");
}

interface Turn {
  readonly behaviour: Behaviour;
  readonly jobId: JobId;
  readonly callerRequestId: string;
  readonly opened: Extract<Opened, { body: unknown }>;
  readonly put: (event: LineEvent) => void;
  readonly sealer: AnswerSealer;
}

/** What an answer here says, in three frames. */
const partsOf = (stream: boolean): Uint8Array[] =>
  (stream ? ["data: 1\n\n", "data: 2\n\n", "data: [DONE]\n\n"] : ["one ", "two ", "three"]).map((text) => utf8(text));

/** A machine whose answers are made here, so that it can do what no real one would. Everything is sealed and signed for real. */
class FakeMachine implements Member {
  readonly providerId: ProviderId;
  readonly serial: Serial;
  readonly identityKey: string;
  readonly #network: TestNetwork;
  readonly #behaviour: () => Behaviour;
  readonly #signer: Signer;
  readonly #key: (typeof hpkeKeys)[number];
  readonly #blob: (typeof blobs)[number];
  readonly #evidenceSha256: Sha256Hex;
  readonly #opener = new EnvelopeOpener({ hpke: nodeHpke, crypto: nodeCrypto });
  readonly open_ = new Set<JobId>();
  distrusted = false;
  did: Behaviour[] = [];

  constructor(network: TestNetwork, n: number, behaviour: () => Behaviour) {
    const [signer, key, blob] = [signers[n] ?? never(), hpkeKeys[n] ?? never(), blobs[n] ?? never()];
    this.#network = network;
    this.#behaviour = behaviour;
    this.#signer = signer;
    this.#key = key;
    this.#blob = blob;
    this.#evidenceSha256 = toHex(nodeCrypto.sha256(blob.bytes)) as Sha256Hex;
    this.providerId = `prov_${n}` as ProviderId;
    this.serial = `S${n}` as Serial;
    this.identityKey = toBase64(signer.publicKey);
  }

  get view(): MachineView {
    return {
      ...idle,
      providerId: this.providerId,
      serial: this.serial,
      toldSerial: this.serial,
      pins: [this.serial],
      identityKey: this.identityKey,
      machineId: machineIdOf(nodeCrypto, this.identityKey),
      engine: { name: "fake", version: "1" },
      models: [{ build: entry.build, weightsSha256: entry.weightsSha256, contextTokens: 2048 }],
      evidenceSha256: this.#evidenceSha256,
      distrustedUntilMs: this.distrusted ? Infinity : -Infinity,
      slots: 1,
      running: this.open_.size,
    };
  }

  published(): PublishedMachine {
    return {
      machine: this.view,
      evidence: {
        blob: this.#blob.bytes,
        blobSignature: this.#blob.signature,
        offer: new Uint8Array(),
        offerSignature: new Uint8Array(),
      },
    };
  }

  now(): number {
    return this.#network.clock.now();
  }

  async prove(): Promise<PublishedMachine> {
    return this.published();
  }

  #sealing(): ReturnType<Line["sealing"]> {
    const { id, suite, publicKey } = this.#key;
    return {
      context: nodeHpke.sealContext(suite, publicKey, SEAL_INFO),
      keyId: id,
      suite,
      evidenceSha256: this.#evidenceSha256,
      nowMs: this.#network.clock.now(),
    };
  }

  replaced(): void {}
  decidedOn(): void {}
  unlinked(): void {}
  course(): never {
    throw new RangeError("nobody asks how it fares");
  }
  distrust(): void {
    this.distrusted = true;
    this.#network.fleet.changed(this);
  }

  async reserve(jobId: JobId): Promise<Line> {
    const mailbox = new Mailbox<LineEvent>(this.#network.core.sessionNet.deadlines);
    const close = () => {
      this.open_.delete(jobId);
      this.#network.fleet.changed(this);
    };
    this.open_.add(jobId);
    let cancelled = () => {};
    return {
      jobId,
      providerId: this.providerId,
      serial: this.serial,
      sealing: () => this.#sealing(),
      machine: () => this.view,
      send: ({ callerRequestId, envelope }) => {
        const behaviour = this.#behaviour();
        this.did.push(behaviour);
        const keys = [{ key: this.#key, evidenceSha256: this.#evidenceSha256 }];
        const opened = this.#opener.open(envelope, this.providerId, keys, this.#network.clock.now());
        if ("refused" in opened) throw new RangeError("the machine cannot open what was sealed for it");
        const put = (event: LineEvent) => {
          if (event.kind !== "frames") close();
          mailbox.put(event);
        };
        const sealer = new AnswerSealer(nodeHpke, opened.secret, new Uint8Array(32));
        cancelled = this.#act({ behaviour, jobId, callerRequestId, opened, put, sealer });
      },
      take: (waitMs) => mailbox.take(waitMs),
      interrupt: (reason) => mailbox.interrupt(reason),
      credit: () => {},
      cancel: () => cancelled(),
      began: () => {},
      measured: () => {},
      declined: () => {},
      wasBusy: () => {},
      faulted: () => {},
      distrust: () => this.distrust(),
      // The session keeps a slot until the machine closes; here losing interest closes it.
      [Symbol.dispose]: close,
    };
  }

  /** @returns what a cancel does: a proper closing, unless it has come already or never will */
  #act(turn: Turn): () => void {
    const { behaviour, jobId, opened, put, sealer } = turn;
    const error = (code: "busy" | "messages_refused" | "generation_failed") =>
      put({ kind: "error", error: { type: "inference_error", job_id: jobId, code } });
    if (behaviour === "busy") error("busy");
    if (behaviour === "refuses the request") error("messages_refused");
    if (behaviour === "error before content") error("generation_failed");
    if (behaviour === "gone before content") put({ kind: "gone", silent: false });
    if (before.has(behaviour)) return () => {};

    const parts = partsOf(opened.header.stream);
    // One after another, since each has the next counter.
    const frame = (n: number) => {
      const tokens = behaviour === "counts more than was allowed" && n === 1 ? 101 : n + 1;
      return sealer.frame(parts[n] ?? new Uint8Array(0), tokens, n === 2);
    };
    put({ kind: "frames", bytes: frame(0) });
    if (behaviour === "error after content") error("generation_failed");
    if (behaviour === "gone after content") put({ kind: "gone", silent: false });
    if (behaviour.endsWith("after content")) return () => {};
    if (behaviour === "ends and goes") {
      put({ kind: "frames", bytes: sealer.frame(utf8("data: [DONE]\n\n"), 3, false) });
      put({ kind: "gone", silent: false });
      return () => {};
    }
    const second = frame(1);
    if (behaviour === "a changed frame") second[second.length - 1] = (second.at(-1) ?? 0) ^ 1;
    put({ kind: "frames", bytes: second });
    if (behaviour === "never closes") return () => {};
    if (behaviour === "counts more than was allowed") return () => {};
    put({ kind: "frames", bytes: frame(2) });
    void this.#complete(turn);
    return () => {};
  }

  async #complete(turn: Turn): Promise<void> {
    const { behaviour, jobId, callerRequestId, opened, put } = turn;
    const signedHash = nodeCrypto.sha256(
      behaviour === "another body than signed" ? utf8("four") : joinBytes(partsOf(opened.header.stream)),
    );
    const receipt: Receipt = {
      v: 1,
      job_id: jobId,
      request_id: callerRequestId,
      privacy: "transparent",
      endpoint: "/v1/chat/completions",
      model: entry.id,
      build: entry.build,
      weights_sha256: entry.weightsSha256,
      engine: { name: "fake", version: "1" },
      request_sha256: toHex(
        nodeCrypto.sha256(behaviour === "another request in the receipt" ? utf8("?") : opened.body),
      ),
      response_sha256: toHex(signedHash),
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
      usage: {
        prompt_tokens: 5,
        cached_tokens: 0,
        completion_tokens: behaviour === "more usage than it counted" ? 4 : 3,
        reasoning_tokens: 0,
      },
      finish_reason: "stop",
      provider_id: this.providerId,
      identity_key: this.identityKey,
      evidence_sha256: this.#evidenceSha256,
      started_at: "2026-01-01T00:00:00.000Z",
      finished_at: "2026-01-01T00:00:01.000Z",
    };
    const { jcs, signature } = await signReceipt(this.#signer, receipt);
    const changed = jcs.replace('"completion_tokens":3', '"completion_tokens":2');
    const halved = jcs.replace('"name":"fake"', String.raw`"name":"\ud800"`);
    const isHalved = behaviour === "half a character in the receipt";
    const signedHalved = toBase64(await this.#signer.signTagged(tags.receipt, utf8(halved)));
    const responseSignature = toBase64(await this.#signer.signResponseHash(signedHash));
    put({
      kind: "complete",
      completion: {
        type: "inference_complete",
        job_id: jobId,
        receipt: behaviour === "another receipt than signed" ? changed : isHalved ? halved : jcs,
        receipt_signature: isHalved ? signedHalved : signature,
        response_signature: behaviour === "a signature that is spelled otherwise" ? "QR==" : responseSignature,
      },
    });
  }
}

/**
 * Goal: no way out of a request leaves money held or a slot taken, charges for what was not signed and
 * checked, or ends properly after a fault. Method: walk every combination of what the first and, if it
 * is asked, the second machine does, of stream or plain, and of the caller's patience; machines of the coordinator that is asked, and
 * of another one.
 */
it.each(["near", "far"])("closes money, holds and slots on every path, %s", { timeout: 120_000 }, async (where) => {
  const seen = new Map<string, number>();
  const runs = await every(async (pick) => {
    const stream = pick(2) === 0;
    // From afar each run takes several times as long.
    const leaves = where === "far" ? [Infinity, 1] : patience;
    const patient = leaves[pick(leaves.length)] ?? Infinity;
    const cluster = where === "far" ? new TestCluster(1, 2) : undefined;
    const network = cluster?.at(0).network ?? new TestNetwork();
    const home = cluster?.at(1).network ?? network;
    await network.credit();
    const behave = () => behaviours[pick(behaviours.length)] ?? "honest";
    const machines = [0, 1].map((n) => new FakeMachine(home, n, behave));
    for (const machine of machines) home.fleet.join(machine);
    if (cluster) await cluster.clock.advance(BEAT_EVERY_MS);
    expect(network.fleet.size).toBe(2);

    const caller = new Caller({ leavesAfter: patient });
    if (patient === -1) caller.leave();
    const served = network.serve(caller, { stream }).then(
      () => "whole" as const,
      (error: unknown): FailureCode => {
        if (error instanceof NetworkError) return error.failure.code;
        throw error;
      },
    );
    const end = await network.clock.until(served, 600_000);
    const did = machines.flatMap((machine) => machine.did);
    const last = machines.find(({ did: [only] }) => only === did.at(-1))?.did.at(-1);
    seen.set(end, (seen.get(end) ?? 0) + 1);

    const { balance, held, charged } = await network.ledger.totals(account);
    // The last words of either end.
    if (cluster) await cluster.clock.advance(BEAT_EVERY_MS);
    expect([network.bugs, home.bugs]).toEqual([[], []]);
    expect(held).toBe(0n);
    expect(balance + charged).toBe(CREDIT);
    for (const machine of machines) expect(machine.open_.size).toBe(0);
    // Paid for is exactly what an honest machine closed: 5 prompt tokens at 1 and 3 at 2 micro-USD; by a caller who
    // has left, no more than they were there for.
    const honest = did.includes("honest") && patient !== -1;
    const writesBefore = did.length === 2 && !before.has(did[0] ?? "honest") ? 1 : 0;
    const seenTokens = patient === Infinity ? 3 : Math.max(0, patient - writesBefore);
    expect(charged).toBe(honest ? BigInt(5 + 2 * seenTokens) : 0n);
    // Nobody sees a proper end that was not checked and paid for.
    if (stream) expect(new TextDecoder().decode(caller.body).includes("[DONE]")).toBe(end === "whole");
    // A proper end is an honest one, and nobody is sent a proof of anything else.
    expect(end === "whole").toBe(honest && !caller.signal.aborted);
    expect(caller.closing !== undefined).toBe(end === "whole");
    // The second machine is asked only where the caller could not know of the first.
    if (did.length === 2 && stream) expect(before.has(did[0] ?? "honest")).toBe(true);
    if (did.length === 2) expect(lies.has(did[0] ?? "honest")).toBe(false);
    // A refusal is believed when the other machine says the same.
    if (did[0] === "refuses the request" && patient === Infinity) expect(did).toHaveLength(2);
    for (const machine of machines) expect(machine.distrusted).toBe(machine.did.some((one) => lies.has(one)));
    const rows = await network.ledger.usage(account, 10);
    expect(rows).toHaveLength(did.length > 0 ? 1 : 0);
    expect(last).toBe(did.at(-1));
  });
  expect(runs).toBeGreaterThan(where === "far" ? 150 : 300);
  expect([...seen.keys()].toSorted()).toEqual([
    "caller_gone",
    "provider_busy",
    "provider_fault",
    "provider_gone",
    "receipt_mismatch",
    "too_slow",
    "unsupported",
    "whole",
  ]);
});
