import type { JobId } from "@darkbloom/protocol/ids";
import { toBase64, utf8 } from "@darkbloom/protocol/bytes";
import type { TpmEvidence } from "@darkbloom/protocol/evidence";
import { CHALLENGE_ANSWER_MS, CHALLENGE_EVERY_MS } from "@darkbloom/protocol/limits";
import type { FromProvider, RegistrationBlob } from "@darkbloom/protocol/wire";
import { describe, expect, it, vi } from "vitest";
import { memorySigner } from "../../../../../packages/testkit/src/memory-signer.ts";
import { HandMachine } from "../../../../../packages/testkit/src/hand-machine.ts";
import { TestNetwork } from "../../../../../packages/testkit/src/network.ts";
import { settle } from "../../../../../packages/testkit/src/simulated-clock.ts";
import { DISTRUST_MS, HARD_FAILURES_MAX, TIMEOUTS_UNTIL_CLOSED, TIMEOUTS_UNTIL_STALE } from "../records/standing.ts";
import { CHALLENGE_PAUSE_MIN_MS, CHALLENGE_RETRY_MS, RENEWALS_EVERY_MS } from "./challenger.ts";

/**
 * Goal: when a machine is challenged, and what each answer, and none, does to it. Method: a machine in the test's hands on
 * a simulated clock.
 */
const candidate = ({ fleet, clock }: TestNetwork) => {
  const [found] = fleet.machines();
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

  /** Goal: an answer counts for who is there. Method: one machine connects anew, and that connection ends or is closed while its answer is checked. */
  it.each<[what: string, act: (machine: HandMachine) => unknown]>([
    ["has gone", (machine) => machine.connection.closed()],
    ["is being closed", (machine) => machine.register()],
  ])("answered by a connection that %s while the answer is checked end no other's", async (_, act) => {
    const made = new TestNetwork();
    const machine = await HandMachine.joined(made);
    const again = new HandMachine(made, { signer: machine.signer });
    await again.register();
    await made.clock.advance(1);
    const callers = again.member.prove(new Uint8Array(32));
    await made.clock.advance(CHALLENGE_PAUSE_MIN_MS);
    made.checks.isHolding = true;
    await answer(again);
    await made.clock.advance(1);
    expect(made.checks.held).toHaveLength(1);
    await act(again);
    made.checks.release();
    await made.clock.advance(1);
    expect(machine.closed).toBeUndefined();
    expect((await callers).path).toBeUndefined();
    expect(candidate(made)).toMatchObject({ attested: true, providerId: machine.member.providerId });
    expect(made.bugs).toEqual([]);
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
    await settle();
    expect(candidate(made)?.distrusted).toBe(true);
  });
});

/** The key that a request would be sealed for now. */
async function sealedFor({ member }: HandMachine): Promise<string> {
  const line = await member.reserve("job_looks" as JobId);
  if (line === "full") throw new RangeError("it has no slot to look from");
  using looks = line;
  return looks.sealing().keyId;
}

describe("a new blob", () => {
  it("with new keys is challenged before it serves, and its keys take over then", async () => {
    const made = new TestNetwork();
    const machine = await HandMachine.joined(made);
    const before = await sealedFor(machine);
    await made.clock.advance(CHALLENGE_PAUSE_MIN_MS);
    machine.say(await renewal(machine));
    await made.clock.advance(1);
    expect(challenges(machine)).toBe(2);
    expect(await sealedFor(machine)).toBe(before);
    await answer(machine);
    await made.clock.advance(1);
    expect(await sealedFor(machine)).not.toBe(before);
  });

  it("that comes soon after a challenge waits for the pause", async () => {
    const made = new TestNetwork();
    const machine = await HandMachine.joined(made);
    machine.say(await renewal(machine));
    await made.clock.advance(CHALLENGE_PAUSE_MIN_MS - 10);
    expect(challenges(machine)).toBe(1);
    await made.clock.advance(10);
    expect(challenges(machine)).toBe(2);
  });

  it("that follows another before its answer is challenged in its turn", async () => {
    const made = new TestNetwork();
    const machine = await HandMachine.joined(made);
    machine.say(await renewal(machine));
    await made.clock.advance(RENEWALS_EVERY_MS);
    const first = await machine.answerTo(machine.last("attestation_challenge"));
    const [firstKey] = machine.keys.latest.keyIds;
    machine.say(await renewal(machine));
    machine.say(first);
    await made.clock.advance(1);
    expect(await sealedFor(machine)).toBe(firstKey);
    await made.clock.advance(CHALLENGE_PAUSE_MIN_MS);
    await answer(machine);
    await made.clock.advance(1);
    expect(await sealedFor(machine)).not.toBe(firstKey);
    expect(machine.keys.latest.keyIds).toContain(await sealedFor(machine));
  });

  it("without what kept a machine from its first challenge brings that", async () => {
    const made = new TestNetwork();
    const told: { posture: Posture } = { posture: { core_dumps_off: "fail" } };
    const machine = new HandMachine(made, { describe: told });
    await machine.register();
    await made.clock.advance(1);
    const proof = machine.member.prove(new Uint8Array(32));
    await made.clock.advance(CHALLENGE_RETRY_MS);
    expect(await proof).not.toHaveProperty("path");
    expect(challenges(machine)).toBe(0);
    told.posture = {};
    machine.say(await renewal(machine));
    await made.clock.advance(CHALLENGE_RETRY_MS);
    await answer(machine);
    await made.clock.advance(1);
    expect(candidate(made)).toMatchObject({ attested: true, distrusted: false, failing: false });
  });

  it("that says another machine distrusts it", async () => {
    const made = new TestNetwork();
    const told = { chip_name: "one" };
    const machine = await HandMachine.joined(made, { describe: told });
    told.chip_name = "another";
    machine.say(await renewal(machine));
    await settle();
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
    expect(candidate(made)).toMatchObject({ failing: true, distrusted: false });
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

const model = (build: string, digit = "0") => ({ build, weights_sha256: digit.repeat(64), context_tokens: 2048 });
/** What may be asked of the machine now. */
const asked = (made: TestNetwork) => {
  const { slots, models = [] } = candidate(made) ?? {};
  return { slots, builds: models.map(({ build }) => build) };
};

/**
 * Goal: nothing is asked of a machine that it does not say it offers now, and nothing that no answered challenge names.
 * Method: offers in every order with challenges, and those of others and of before.
 */
describe("a new offer", () => {
  const joined = async () => {
    const made = new TestNetwork();
    const machine = new HandMachine(made);
    machine.offered = { slots: 2, models: [model("one")] };
    await machine.register();
    await made.clock.advance(1);
    await answer(machine);
    await made.clock.advance(1);
    return [made, machine] as const;
  };
  const challengedAgain = async (made: TestNetwork, machine: HandMachine) => {
    await made.clock.advance(CHALLENGE_PAUSE_MIN_MS);
    await answer(machine);
    await made.clock.advance(1);
  };

  it("adds a model and slots once a challenge that names it was passed, and the blob stays", async () => {
    const [made, machine] = await joined();
    const [before] = made.fleet.published();
    const keyId = await sealedFor(machine);
    const changed = await machine.offer({ slots: 3, models: [model("one"), model("two")] });
    await made.clock.advance(1);
    expect(asked(made)).toEqual({ slots: 2, builds: ["one"] });
    expect([...made.fleet.machinesFor("two")]).toEqual([]);
    await challengedAgain(made, machine);
    expect(asked(made)).toEqual({ slots: 3, builds: ["one", "two"] });
    expect([...made.fleet.machinesFor("two")]).toHaveLength(1);
    const [after] = made.fleet.published();
    expect(after).toMatchObject({
      machine: { evidenceSha256: before?.machine.evidenceSha256, slots: 3 },
      evidence: { offer: changed },
    });
    expect(after?.machine.models.map(({ build }) => build)).toEqual(["one", "two"]);
    expect(await sealedFor(machine)).toBe(keyId);
    expect(challenges(machine)).toBe(2);
    // The fleet finds machines by this list: it is the same one for as long as it says the same.
    const list = candidate(made)?.models;
    await made.clock.advance(CHALLENGE_EVERY_MS);
    await answer(machine);
    await made.clock.advance(1);
    expect([challenges(machine), candidate(made)?.models === list]).toEqual([3, true]);
  });

  it("withdraws a model and slots at once, and adds nothing with that", async () => {
    const [made, machine] = await joined();
    await machine.offer({ slots: 1, models: [model("two")] });
    await made.clock.advance(1);
    expect(asked(made)).toEqual({ slots: 1, builds: [] });
    expect([...made.fleet.machinesFor("one")]).toEqual([]);
    // What others are shown is still what the last challenge names.
    expect(made.fleet.published()).toMatchObject([{ machine: { models: [{ build: "one" }] } }]);
    await challengedAgain(made, machine);
    expect(asked(made)).toEqual({ slots: 1, builds: ["two"] });
    expect([...made.fleet.machinesFor("one")]).toEqual([]);
  });

  it("of before, named in the answer, counts for nothing", async () => {
    const [made, machine] = await joined();
    const before = machine.offers.sha256;
    await machine.offer({ models: [] });
    await made.clock.advance(CHALLENGE_PAUSE_MIN_MS);
    await answer(machine, { offerSha256: before });
    await made.clock.advance(1);
    expect(asked(made).builds).toEqual([]);
    expect(machine.last("trust_status").checks).toContainEqual(
      expect.objectContaining({ id: "challenge.offer", status: "fail" }),
    );
  });

  it("that came while the machine answered may be named, and is then not asked for again", async () => {
    const [made, machine] = await joined();
    await made.clock.advance(CHALLENGE_EVERY_MS);
    made.checks.isHolding = true;
    await machine.offer({ models: [model("one"), model("two")] });
    await answer(machine);
    await made.clock.advance(1);
    expect(asked(made).builds).toEqual(["one"]);
    made.checks.isHolding = false;
    made.checks.release();
    await made.clock.advance(1);
    expect(asked(made).builds).toEqual(["one", "two"]);
    expect(candidate(made)).toMatchObject({ attested: true, failing: false });
  });

  it("that came after the answer leaves that one as it is", async () => {
    const [made, machine] = await joined();
    await made.clock.advance(CHALLENGE_EVERY_MS);
    const reply = await machine.answerTo(machine.last("attestation_challenge"));
    await machine.offer({ models: [model("one"), model("two")] });
    machine.say(reply);
    await made.clock.advance(1);
    expect(asked(made).builds).toEqual(["one"]);
    expect(candidate(made)).toMatchObject({ attested: true, failing: false });
    await challengedAgain(made, machine);
    expect(asked(made).builds).toEqual(["one", "two"]);
  });

  /** Goal: an answer names what stood as it was made, whatever came before and behind it on the way. Method: new keys, the answer, then a new offer; and the other way round. */
  it.each(["offer", "blob"])("and new keys around an answer, the %s last, leave it as it is", async (last) => {
    const [made, machine] = await joined();
    await made.clock.advance(CHALLENGE_EVERY_MS);
    const change = {
      offer: () => machine.offer({ models: [model("one"), model("two")] }),
      blob: async () => machine.say(await renewal(machine)),
    };
    await change[last === "offer" ? "blob" : "offer"]();
    const reply = await machine.answerTo(machine.last("attestation_challenge"));
    await change[last === "offer" ? "offer" : "blob"]();
    machine.say(reply);
    await made.clock.advance(1);
    expect(candidate(made)).toMatchObject({ attested: true, failing: false });
    await challengedAgain(made, machine);
    expect(asked(made).builds).toEqual(["one", "two"]);
  });

  it("of several models may change in another thing", async () => {
    const [made, machine] = await joined();
    await machine.offer({ models: [model("one"), model("two", "1")] });
    await made.clock.advance(1);
    await challengedAgain(made, machine);
    await machine.offer({ slots: 1 });
    await made.clock.advance(1);
    await challengedAgain(made, machine);
    expect(candidate(made)?.distrusted).toBe(false);
    expect(asked(made)).toEqual({ slots: 1, builds: ["one", "two"] });
  });

  it("with other weights for a build distrusts the machine", async () => {
    const [made, machine] = await joined();
    await machine.offer({ models: [model("one", "1")] });
    await settle();
    expect(candidate(made)?.distrusted).toBe(true);
  });

  it.each<[what: string, offer: (made: TestNetwork, machine: HandMachine) => Promise<FromProvider>]>([
    ["another machine's", async (made) => offerFrame(new HandMachine(made))],
    [
      "its own, signed by another",
      async (made, machine) => ({
        ...(await offerFrame(machine)),
        signature: (await offerFrame(new HandMachine(made))).signature,
      }),
    ],
    ["none", async (_, machine) => ({ ...(await offerFrame(machine)), offer: "" })],
  ])("that is %s ends the connection", async (_, offer) => {
    const [made, machine] = await joined();
    machine.say(await offer(made, machine));
    await made.clock.advance(1);
    expect(machine.closed).toBe("protocol");
    expect(made.bugs).toEqual([]);
  });

  it.each<[what: string, gapMs: number, closed: string | undefined]>([
    ["soon after another", RENEWALS_EVERY_MS - 1, "protocol"],
    ["after the pause", RENEWALS_EVERY_MS, undefined],
  ])("%s (%s ms): closed with %s", async (_, gapMs, closed) => {
    const [made, machine] = await joined();
    // A new blob has a pause of its own.
    machine.say(await renewal(machine));
    await machine.offer({ slots: 3 });
    await made.clock.advance(gapMs);
    await machine.offer({ slots: 4 });
    expect(machine.closed).toBe(closed);
  });
});

async function offerFrame(machine: HandMachine) {
  const { bytes, signature } = await machine.offers.show();
  return { type: "offer", offer: toBase64(bytes), signature: toBase64(signature) } as const;
}

describe("an answer", () => {
  it("by a clock that is off is told as that, until one is in time", async () => {
    const made = new TestNetwork();
    const machine = await HandMachine.joined(made);
    const clockOff = vi.spyOn(made.net.events, "clockOff");
    const isToldSo = () => machine.last("trust_status").checks.some(({ id }) => id === "clock.offset");
    const answered = async (offMs: number) => {
      await answer(machine, { atMs: made.clock.now() + offMs });
      await made.clock.advance(1);
      return [candidate(made)?.attested, isToldSo(), clockOff.mock.calls.length];
    };
    await made.clock.advance(CHALLENGE_EVERY_MS);
    expect(await answered(0)).toEqual([true, false, 0]);
    await made.clock.advance(CHALLENGE_EVERY_MS);
    expect(await answered(600_000)).toEqual([false, true, 1]);
    expect(clockOff.mock.calls[0]).toMatchObject([{ offsetMs: 600_000 }]);
    await made.clock.advance(CHALLENGE_RETRY_MS);
    expect(await answered(0)).toEqual([true, false, 1]);
  });

  it("that cannot be read is refuted, and says nothing of a clock", async () => {
    const made = new TestNetwork();
    const machine = await HandMachine.joined(made);
    const clockOff = vi.spyOn(made.net.events, "clockOff");
    await made.clock.advance(CHALLENGE_EVERY_MS);
    machine.say({ type: "attestation_response", answer: toBase64(utf8("{}")), signature: toBase64(utf8("s")) });
    await made.clock.advance(1);
    expect(candidate(made)?.attested).toBe(false);
    expect(clockOff).not.toHaveBeenCalled();
  });
});

describe("a TPM's", () => {
  const bytes = (fill: number) => new Uint8Array(4).fill(fill);
  const text = (fill: number) => toBase64(bytes(fill));
  const statement = { attest: text(1), signature: text(2) };
  const tpm = { ek_public: text(3), ak_public: text(4), key_public: text(5), certify: statement };
  /** Seals nothing: whoever has the credential has the secret. */
  class OpenTpms extends TestNetwork {
    override makeCredential = (of: TpmEvidence, secret: Uint8Array) => ({ idObject: secret, encSecret: of.ekPublic });
  }
  const reply = async (machine: HandMachine, more: object) =>
    machine.say({ ...(await machine.answerTo(machine.last("attestation_challenge"))), ...more });

  it("credential comes with the challenge, until it was opened", async () => {
    const made = new OpenTpms();
    const machine = new HandMachine(made);
    await machine.register({ hardware: { tpm } });
    await made.clock.advance(1);
    const { credential } = machine.last("attestation_challenge");
    expect(credential?.enc_secret).toBe(text(3));
    await reply(machine, { secret: credential?.id_object });
    await made.clock.advance(CHALLENGE_EVERY_MS);
    expect(machine.last("attestation_challenge").credential).toBeUndefined();
    expect(machine.member.published().evidence.activation).toBeDefined();
  });

  it("log comes once and stays with what is shown", async () => {
    const made = new TestNetwork();
    const machine = new HandMachine(made);
    const quoteOf = (fill: number) => ({ attest: text(fill), signature: text(2), pcrs: [] });
    const shown = async (more: object) => {
      await made.clock.advance(CHALLENGE_EVERY_MS);
      await reply(machine, more);
      await made.clock.advance(1);
      return machine.member.published().evidence.challenge;
    };
    await machine.register({ hardware: { tpm } });
    await made.clock.advance(1);
    await reply(machine, {});
    const plain = { attest: bytes(6), signature: bytes(2), pcrs: [] };
    expect(await shown({})).not.toHaveProperty("quote");
    expect((await shown({ quote: quoteOf(6) }))?.quote).toStrictEqual(plain);
    const withLog = await shown({ quote: { ...quoteOf(7), event_log: text(9) } });
    expect(withLog?.quote).toEqual({ ...plain, attest: bytes(7), eventLog: bytes(9) });
    expect((await shown({ quote: quoteOf(8) }))?.quote).toEqual({ ...plain, attest: bytes(8), eventLog: bytes(9) });
    expect(await shown({})).not.toHaveProperty("quote");
  });
});

/** Goal: what is found of a connection that another has replaced is not held against its machine. Method: a blob and an answer that are still being checked then, on a socket that is not closed yet. */
describe("a connection that is replaced while it is checked", () => {
  const replacedWith = async (say: (machine: HandMachine, told: { chip_name?: string }) => Promise<FromProvider>) => {
    const made = new TestNetwork();
    const signer = memorySigner();
    const told: { chip_name?: string } = {};
    const machine = await HandMachine.joined(made, { signer, describe: told });
    await made.clock.advance(CHALLENGE_EVERY_MS);
    const said = await say(machine, told);
    delete told.chip_name;
    made.checks.isHolding = true;
    machine.say(said);
    await made.clock.advance(0);
    made.checks.isHolding = false;
    const closed = vi.spyOn(machine.connection, "closed").mockReturnValue();
    const again = await HandMachine.joined(made, { signer });
    expect(machine.closed).toBe("replaced");
    made.checks.release();
    await made.clock.advance(1);
    made.fleet.decidedOn(again.member.view.machineId);
    closed.mockRestore();
    machine.connection.closed();
    await made.clock.advance(1);
    return candidate(made);
  };

  it("is no other machine by its new blob", async () => {
    const found = await replacedWith((machine, told) => {
      told.chip_name = "another";
      return renewal(machine);
    });
    expect(found).toMatchObject({ attested: true, distrusted: false });
  });

  it("has failed no challenge", async () => {
    const found = await replacedWith((machine) =>
      machine.answerTo(machine.last("attestation_challenge"), { nonce: toBase64(new Uint8Array(32)) }),
    );
    expect(found).toMatchObject({ attested: true, distrusted: false });
  });
});
