import {
  challengeAnswer,
  fromBase64,
  HPKE_KEY_LIFE_MS,
  readBlob,
  tags,
  toBase64,
  toHex,
  utf8,
} from "@darkbloom/protocol";
import { nodeCrypto, systemRandom } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import { Life } from "../../test/life.ts";
import { PROVIDER_ID } from "../../test/machine.ts";
import { settle } from "../../test/manual-clock.ts";
import { KEY_RENEWED_BEFORE_END_MS } from "./keys.ts";
import { HEARTBEAT_EVERY_MS, WAITING_MAX } from "./session.ts";
import { RETRY_FIRST_MS, RETRY_MAX_MS } from "./stay-connected.ts";

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
