import {
  CHALLENGE_ANSWER_MS,
  CHALLENGE_EVERY_MS,
  toBase64,
  type FromCoordinator,
  type RegistrationBlob,
} from "@darkbloom/protocol";
import { describe, expect, it } from "vitest";
import { HandMachine } from "../../../../packages/testkit/src/hand-machine.ts";
import { TestNetwork } from "../../../../packages/testkit/src/network.ts";
import { DISTRUST_MS, HARD_FAILURES_MAX, TIMEOUTS_UNTIL_CLOSED, TIMEOUTS_UNTIL_STALE } from "../trust/standing.ts";
import { CHALLENGE_PAUSE_MIN_MS, CHALLENGE_RETRY_MS, RENEWALS_EVERY_MS } from "./challenger.ts";
import { REGISTER_WAIT_MS } from "./register.ts";

/**
 * Goal: when a machine is challenged, and what each answer, and none, does to it. Method: a machine in the test's hands on
 * a simulated clock.
 */
const candidate = ({ fleet, clock }: TestNetwork) => {
  const [found] = fleet.candidates();
  const nowMs = clock.monotonicMs();
  return found && { ...found, attested: nowMs <= found.attestedUntilMs, distrusted: nowMs < found.distrustedUntilMs };
};
const challenges = (machine: HandMachine) => machine.all("attestation_challenge").length;
type Posture = RegistrationBlob["posture"];

async function renewal(machine: HandMachine, rotate = true) {
  const { bytes, signature } = await machine.keys.show(rotate);
  return { type: "renew", blob: toBase64(bytes), signature: toBase64(signature) } as const;
}
const answer = async (machine: HandMachine, more?: Parameters<HandMachine["answerTo"]>[1]) =>
  machine.say(await machine.answerTo(machine.last("attestation_challenge"), more));

describe("challenges", () => {
  it("come at once, then at their time, each with another nonce", async () => {
    const made = new TestNetwork();
    const machine = await HandMachine.joined(made);
    expect(challenges(machine)).toBe(1);
    await made.clock.advance(CHALLENGE_EVERY_MS - 10);
    expect(challenges(machine)).toBe(1);
    await made.clock.advance(10);
    const nonces = machine.all("attestation_challenge").map(({ nonce }) => nonce);
    expect(nonces).toHaveLength(2);
    expect(new Set(nonces).size).toBe(2);
  });

  it("come sooner after one that was not passed, and for callers who wait, but never at once", async () => {
    const made = new TestNetwork();
    const machine = await HandMachine.joined(made);
    void machine.member.prove(new Uint8Array(32));
    await made.clock.advance(CHALLENGE_PAUSE_MIN_MS - 10);
    expect(challenges(machine)).toBe(1);
    await made.clock.advance(10);
    expect(challenges(machine)).toBe(2);
    expect(machine.last("attestation_challenge").callers_root).toMatch(/^[0-9a-f]{64}$/);
    await answer(machine, { nonce: toBase64(new Uint8Array(32)) });
    await made.clock.advance(CHALLENGE_RETRY_MS - 10);
    expect(challenges(machine)).toBe(2);
    await made.clock.advance(11);
    expect(challenges(machine)).toBe(3);
  });

  it("that go unanswered make a machine stale, then close it; the next answer mends", async () => {
    const made = new TestNetwork();
    const machine = await HandMachine.joined(made);
    await made.clock.advance(CHALLENGE_EVERY_MS);
    for (let missed = 1; missed <= TIMEOUTS_UNTIL_STALE; missed++) {
      expect(candidate(made)?.attested).toBe(true);
      await made.clock.advance(CHALLENGE_ANSWER_MS + CHALLENGE_RETRY_MS - (missed === 1 ? 2 : 0));
    }
    expect(candidate(made)).toMatchObject({ attested: false, distrusted: false });
    expect(machine.last("trust_status").checks.find(({ id }) => id === "standing")?.status).toBe("fail");
    await made.clock.advance(10);
    await answer(machine);
    await made.clock.advance(1);
    expect(candidate(made)?.attested).toBe(true);
    await made.clock.advance(CHALLENGE_EVERY_MS + TIMEOUTS_UNTIL_CLOSED * (CHALLENGE_ANSWER_MS + CHALLENGE_RETRY_MS));
    expect(machine.closed).toBe("untrusted");
  });

  it("that are refuted take eligibility at once, and trust after so many in a row", async () => {
    const made = new TestNetwork();
    const machine = await HandMachine.joined(made);
    await made.clock.advance(CHALLENGE_EVERY_MS);
    for (let failures = 1; failures <= HARD_FAILURES_MAX; failures++) {
      await answer(machine, { nonce: toBase64(new Uint8Array(32)) });
      await made.clock.advance(1);
      expect(candidate(made)).toMatchObject({ attested: false, distrusted: failures === HARD_FAILURES_MAX });
      await made.clock.advance(CHALLENGE_RETRY_MS);
    }
    await answer(machine);
    await made.clock.advance(1);
    expect(candidate(made)).toMatchObject({ distrusted: true });
    expect(machine.closed).toBeUndefined();
    await made.clock.advance(DISTRUST_MS);
    await answer(machine);
    await made.clock.advance(CHALLENGE_ANSWER_MS + CHALLENGE_RETRY_MS);
    await answer(machine);
    await made.clock.advance(1);
    expect(candidate(made)).toMatchObject({ attested: true, distrusted: false });
  });
});

describe("a posture", () => {
  it.each<[when: string, posture: Posture, gone: boolean]>([
    ["with core dumps on", { core_dumps_off: "fail" }, true],
    ["with a check off that no level asks for", { ptrace_restricted: "fail" }, false],
    ["that could not be read", { core_dumps_off: "unknown" }, false],
  ])("%s, in a challenge: %s → distrusted %s", async (_, posture, gone) => {
    const made = new TestNetwork();
    const machine = await HandMachine.joined(made);
    await made.clock.advance(CHALLENGE_EVERY_MS);
    await answer(machine, { posture });
    await made.clock.advance(1);
    expect(candidate(made)?.distrusted).toBe(gone);
  });

  it("that fails in a new blob distrusts at once", async () => {
    const made = new TestNetwork();
    const told: { posture: Posture } = { posture: {} };
    const machine = await HandMachine.joined(made, { describe: told });
    told.posture = { core_dumps_off: "fail" };
    machine.say(await renewal(machine));
    expect(candidate(made)?.distrusted).toBe(true);
  });
});

describe("a new blob", () => {
  it("with new keys is challenged before it serves, and its keys take over then", async () => {
    const made = new TestNetwork();
    const machine = await HandMachine.joined(made);
    const before = machine.member.sealing().keyId;
    await made.clock.advance(CHALLENGE_PAUSE_MIN_MS);
    machine.say(await renewal(machine));
    await made.clock.advance(1);
    expect(challenges(machine)).toBe(2);
    expect(machine.member.sealing().keyId).toBe(before);
    await answer(machine);
    await made.clock.advance(1);
    expect(machine.member.sealing().keyId).not.toBe(before);
  });

  it("that says another machine distrusts it", async () => {
    const made = new TestNetwork();
    const told = { chip_name: "one" };
    const machine = await HandMachine.joined(made, { describe: told });
    told.chip_name = "another";
    machine.say(await renewal(machine));
    expect(candidate(made)?.distrusted).toBe(true);
    expect(challenges(machine)).toBe(1);
  });

  it("that fails a check is not taken over, and the machine is told", async () => {
    const made = new TestNetwork();
    const told: { serial?: string } = {};
    const machine = await HandMachine.joined(made, { describe: told });
    told.serial = "SW-000000000000";
    machine.say(await renewal(machine));
    await made.clock.advance(1);
    expect(candidate(made)?.failing).toBe(true);
    expect(challenges(machine)).toBe(1);
    expect(machine.last("trust_status").checks).toContainEqual(
      expect.objectContaining({ id: "machine.serial", status: "fail" }),
    );
  });

  it.each<[what: string, gapMs: number, closed: string | undefined]>([
    ["soon after another", RENEWALS_EVERY_MS - 1, "protocol"],
    ["after the pause", RENEWALS_EVERY_MS, undefined],
  ])("%s (%s ms): closed with %s", async (_, gapMs, closed) => {
    const made = new TestNetwork();
    const machine = await HandMachine.joined(made);
    machine.say(await renewal(machine));
    await made.clock.advance(gapMs);
    machine.say(await renewal(machine));
    expect(machine.closed).toBe(closed);
  });

  it("of another key, or that is no blob, ends the connection", async () => {
    const made = new TestNetwork();
    for (const blob of [
      await renewal(new HandMachine(made)),
      { ...(await renewal(new HandMachine(made))), blob: "" },
    ]) {
      const machine = await HandMachine.joined(made);
      machine.say(blob);
      expect(machine.closed).toBe("protocol");
    }
  });
});

describe("whoever joins", () => {
  const refusedWith = async (act: (machine: HandMachine) => unknown, made = new TestNetwork()) => {
    const machine = new HandMachine(made);
    await act(machine);
    await made.clock.advance(1);
    return { machine, made };
  };
  it.each<[what: string, act: (machine: HandMachine) => unknown, reason: RegExp]>([
    ["says something else first", (machine) => machine.say({ type: "provider_drain" }), /register first/],
    ["says nothing that can be read", (machine) => machine.sayText("{"), /register first/],
    ["speaks another protocol", (machine) => machine.register({ protocol: 2 }), /register first/],
    ["shows no blob", (machine) => machine.register({ blob: "" }), /cannot be read/],
  ])("%s is refused", async (_, act, reason) => {
    const { machine, made } = await refusedWith(act);
    expect(machine.closed).toMatch(reason);
    expect(made.fleet.candidates()).toEqual([]);
  });

  it("says nothing at all is closed in time", async () => {
    const { machine, made } = await refusedWith(() => {});
    await made.clock.advance(REGISTER_WAIT_MS);
    expect(machine.closed).toMatch(/register first/);
  });

  it("carries the pseudonym of others as its serial is refused", async () => {
    const made = new TestNetwork();
    const machine = new HandMachine(made, { describe: { serial: "PS-0123456789AB" } });
    await machine.register();
    await made.clock.advance(1);
    expect(machine.closed).toMatch(/PS-/);
  });

  it("registers twice is closed", async () => {
    const made = new TestNetwork();
    const machine = await HandMachine.joined(made);
    await machine.register();
    expect(machine.closed).toBe("protocol");
  });

  it("fails a check stays at none and is told why, without a challenge", async () => {
    const made = new TestNetwork();
    const machine = new HandMachine(made);
    await machine.register({ signature: toBase64(new Uint8Array(70)) });
    await made.clock.advance(CHALLENGE_EVERY_MS);
    expect(challenges(machine)).toBe(0);
    expect(machine.closed).toBeUndefined();
    expect(machine.last("trust_status")).toMatchObject({ trust_level: "none", eligible: false });
  });

  it("under a disclosure that hides serials must show its pseudonym in time", async () => {
    const made = new TestNetwork(1, "pseudonym");
    const machine = new HandMachine(made);
    await machine.register();
    await made.clock.advance(1);
    expect(machine.last("registered").serial_alias).toMatch(/^PS-/);
    machine.say({ type: "heartbeat", status: "idle", running: 0 });
    await made.clock.advance(REGISTER_WAIT_MS);
    expect(machine.closed).toMatch(/did not come in time/);
    const other = new HandMachine(made);
    await other.register();
    await made.clock.advance(1);
    other.say(await renewal(other, false));
    await made.clock.advance(1);
    expect(other.closed).toMatch(/another serial/);
    const third = new HandMachine(made);
    await third.register();
    await made.clock.advance(1);
    const alias: FromCoordinator = third.last("registered");
    const shown = await third.keys.show(false, alias.type === "registered" ? alias.serial_alias : undefined);
    third.say({ type: "renew", blob: toBase64(shown.bytes), signature: toBase64(new Uint8Array(70)) });
    await made.clock.advance(1);
    expect(third.closed).toMatch(/fails a check/);
  });
});
