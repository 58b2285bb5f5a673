import {
  challengeAnswer,
  fromBase64,
  HPKE_KEY_LIFE_MS,
  JOIN_TOKEN_NEEDED,
  readBlob,
  tags,
  toBase64,
  toHex,
  utf8,
  type FromCoordinator,
  type FromProvider,
  type Signer,
} from "@darkbloom/protocol";
import { nodeCrypto, nodeHpke, systemRandom } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import { chatBody, Machine, PROVIDER_ID } from "../../test/machine.ts";
import { ManualClock, settle } from "../../test/manual-clock.ts";
import { ScriptedEngine, type Script } from "../adapters/scripted-engine.ts";
import type { AnswerOutcome, LossReason, ProviderEvents, TrustFacts } from "../events/events.ts";
import { KEY_RENEWED_BEFORE_END_MS } from "./keys.ts";
import {
  HEARTBEAT_EVERY_MS,
  COORDINATOR_PING_EVERY_MS,
  REGISTERED_WAIT_MS,
  COORDINATOR_SILENCE_MS,
  WAITING_MAX,
  type Session,
} from "./session.ts";
import { RETRY_FIRST_MS, RETRY_MAX_MS, retryDelayMs, STABLE_AFTER_MS, stayConnected } from "./stay-connected.ts";
import { DialError, type Dialer, type Listener } from "./wire.ts";
import { TESTIMONY_WAIT_MS } from "./challenge-answers.ts";
import { ChipError, type Witness } from "./witness.ts";

class GoneChip extends ChipError {
  readonly code = "lost";
}

/** One connection as the coordinator sees it. */
interface Peer {
  readonly listener: Listener;
  readonly heard: FromProvider[];
  pings: number;
  closed: number | "terminated" | undefined;
}

/** A provider's life against a coordinator that does what the test says. */
class Life {
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
  /** What a chip says to a challenge, and whether it signs. */
  testify: Witness["testify"] = async () => ({});
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
      witness: { evidence: {}, testify: (...asked: Parameters<Witness["testify"]>) => this.testify(...asked) },
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

describe("a provider's connection", () => {
  it("registers with a signed blob, and shows its token", async () => {
    const life = new Life();
    await life.join();
    const [register] = life.heard("register");
    const blob = fromBase64(register?.blob ?? "");
    const message = Buffer.concat([utf8(tags.registration), blob]);
    const signature = fromBase64(register?.signature ?? "");
    expect(nodeCrypto.verifyP256(life.machine.signer.publicKey, message, signature)).toBe(true);
    expect(register).toMatchObject({ protocol: 1, slots: 1, auth_token: "token" });
    expect(readBlob(blob)?.hpke_keys).toHaveLength(1);
  });

  /**
   * Goal: a machine takes the pseudonym that it is given, for that connection alone, and nothing else for its serial.
   * Method: registered with one, let a key grow old, connect again; registered with a maker's serial.
   */
  it("signs under the pseudonym that it is given, until the connection ends", async () => {
    const life = new Life(undefined, HPKE_KEY_LIFE_MS - KEY_RENEWED_BEFORE_END_MS - 2 * HEARTBEAT_EVERY_MS);
    const serials = (type: "register" | "renew") =>
      life.heard(type).map(({ blob }) => readBlob(fromBase64(blob))?.serial);
    const registered = { type: "registered", protocol: 1, provider_id: PROVIDER_ID } as const;
    await life.until(() => life.peers.length > 0 && life.heard("register").length === 1);
    life.tell({ ...registered, serial_alias: "C02XK0AAJG5J" });
    await life.machine.quiet();
    expect(life.peer.heard.map(({ type }) => type)).toEqual(["register"]);
    life.tell({ ...registered, serial_alias: "PS-0123456789AB" });
    await life.until(() => life.heard("heartbeat").length > 0);
    expect(life.peer.heard.map(({ type }) => type)).toEqual(["register", "renew", "heartbeat"]);
    expect(life.joined).toEqual([
      { providerId: PROVIDER_ID, coordinator: "http://test", serialAlias: "PS-0123456789AB" },
    ]);
    life.request("job_1");
    await life.until(() => life.outcomes.length === 1);
    expect(life.outcomes).toEqual(["complete"]);

    await life.advance(3 * HEARTBEAT_EVERY_MS);
    await life.until(() => life.heard("renew").length === 2);
    expect(serials("register")).toEqual(["SW-TEST"]);
    expect(serials("renew")).toEqual(["PS-0123456789AB", "PS-0123456789AB"]);

    life.peer.listener.closed(1001, "");
    await life.until(() => life.losses.length === 1);
    await life.advance(RETRY_MAX_MS);
    await life.join();
    expect(serials("register")).toEqual(["SW-TEST"]);
    expect(life.heard("renew")).toEqual([]);
  });

  /** Goal: a coordinator that waits for a blob hears that first. Method: drain while the blob is being signed. */
  it("has nothing to drain before it has shown its pseudonym", async () => {
    const life = new Life();
    await life.until(() => life.peers.length > 0 && life.heard("register").length === 1);
    life.tell({ type: "registered", protocol: 1, provider_id: PROVIDER_ID, serial_alias: "PS-0123456789AB" });
    await life.session?.drain();
    await life.until(() => life.heard("heartbeat").length > 0);
    expect(life.peer.heard.map(({ type }) => type)).toEqual(["register", "renew", "heartbeat"]);
  });

  it("answers a challenge over the blob that it showed last", async () => {
    const life = new Life();
    await life.join();
    const nonce = toBase64(systemRandom.bytes(32));
    const timestamp = new Date(life.clock.now()).toISOString();
    life.tell({ type: "attestation_challenge", nonce, callers_root: null, timestamp });
    await life.until(() => life.heard("attestation_response").length === 1);
    const [response] = life.heard("attestation_response");
    const signed = fromBase64(response?.answer ?? "");
    const message = Buffer.concat([utf8(tags.challenge), signed]);
    const signature = fromBase64(response?.signature ?? "");
    expect(nodeCrypto.verifyP256(life.machine.signer.publicKey, message, signature)).toBe(true);
    expect(challengeAnswer.parse(JSON.parse(Buffer.from(signed).toString()))).toMatchObject({
      nonce,
      blob_sha256: toHex(nodeCrypto.sha256(fromBase64(life.heard("register")[0]?.blob ?? ""))),
      posture: { inspector_closed: "pass" },
    });
  });

  /** Goal: a slow chip costs what it would have said, and no more. Method: one that never answers. */
  it("answers a challenge in time without what its chip has not said", async () => {
    const life = new Life();
    const quote = { attest: utf8("attest"), signature: utf8("signature"), pcrs: [], eventLog: utf8("log") };
    life.testify = async () => ({ quote, secret: utf8("secret") });
    await life.join();
    const challenge = () =>
      life.tell({
        type: "attestation_challenge",
        nonce: toBase64(systemRandom.bytes(32)),
        callers_root: null,
        timestamp: new Date(life.clock.now()).toISOString(),
      });
    for (const count of [1, 2]) {
      challenge();
      await life.until(() => life.heard("attestation_response").length === count);
    }
    life.testify = () => new Promise(() => {});
    challenge();
    await life.until(() => life.heard("attestation_response").length === 2);
    await life.advance(TESTIMONY_WAIT_MS);
    await life.until(() => life.heard("attestation_response").length === 3);
    const [first, second, third] = life.heard("attestation_response");
    expect(first).toMatchObject({ secret: toBase64(utf8("secret")), quote: { event_log: toBase64(utf8("log")) } });
    // The firmware's log comes along once.
    expect(second?.quote).toMatchObject({ attest: toBase64(utf8("attest")) });
    expect(second?.quote).not.toHaveProperty("event_log");
    expect(third).not.toHaveProperty("quote");
    expect(life.bugs).toEqual([]);
  });

  /** Goal: a machine whose chip does not sign is away, says why, and comes back. Method: a chip that is gone for a while. */
  it("leaves where its key does not sign, and comes back when it does", async () => {
    const life = new Life();
    await life.join();
    life.signs = false;
    life.tell({
      type: "attestation_challenge",
      nonce: toBase64(systemRandom.bytes(32)),
      callers_root: null,
      timestamp: new Date(life.clock.now()).toISOString(),
    });
    await life.until(() => life.losses.length === 1);
    expect(life.losses).toEqual([{ reason: "key_unavailable", retryInMs: RETRY_FIRST_MS }]);
    expect(life.chip).toEqual([{ step: "signature", fault: "lost" }]);
    life.signs = true;
    await life.advance(RETRY_FIRST_MS);
    await life.join();
    expect(life.bugs).toEqual([]);
  });

  it("serves a request and says how much runs, at each change", async () => {
    const life = new Life();
    await life.join();
    const answer = life.request("job_1");
    await life.until(() => life.outcomes.length === 1);
    for (const message of life.peer.heard) if ("request_id" in message) answer.take(message);
    expect(answer.said).toBe("Rain.");
    expect(life.outcomes).toEqual(["complete"]);
    expect(life.heard("heartbeat").map(({ status }) => status)).toEqual(["idle", "serving", "idle"]);
    await life.advance(HEARTBEAT_EVERY_MS);
    expect(life.heard("heartbeat")).toHaveLength(4);
  });

  it("skips what it does not know", async () => {
    const life = new Life();
    await life.join();
    life.tell({ type: "of_tomorrow" });
    life.peer.listener.received("{");
    life.tell({ type: "trust_status", trust_level: "self_signed", eligible: true, checks: [] });
    expect(life.trust).toEqual([{ trustLevel: "self_signed", eligible: true, checks: [] }]);
    expect(life.bugs).toEqual([]);
  });

  it("takes no more than its slots and a few", async () => {
    const life = new Life({ pieces: ["x"], hangAfter: 0 });
    await life.join();
    for (let n = 0; n <= 1 + WAITING_MAX; n++) life.request(`job_${n}`);
    await life.until(() => life.heard("inference_error").length > 0);
    expect(life.heard("inference_error")).toEqual([
      { type: "inference_error", request_id: `job_${1 + WAITING_MAX}`, code: "busy" },
    ]);
  });

  it("drains: finishes what runs and takes nothing new", async () => {
    const life = new Life({ pieces: ["Rain", "."], tokenMs: 1_000 });
    await life.join();
    life.request("job_1");
    await settle();
    let isDrained = false;
    void life.session?.drain().then(() => (isDrained = true));
    life.request("job_2");
    await settle();
    expect(life.heard("provider_drain")).toHaveLength(1);
    expect(life.heard("inference_error")).toMatchObject([{ request_id: "job_2", code: "draining" }]);
    await life.advance(5_000);
    await life.until(() => life.heard("inference_complete").length === 1);
    expect(isDrained).toBe(false);
    life.tell({ type: "provider_drain_ack" });
    await life.until(() => isDrained);
  });

  it("ends every answer when it is lost", async () => {
    const life = new Life({ pieces: ["Rain", "."], hangAfter: 1 });
    await life.join();
    life.request("job_1");
    await life.until(() => life.engine.running === 1);
    life.peer.listener.closed(1006, "");
    await life.until(() => life.losses.length === 1);
    expect(life.outcomes).toEqual(["lost"]);
    expect(life.engine.running).toBe(0);
  });

  /** Goal: no key serves longer than a day, and none is used unannounced. Method: join with an old key, and stay. */
  it("renews its key before a day is over, on the same connection", async () => {
    const life = new Life(undefined, HPKE_KEY_LIFE_MS - KEY_RENEWED_BEFORE_END_MS - 2 * HEARTBEAT_EVERY_MS);
    await life.join();
    await life.advance(HEARTBEAT_EVERY_MS);
    expect(life.heard("renew")).toEqual([]);
    await life.advance(2 * HEARTBEAT_EVERY_MS);
    await life.until(() => life.heard("renew").length === 1);
    const keyOf = (blob = "") => readBlob(fromBase64(blob))?.hpke_keys[0];
    const [first, second] = [keyOf(life.heard("register")[0]?.blob), keyOf(life.heard("renew")[0]?.blob)];
    expect(second?.id).not.toBe(first?.id);
    expect(Date.parse(first?.expires_at ?? "")).toBeGreaterThan(life.clock.now());

    // What is sealed for the new key is opened at once.
    life.request("job_1");
    await life.until(() => life.outcomes.length === 1);
    expect(life.outcomes).toEqual(["complete"]);
  });
});

describe("a lost connection", () => {
  it("is tried again, twice as late each time, up to a bound", async () => {
    const delays = Array.from({ length: 8 }, (_, n) =>
      retryDelayMs(n, { bytes: systemRandom.bytes, fraction: () => 1 }),
    );
    expect(delays).toEqual([1, 2, 4, 8, 16, 30, 30, 30].map((seconds) => seconds * 1_000));
    expect(retryDelayMs(0, { bytes: systemRandom.bytes, fraction: () => 0 })).toBe(RETRY_FIRST_MS / 2);
  });

  it("names why, and comes back when it can", async () => {
    const life = new Life();
    await life.join();
    life.dialing = "unreachable";
    life.peer.listener.closed(1006, "");
    await life.until(() => life.losses.length === 1);
    await life.advance(RETRY_FIRST_MS);
    await life.until(() => life.losses.length === 2);
    life.dialing = "no_coordinator";
    await life.advance(2 * RETRY_FIRST_MS);
    await life.until(() => life.losses.length === 3);
    life.dialing = "open";
    await life.advance(4 * RETRY_FIRST_MS);
    await life.until(() => life.peers.length === 2);
    expect(life.losses).toEqual([
      { reason: "closed", retryInMs: 1_000 },
      { reason: "unreachable", retryInMs: 2_000 },
      { reason: "no_coordinator", retryInMs: 4_000 },
    ]);
    expect(life.bugs).toEqual([]);
  });

  it("starts small again after a good connection", async () => {
    const life = new Life();
    await life.join();
    for (const stayMs of [0, 0, STABLE_AFTER_MS]) {
      for (let passedMs = 0; passedMs < stayMs; passedMs += COORDINATOR_PING_EVERY_MS) {
        life.peer.listener.heard();
        await life.advance(COORDINATOR_PING_EVERY_MS);
      }
      const { length } = life.peers;
      life.peer.listener.closed(1001, "");
      await life.until(() => life.losses.length === length);
      await life.advance(life.losses.at(-1)?.retryInMs ?? 0);
      await life.until(() => life.peers.length > length);
      await life.join();
    }
    expect(life.losses.map(({ retryInMs }) => retryInMs)).toEqual([1_000, 2_000, 1_000]);
  });

  it("is noticed by its silence", async () => {
    const life = new Life();
    await life.join();
    await life.advance(COORDINATOR_SILENCE_MS + 2 * COORDINATOR_PING_EVERY_MS);
    await life.until(() => life.losses.length > 0);
    expect(life.peers[0]).toMatchObject({ closed: "terminated" });
    expect(life.peers[0]?.pings).toBeGreaterThan(1);
    expect(life.losses[0]?.reason).toBe("silent");
  });

  it.each<[number, string, boolean, LossReason]>([
    [1008, "the registration blob cannot be read", false, "refused"],
    [1008, JOIN_TOKEN_NEEDED, false, "token_refused"],
    [1008, "replaced", true, "replaced"],
    [1001, "shutdown", true, "closed"],
  ])("tells apart %i %s", async (code, words, joined, reason) => {
    const life = new Life();
    if (joined) await life.join();
    else await life.until(() => life.peers.length === 1);
    life.peer.listener.closed(code, words);
    await life.until(() => life.losses.length === 1);
    expect(life.losses[0]?.reason).toBe(reason);
  });

  it("knows that it had no join token to show", async () => {
    const life = new Life(undefined, 0, null);
    await life.until(() => life.peers.length === 1);
    life.peer.listener.closed(1008, JOIN_TOKEN_NEEDED);
    await life.until(() => life.losses.length === 1);
    expect(life.losses[0]?.reason).toBe("token_missing");
  });

  it("counts a coordinator that never takes it in", async () => {
    const life = new Life();
    await life.until(() => life.peers.length === 1 && life.heard("register").length === 1);
    await life.advance(REGISTERED_WAIT_MS);
    await life.until(() => life.losses.length === 1);
    expect(life.losses[0]?.reason).toBe("not_registered");
    expect(life.bugs).toEqual([]);
  });

  it("is not tried again once it leaves", async () => {
    const life = new Life();
    await life.join();
    life.leave.abort(new Error("stopping"));
    await life.until(() => life.peer.closed === 1000);
    await life.advance(RETRY_MAX_MS);
    expect(life.dials).toBe(1);
    expect(life.losses).toEqual([]);
  });
});
