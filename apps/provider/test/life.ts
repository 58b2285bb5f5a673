import { fromBase64, readBlob, type FromCoordinator, type FromProvider, type Signer } from "@darkbloom/protocol";
import { nodeCrypto, nodeHpke, systemRandom } from "@darkbloom/protocol/node";
import { expect } from "vitest";
import { ScriptedEngine, type Script } from "../src/adapters/scripted-engine.ts";
import type { AnswerOutcome, LossReason, ProviderEvents, TrustFacts } from "../src/events/events.ts";
import type { Session } from "../src/session/session.ts";
import { stayConnected } from "../src/session/stay-connected.ts";
import { DialError, type Dialer, type Listener } from "../src/session/wire.ts";
import { ChipError } from "../src/session/witness.ts";
import { chatBody, Machine, PROVIDER_ID } from "./machine.ts";
import { ManualClock } from "./manual-clock.ts";

export class GoneChip extends ChipError {
  readonly code = "lost";
}

/** One connection as the coordinator sees it. */
export interface Peer {
  readonly listener: Listener;
  readonly heard: FromProvider[];
  pings: number;
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
  /** Whether its chip signs. */
  signs = true;
  readonly leave = new AbortController();
  readonly #aged: Promise<void>;
  session: Session | undefined;
  /** What the next dials come to. */
  dialing: "open" | DialError["code"] = "open";
  dials = 0;

  constructor(script: Script = { pieces: ["Rain", "."] }, keyAgeMs = 0, joinToken: string | null = "token") {
    const { clock, machine } = this;
    this.engine = new ScriptedEngine({ clock, script: () => script, slots: 1 });
    const dialer: Dialer = {
      dial: async (listener) => {
        this.dials++;
        if (this.dialing !== "open") throw new DialError(this.dialing);
        const peer: Peer = { listener, heard: [], pings: 0, closed: undefined };
        this.peers.push(peer);
        return {
          bufferedBytes: 0,
          send: (text) => void peer.heard.push(JSON.parse(text)),
          ping: () => void peer.pings++,
          close: (code) => void (peer.closed ??= code),
          terminate: () => void (peer.closed ??= "terminated"),
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
          this.signs ? machine.signer.signTagged(...signing) : Promise.reject(new GoneChip()),
      },
      keys: machine.keys,
      slots: this.engine.slots,
      authToken: joinToken ?? undefined,
      posture: () => ({ inspector_closed: "pass" as const }),
      witness: { evidence: {}, testify: async () => ({}) },
      onTrust: (facts: TrustFacts) => void this.trust.push(facts),
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

  get peer(): Peer {
    const peer = this.peers.at(-1);
    if (!peer) throw new RangeError("nobody has dialled");
    return peer;
  }

  tell(message: FromCoordinator | { type: "of_tomorrow" }): void {
    this.peer.listener.received(JSON.stringify(message));
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
    this.tell({ type: "registered", protocol: 1, provider_id: PROVIDER_ID });
    await this.until(() => this.heard("heartbeat").length > 0);
  }

  request(id: string) {
    const blob = readBlob(fromBase64((this.heard("renew").at(-1) ?? this.heard("register")[0])?.blob ?? ""));
    this.machine.publicKey = fromBase64(blob?.hpke_keys[0]?.public_key ?? "");
    const { envelope, answer } = this.machine.seal(chatBody());
    this.tell({ type: "inference_request", request_id: id, caller_request_id: "req", envelope, credit_bytes: 100_000 });
    return answer;
  }

  async advance(ms: number): Promise<void> {
    await this.machine.quiet();
    await this.clock.advance(ms);
    await this.machine.quiet();
  }
}
