import { fromBase64, toBase64 } from "@darkbloom/protocol/bytes";
import { readBlob } from "@darkbloom/protocol/evidence";
import type { SealHeader } from "@darkbloom/protocol/sealing";
import type { Signer } from "@darkbloom/protocol/signer";
import {
  PROTOCOL_VERSION,
  readRecords,
  writeRecord,
  writeRequest,
  type FromCoordinator,
  type FromProvider,
  type ReadRecord,
  type WireRecord,
} from "@darkbloom/protocol/wire";
import { nodeCrypto, nodeHpke, systemRandom } from "@darkbloom/protocol/node";
import { expect } from "vitest";
import { ScriptedEngine, type Script } from "../src/engine/scripted-engine.ts";
import type { AnswerOutcome, LossReason, ProviderEvents, TrustFacts } from "../src/events/events.ts";
import type { EngineLifecycle } from "../src/inference/engine.ts";
import type { Session } from "../src/session/session.ts";
import { stayConnected } from "../src/session/stay-connected.ts";
import { DialError, type Dialer, type Listener } from "../src/session/wire.ts";
import { ChipError, type Witness } from "../src/session/witness.ts";
import { chatBody, Machine, PROVIDER_ID } from "./machine.ts";
import { ManualClock } from "./manual-clock.ts";

export class GoneChip extends ChipError {
  readonly code = "lost";
}

/** One connection as the coordinator sees it. */
export interface Peer {
  readonly listener: Listener;
  readonly heard: FromProvider[];
  readonly records: ReadRecord[];
  pings: number;
  /** What the provider's socket has not written yet. */
  bufferedBytes: number;
  closed: number | "terminated" | undefined;
}

/** A provider's life against a coordinator that does what the test says. */
export class Life {
  readonly clock = new ManualClock();
  readonly machine = new Machine(this.clock);
  readonly engine: ScriptedEngine;
  readonly peers: Peer[] = [];
  readonly joined: Parameters<ProviderEvents["joined"]>[0][] = [];
  readonly losses: { reason: LossReason; retryInMs: number }[] = [];
  readonly outcomes: AnswerOutcome[] = [];
  readonly trust: TrustFacts[] = [];
  readonly bugs: unknown[] = [];
  readonly chip: Parameters<ProviderEvents["chipFailed"]>[0][] = [];
  /** Whether its chip signs, or what becomes of it. */
  signs: true | Error = true;
  /** Whether there is a model to give work to, and who is told of changes. */
  #ready = true;
  readonly #watching = new Set<() => void>();
  readonly leave = new AbortController();
  readonly #aged: Promise<void>;
  session: Session | undefined;
  /** What the next dials come to. */
  dialing: "open" | DialError["code"] | Error = "open";
  dials = 0;

  /** @param having `isBare`: a machine without a chip of its own that vouches for it, and without a join token */
  constructor(
    script: Script = { pieces: ["Rain", "."] },
    having: { readonly keyAgeMs?: number; readonly isBare?: boolean; readonly testify?: Witness["testify"] } = {},
  ) {
    const { clock, machine } = this;
    const { keyAgeMs = 0, isBare = false, testify = async () => ({}) } = having;
    this.engine = new ScriptedEngine({ clock, script: () => script, slots: 1 });
    Object.assign(this.engine, { lifecycle: this.#lifecycle() });
    const dialer: Dialer = {
      dial: async (listener) => {
        this.dials++;
        if (this.dialing instanceof Error) throw this.dialing;
        if (this.dialing !== "open") throw new DialError(this.dialing);
        const peer: Peer = { listener, heard: [], records: [], pings: 0, bufferedBytes: 0, closed: undefined };
        this.peers.push(peer);
        // As a socket does: it tells of its end also where that was asked for.
        const close = (how: number | "terminated") => {
          if (peer.closed !== undefined) return;
          peer.closed = how;
          listener.closed(how === "terminated" ? 1006 : how, "");
        };
        return {
          get bufferedBytes() {
            return peer.bufferedBytes;
          },
          send: (message) => {
            if (typeof message === "string") peer.heard.push(JSON.parse(message));
            else peer.records.push(...readRecords(message));
          },
          ping: () => void peer.pings++,
          close,
          terminate: () => close("terminated"),
        };
      },
    };
    const net = {
      clock,
      crypto: nodeCrypto,
      hpke: nodeHpke,
      random: { bytes: systemRandom.bytes, fraction: () => 1 },
      engine: this.engine,
      signer: {
        ...machine.signer,
        signTagged: (...signing: Parameters<Signer["signTagged"]>) =>
          this.signs === true ? machine.signer.signTagged(...signing) : Promise.reject(this.signs),
      },
      keys: machine.keys,
      offers: machine.offers,
      machineToken: undefined,
      authToken: isBare ? undefined : "token",
      posture: () => ({ inspector_closed: "pass" as const }),
      witness: isBare ? undefined : { evidence: {}, testify },
      onTrust: (facts: TrustFacts) => void this.trust.push(facts),
      defer: queueMicrotask,
      events: {
        joined: (facts: Parameters<ProviderEvents["joined"]>[0]) => void this.joined.push(facts),
        lost: (facts: { reason: LossReason; retryInMs: number }) => void this.losses.push(facts),
        trust() {},
        answered: ({ outcome }: { outcome: AnswerOutcome }) => void this.outcomes.push(outcome),
        chipFailed: (facts: Parameters<ProviderEvents["chipFailed"]>[0]) => void this.chip.push(facts),
        engine: () => undefined,
        bug: (_: unknown, error: unknown) => void this.bugs.push(error),
      },
    };
    this.#aged = this.#age(keyAgeMs);
    void this.#aged.then(() =>
      stayConnected(net, dialer, "http://test", this.leave.signal, (session) => void (this.session = session)),
    );
  }

  /** Lets the first key grow old before anything else happens. */
  async #age(ms: number): Promise<void> {
    if (ms === 0) return;
    await this.machine.show();
    await this.clock.advance(ms);
  }

  /** Ends the model's process, or starts it again. */
  setReady(isReady: boolean): void {
    this.#ready = isReady;
    for (const told of this.#watching) told();
  }

  #lifecycle(): EngineLifecycle {
    const isReady = () => this.#ready;
    return {
      get isReady() {
        return isReady();
      },
      watch: (listener) => {
        const told = () => listener({ state: "ready" });
        this.#watching.add(told);
        return { [Symbol.dispose]: () => void this.#watching.delete(told) };
      },
    };
  }

  get peer(): Peer {
    const peer = this.peers.at(-1);
    if (!peer) throw new RangeError("nobody has dialled");
    return peer;
  }

  tell(message: FromCoordinator | { type: "of_tomorrow" }): void {
    this.peer.listener.received(JSON.stringify(message));
  }

  tellRecord(record: WireRecord): void {
    this.peer.listener.received(writeRecord(record));
  }

  heard<Type extends FromProvider["type"]>(type: Type): Extract<FromProvider, { type: Type }>[] {
    return this.peer.heard.filter((message): message is Extract<FromProvider, { type: Type }> => message.type === type);
  }

  /** What holds once nothing more can happen without time. */
  async until(holds: () => boolean): Promise<void> {
    await this.#aged;
    await this.machine.quiet();
    expect(holds()).toBe(true);
  }

  /** Lets it connect and takes it in. */
  async join(): Promise<void> {
    await this.until(() => this.peers.length > 0 && this.heard("register").length === 1);
    this.tell({ type: "registered", protocol: PROTOCOL_VERSION, provider_id: PROVIDER_ID });
    await this.until(() => this.heard("heartbeat").length > 0);
  }

  request(id: string, header: Partial<SealHeader> = {}) {
    const blob = readBlob(fromBase64((this.heard("renew").at(-1) ?? this.heard("register")[0])?.blob ?? ""));
    this.machine.publicKey = fromBase64(blob?.hpke_keys[0]?.public_key ?? "");
    const { envelope, answer } = this.machine.seal(chatBody(), header);
    const request = { job_id: id, caller_request_id: "req", envelope, credit_bytes: 100_000 };
    this.tellRecord({ kind: "request", jobId: id, bytes: writeRequest(request) });
    return answer;
  }

  /** @param wallMs the coordinator's time */
  challenge(wallMs = this.clock.now()): string {
    const nonce = toBase64(systemRandom.bytes(32));
    const timestamp = new Date(wallMs).toISOString();
    this.tell({ type: "attestation_challenge", nonce, callers_root: null, timestamp });
    return nonce;
  }

  async advance(ms: number): Promise<void> {
    await this.machine.quiet();
    await this.clock.advance(ms);
    await this.machine.quiet();
  }
}
