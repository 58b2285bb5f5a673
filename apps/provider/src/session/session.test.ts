import { fromBase64, toBase64, toHex, utf8 } from "@darkbloom/protocol/bytes";
import { readAnswer, readBlob, readOffer } from "@darkbloom/protocol/evidence";
import { CLOCK_SKEW_MS, ENVELOPE_LIFE_MS, HPKE_KEY_LIFE_MS } from "@darkbloom/protocol/limits";
import { challengeAnswer, joinRecords, PROTOCOL_VERSION, suites, tags, writeRecord } from "@darkbloom/protocol/wire";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import { GoneChip, Life } from "../../test/life.ts";
import { PROVIDER_ID } from "../../test/machine.ts";
import { settle } from "../../test/manual-clock.ts";
import type { AnswerOutcome } from "../events/events.ts";
import { TESTIMONY_WAIT_MS } from "./challenge-answers.ts";
import { KEY_RENEWED_BEFORE_END_MS } from "./keys.ts";
import { COORDINATOR_BUFFERED_BYTES_MAX, ENDS_WAITING_MAX } from "./outbox.ts";
import { CHALLENGES_MAX, HEARTBEAT_EVERY_MS, OFFER_EVERY_MS, RECORDS_PER_MESSAGE_MAX, WAITING_MAX } from "./session.ts";
import { RETRY_FIRST_MS, RETRY_MAX_MS } from "./stay-connected.ts";

describe("a provider's connection", () => {
  it("registers with a signed blob, and shows its token", async () => {
    const life = new Life();
    await life.join();
    const [register] = life.heard("register");
    const blob = fromBase64(register?.blob ?? "");
    const message = Buffer.concat([utf8(tags.registration), blob]);
    const signature = fromBase64(register?.signature ?? "");
    expect(await nodeCrypto.verifyP256(life.machine.signer.publicKey, message, signature)).toBe(true);
    expect(register).toMatchObject({ protocols: [PROTOCOL_VERSION], auth_token: "token" });
    expect(readBlob(blob)?.hpke_keys.map(({ suite }) => suite)).toEqual(suites);
  });

  /** Goal: nothing is said of what there is not. Method: the names of a registration, with and without a token and a chip. */
  it.each([
    [false, ["auth_token", "hardware"]],
    [true, []],
  ])("registers with what it has, where it is bare: %s", async (isBare, more) => {
    const life = new Life(undefined, { isBare });
    await life.join();
    const [register] = life.heard("register");
    expect(Object.keys(register ?? {})).toEqual([
      "type",
      "protocols",
      "blob",
      "signature",
      "offer",
      "offer_signature",
      ...more,
    ]);
    if (!isBare) expect(register).toMatchObject({ auth_token: "token", hardware: {} });
    expect(register).not.toHaveProperty("hardware.testify");
  });

  it("belongs to the id that it was given first", async () => {
    const life = new Life();
    await life.until(() => life.peers.length > 0 && life.heard("register").length === 1);
    for (const provider_id of [PROVIDER_ID, "prov_other"])
      life.tell({ type: "registered", protocol: PROTOCOL_VERSION, provider_id });
    await life.until(() => life.joined.length === 1);
    expect(life.joined).toMatchObject([{ providerId: PROVIDER_ID }]);
  });

  /**
   * Goal: a machine takes the pseudonym that it is given, for that connection alone, and nothing else for its serial.
   * Method: registered with one, let a key grow old, connect again; registered with a maker's serial.
   */
  it("signs under the pseudonym that it is given, until the connection ends", async () => {
    const life = new Life(undefined, {
      keyAgeMs: HPKE_KEY_LIFE_MS - KEY_RENEWED_BEFORE_END_MS - 2 * HEARTBEAT_EVERY_MS,
    });
    const serials = (type: "register" | "renew") =>
      life.heard(type).map(({ blob }) => readBlob(fromBase64(blob))?.serial);
    const registered = { type: "registered", protocol: PROTOCOL_VERSION, provider_id: PROVIDER_ID } as const;
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
    life.tell({
      type: "registered",
      protocol: PROTOCOL_VERSION,
      provider_id: PROVIDER_ID,
      serial_alias: "PS-0123456789AB",
    });
    await life.session?.drain();
    await life.until(() => life.heard("heartbeat").length > 0);
    expect(life.peer.heard.map(({ type }) => type)).toEqual(["register", "renew", "heartbeat"]);
  });

  it("answers a challenge over the blob that it showed last", async () => {
    const life = new Life();
    await life.join();
    const nonce = life.challenge();
    await life.until(() => life.heard("attestation_response").length === 1);
    const [response] = life.heard("attestation_response");
    const signed = fromBase64(response?.answer ?? "");
    const message = Buffer.concat([utf8(tags.challenge), signed]);
    const signature = fromBase64(response?.signature ?? "");
    expect(await nodeCrypto.verifyP256(life.machine.signer.publicKey, message, signature)).toBe(true);
    expect(challengeAnswer.parse(JSON.parse(Buffer.from(signed).toString()))).toMatchObject({
      nonce,
      blob_sha256: toHex(nodeCrypto.sha256(fromBase64(life.heard("register")[0]?.blob ?? ""))),
      offer_sha256: toHex(nodeCrypto.sha256(fromBase64(life.heard("register")[0]?.offer ?? ""))),
      posture: { inspector_closed: "pass" },
    });
  });

  const model = { build: "one", weights_sha256: "0".repeat(64), context_tokens: 1 };
  /** As signed, and by whom. */
  const saidBy = async (life: Life, { offer, signature }: { offer: string; signature: string }) => {
    const message = Buffer.concat([utf8(tags.offer), fromBase64(offer)]);
    const { publicKey } = life.machine.signer;
    expect(await nodeCrypto.verifyP256(publicKey, message, fromBase64(signature))).toBe(true);
    const { identity_key: key, slots, models } = readOffer(fromBase64(offer)) ?? {};
    expect(key).toBe(toBase64(publicKey));
    return { slots, models };
  };

  /** Goal: what a machine offers is told when it changes, and no more often than may be. Method: a model more, and slots that change all the time. */
  it("says what it offers, and says it anew when that has changed", async () => {
    const life = new Life();
    await life.join();
    const [register] = life.heard("register");
    const first = { offer: register?.offer ?? "", signature: register?.offer_signature ?? "" };
    expect(await saidBy(life, first)).toEqual({ slots: 1, models: [] });
    await life.advance(OFFER_EVERY_MS);
    expect(life.heard("offer")).toEqual([]);
    life.machine.offered = { slots: 1, models: [model] };
    await life.advance(HEARTBEAT_EVERY_MS);
    const [told, ...more] = life.heard("offer");
    expect(more).toEqual([]);
    expect(await saidBy(life, told ?? expect.fail("no offer"))).toEqual({ slots: 1, models: [model] });
    expect(life.heard("renew")).toEqual([]);

    for (let slots = 2; slots < 12; slots++) {
      life.machine.offered = { slots, models: [model] };
      life.peer.listener.heard();
      await life.advance(HEARTBEAT_EVERY_MS);
    }
    expect(life.heard("offer")).toHaveLength(6);

    life.peer.listener.closed(1001, "");
    await life.until(() => life.losses.length === 1);
    await life.advance(RETRY_MAX_MS);
    await life.join();
    expect(readOffer(fromBase64(life.heard("register")[0]?.offer ?? ""))?.slots).toBe(11);
  });

  it("offers nothing new while a challenge is answered, and answers over what it offered last", async () => {
    const testimony = Promise.withResolvers<object>();
    const life = new Life(undefined, { testify: () => testimony.promise });
    await life.join();
    life.challenge();
    await life.machine.quiet();
    life.machine.offered = { slots: 1, models: [model] };
    await life.advance(HEARTBEAT_EVERY_MS);
    await life.advance(HEARTBEAT_EVERY_MS);
    expect(life.heard("offer")).toEqual([]);
    testimony.resolve({});
    await life.machine.quiet();
    expect(life.heard("attestation_response")).toHaveLength(1);
    await life.advance(HEARTBEAT_EVERY_MS);
    const [told] = life.heard("offer");
    life.challenge();
    await life.until(() => life.heard("attestation_response").length === 2);
    const [first, second] = life
      .heard("attestation_response")
      .map(({ answer }) => readAnswer(fromBase64(answer))?.offer_sha256);
    const named = (offer = "") => toHex(nodeCrypto.sha256(fromBase64(offer)));
    expect([first, second]).toEqual([named(life.heard("register")[0]?.offer), named(told?.offer)]);
  });

  it("takes as many requests as it offers to", async () => {
    const life = new Life();
    life.machine.offered = { slots: 3, models: [] };
    await life.join();
    for (let n = 0; n < 3 + WAITING_MAX + 1; n++) life.request(`job_${n}`);
    expect(life.session?.running).toBe(3 + WAITING_MAX);
  });

  /** Goal: a machine whose chip does not sign is away, says why, and comes back. Method: a chip that is gone for a while. */
  it("leaves where its key does not sign, and comes back when it does", async () => {
    const life = new Life();
    await life.join();
    life.signs = new GoneChip();
    life.challenge();
    await life.until(() => life.losses.length === 1);
    expect(life.losses).toEqual([{ reason: "key_unavailable", retryInMs: RETRY_FIRST_MS }]);
    expect(life.chip).toEqual([{ step: "signature", fault: "lost" }]);
    life.signs = true;
    await life.advance(RETRY_FIRST_MS);
    await life.join();
    expect(life.bugs).toEqual([]);
  });

  it("tells what else breaks at a challenge as a bug, and stays", async () => {
    const life = new Life();
    await life.join();
    life.signs = new Error("a bug");
    life.challenge();
    await life.until(() => life.bugs.length === 1);
    expect(life.bugs).toEqual([life.signs]);
    expect(life.chip).toEqual([]);
    expect(life.losses).toEqual([]);
  });

  /** Goal: a coordinator cannot make a machine's chip work without end. Method: one challenge too many, while the chip is slow. */
  it("answers a few challenges at once and skips more", async () => {
    const life = new Life(undefined, { testify: () => new Promise(() => {}) });
    await life.join();
    const nonces = Array.from({ length: CHALLENGES_MAX + 1 }, () => life.challenge());
    await life.advance(TESTIMONY_WAIT_MS);
    const answered = () =>
      life
        .heard("attestation_response")
        .map(({ answer }) => challengeAnswer.parse(JSON.parse(Buffer.from(fromBase64(answer)).toString())).nonce);
    // They are signed side by side, whichever is done first.
    expect(answered().toSorted()).toEqual(nonces.slice(0, CHALLENGES_MAX).toSorted());
    const later = life.challenge();
    await life.advance(TESTIMONY_WAIT_MS);
    expect(answered().at(-1)).toBe(later);
    expect(life.bugs).toEqual([]);
  });

  /** Goal: a request's time is judged by its coordinator's clock. Method: one that is an hour behind, told by a challenge a while ago. */
  it.each<[string, number, AnswerOutcome]>([
    ["now", ENVELOPE_LIFE_MS, "complete"],
    ["as late as may be", ENVELOPE_LIFE_MS + CLOCK_SKEW_MS, "complete"],
    ["later", ENVELOPE_LIFE_MS + CLOCK_SKEW_MS + 1, "cannot_open"],
    ["as early as may be", -CLOCK_SKEW_MS, "complete"],
    ["earlier", -CLOCK_SKEW_MS - 1, "cannot_open"],
  ])("opens what its coordinator seals by its own clock: %s", async (_, expiresInMs, outcome) => {
    const life = new Life();
    await life.join();
    const behindMs = 60 * 60_000;
    life.challenge(life.clock.now() - behindMs);
    await life.advance(2 * HEARTBEAT_EVERY_MS);
    life.request("job_1", { expires_at: new Date(life.clock.now() - behindMs + expiresInMs).toISOString() });
    await life.until(() => life.outcomes.length === 1);
    expect(life.outcomes).toEqual([outcome]);
  });

  it("answers an id once while it runs", async () => {
    const life = new Life({ pieces: ["Rain", "."], hangAfter: 1 });
    await life.join();
    life.request("job_1");
    life.request("job_1");
    await life.until(() => life.session?.running === 1);
    life.tell({ type: "cancel", job_id: "job_1" });
    await life.until(() => life.outcomes.length === 1);
    expect(life.session?.running).toBe(0);
    expect(life.heard("inference_complete")).toHaveLength(1);
  });

  /** Goal: nobody sends work to a machine whose model is away. Method: a model that ends and comes back. */
  it("takes nothing while there is no model, and says at once when there is one", async () => {
    const life = new Life();
    await life.join();
    life.setReady(false);
    life.request("job_1");
    await settle();
    life.setReady(true);
    life.request("job_2");
    await life.until(() => life.outcomes.length === 1);
    expect(life.heard("inference_error")).toEqual([{ type: "inference_error", job_id: "job_1", code: "busy" }]);
    expect(life.heard("heartbeat").map(({ status }) => status)).toEqual(["ready", "restarting", "ready"]);
    expect(life.outcomes).toEqual(["complete"]);
  });

  it("serves a request, and beats at its own pace", async () => {
    const life = new Life();
    await life.join();
    const answer = life.request("job_1");
    await life.until(() => life.outcomes.length === 1);
    for (const { jobId, bytes } of life.peer.records) if (jobId === "job_1") answer.takeFrames(bytes);
    expect(answer.said).toBe("Rain.");
    expect(life.outcomes).toEqual(["complete"]);
    expect(life.heard("heartbeat").map(({ status }) => status)).toEqual(["ready"]);
    await life.advance(HEARTBEAT_EVERY_MS);
    expect(life.heard("heartbeat")).toHaveLength(2);
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
      { type: "inference_error", job_id: `job_${1 + WAITING_MAX}`, code: "busy" },
    ]);
  });

  /** Goal: a coordinator that only sends costs a bounded amount of work and memory. Method: one message of very many requests that are none, unread. */
  it("leaves a coordinator that has very much refused and reads none of it", async () => {
    const life = new Life();
    await life.join();
    life.peer.bufferedBytes = COORDINATOR_BUFFERED_BYTES_MAX;
    const none = writeRecord({ kind: "request", jobId: "j", bytes: new Uint8Array(0) });
    life.peer.listener.received(joinRecords(Array.from({ length: ENDS_WAITING_MAX }, () => none)));
    expect(life.peer.closed).toBeUndefined();
    life.peer.listener.received(none);
    expect(life.peer.closed).toBe("terminated");
    life.request("late");
    await life.until(() => life.losses.length === 1);
    expect(life.losses).toMatchObject([{ reason: "unread" }]);
    expect(life.heard("inference_error")).toEqual([]);
    expect(life.outcomes).toEqual([]);
  });

  /** Goal: one message takes no more than some milliseconds. Method: as many records as are looked at, of a kind of tomorrow, with a request as the last of them and behind them. */
  it.each([
    [RECORDS_PER_MESSAGE_MAX - 1, ["last"]],
    [RECORDS_PER_MESSAGE_MAX, []],
  ])("looks at a bounded number of records, here at %i before a request", async (before, answered) => {
    const life = new Life();
    await life.join();
    const ofTomorrow = writeRecord({ kind: "answer", jobId: "j", bytes: new Uint8Array(0) }).with(0, 99);
    const last = writeRecord({ kind: "request", jobId: "last", bytes: new Uint8Array(3) });
    const records = Array.from({ length: before }, () => ofTomorrow);
    life.peer.listener.received(joinRecords([...records, last]));
    life.tellRecord({ kind: "request", jobId: "next", bytes: new Uint8Array(3) });
    await life.machine.quiet();
    expect(life.heard("inference_error").map(({ job_id }) => job_id)).toEqual([...answered, "next"]);
  });

  it("answers each request that is none, and no record that is no request", async () => {
    const life = new Life();
    await life.join();
    for (const kind of ["request", "answer"] as const) life.tellRecord({ kind, jobId: kind, bytes: new Uint8Array(3) });
    await life.machine.quiet();
    expect(life.heard("inference_error")).toEqual([
      { type: "inference_error", job_id: "request", code: "cannot_open" },
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
    expect(life.heard("inference_error")).toMatchObject([{ job_id: "job_2", code: "draining" }]);
    await life.advance(5_000);
    await life.until(() => life.heard("inference_complete").length === 1);
    expect(isDrained).toBe(false);
    life.tell({ type: "provider_drain_ack" });
    await life.until(() => isDrained);
  });

  /** Goal: a drain ends though nobody can acknowledge it. Method: drain before and after the connection is lost. */
  it.each([
    ["while it waits", true],
    ["before", false],
  ])("has drained where the connection is lost %s", async (_, isDraining) => {
    const life = new Life();
    await life.join();
    let isDrained = false;
    const drain = () => void life.session?.drain().then(() => (isDrained = true));
    if (isDraining) drain();
    life.peer.listener.closed(1006, "");
    if (!isDraining) drain();
    await life.until(() => isDrained);
  });

  it("ends every answer when it is lost", async () => {
    const life = new Life({ pieces: ["Rain", "."], hangAfter: 1 });
    await life.join();
    life.request("job_1");
    await life.until(() => life.engine.running === 1);
    const { length } = life.peer.heard;
    life.peer.listener.closed(1006, "");
    await life.until(() => life.losses.length === 1);
    expect(life.peer.heard).toHaveLength(length);
    expect(life.outcomes).toEqual(["lost"]);
    expect(life.engine.running).toBe(0);
  });

  /** Goal: no key serves longer than a day, and none is used unannounced. Method: join with an old key, and stay. */
  it("renews its key before a day is over, on the same connection", async () => {
    const life = new Life(undefined, {
      keyAgeMs: HPKE_KEY_LIFE_MS - KEY_RENEWED_BEFORE_END_MS - 2 * HEARTBEAT_EVERY_MS,
    });
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
