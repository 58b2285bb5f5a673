import { toHex } from "@darkbloom/protocol/bytes";
import { verify } from "@darkbloom/protocol/evidence";
import { NetworkError } from "@darkbloom/protocol/failures";
import { ANSWER_WINDOW_BYTES, CHALLENGE_EVERY_MS } from "@darkbloom/protocol/limits";
import { verifyReceipt } from "@darkbloom/protocol/receipts";
import { readRecords } from "@darkbloom/protocol/wire";
import { BUSY_MAX, isAttested } from "@darkbloom/coordinator/testing";
import { nodeCrypto } from "@darkbloom/protocol/node";
import type { Script } from "@darkbloom/provider/testing";
import { afterEach, describe, expect, it } from "vitest";
import { Caller, codeOf } from "./caller.ts";
import { account, CREDIT, seededRandom, TestNetwork } from "./network.ts";
import { offered, type ProviderOptions, type TestProvider } from "./test-provider.ts";

const rain: Script = { pieces: ["<think>", "hm", "</think>", " Rain", " is", " water", "."], tokenMs: 20 };
const long: Script = { pieces: Array.from({ length: 200 }, (_, n) => ` ${n}`), tokenMs: 50 };

const open: TestNetwork[] = [];
afterEach(() => {
  for (const { bugs } of open.splice(0)) expect(bugs).toEqual([]);
});

async function network(seed = 1): Promise<TestNetwork> {
  const made = new TestNetwork(seed);
  open.push(made);
  await made.credit();
  return made;
}

async function joined(made: TestNetwork, ...scripts: Script[]): Promise<TestProvider[]> {
  const providers = scripts.map((script) => made.provider(() => script, { slots: 1 }));
  await made.clock.advance(1_000);
  expect(made.fleet.machines().map((machine) => isAttested(machine, made.clock.monotonicMs()))).toEqual(
    scripts.map(() => true),
  );
  return providers;
}

/** Nothing is held, no slot is taken, and every account's figures add up. */
async function expectClosed(made: TestNetwork): Promise<void> {
  await made.clock.advance(90_000);
  expect(made.running).toBe(0);
  const { balance, held, charged, credited } = await made.ledger.totals(account);
  expect(held).toBe(0n);
  expect(balance + charged).toBe(credited);
  expect(await made.ledger.check()).toEqual([]);
}

const textOf = ({ body }: Caller): string =>
  [...new TextDecoder().decode(body).matchAll(/"content":"([^"]*)"/g)].map(([, text]) => text).join("");

async function expectProven(made: TestNetwork, caller: Caller): Promise<void> {
  const { closing } = caller;
  if (!closing) throw new Error("the answer has no closing");
  expect(toHex(nodeCrypto.sha256(caller.body))).toBe(closing.responseHash);
  const checks = await verifyReceipt(nodeCrypto, closing.receipt, {
    coordinatorKeys: new Map([[made.net.countersigner.keyId, made.net.countersigner.publicKey]]),
    responseSha256: closing.responseHash,
    responseSignature: closing.responseSignature,
  });
  expect(checks.filter(({ status }) => status === "fail")).toEqual([]);
}

describe("a network in a process", () => {
  /** Goal: a stream and a plain answer arrive whole and proven, without thoughts. Method: one honest provider. */
  it.each([true, false])("answers, stream %s", async (stream) => {
    const made = await network();
    await joined(made, rain);
    const caller = new Caller();
    await made.clock.until(made.serve(caller, { stream }), 10_000);
    expect(textOf(caller)).toBe("Rain is water.");
    await expectProven(made, caller);
    const [row] = await made.ledger.usage(account, 10);
    expect(row).toMatchObject({ outcome: "finished", usage: { completionTokens: 8 } });
    await expectClosed(made);
  });

  /**
   * Goal: what a machine offers may change under a request, which is answered and paid as it was asked; from then on the new
   * offer counts. Method: the model is withdrawn while it answers, and offered again with another beside it.
   */
  it("answers what runs while the machine offers something else", async () => {
    const made = await network();
    let models = [...offered.models];
    const slow = { ...long, tokenMs: 200 };
    const provider = made.provider(() => slow, { slots: 1, offers: () => ({ models }) });
    await made.clock.advance(1_000);
    const [before] = made.fleet.published();
    const caller = new Caller();
    const served = made.serve(caller);
    await made.clock.advance(2_000);
    models = [];
    await made.clock.advance(6_000);
    expect(made.fleet.machines()).toMatchObject([{ running: 1, models: [] }]);
    expect(await made.clock.until(codeOf(made.serve(new Caller())), 60_000)).toBe("no_provider");
    await made.clock.until(served, 60_000);
    await expectProven(made, caller);
    expect((await made.ledger.usage(account, 10)).map(({ outcome }) => outcome)).toEqual(["finished"]);

    models = offered.models.flatMap((model) => [model, { ...model, build: "another" }]);
    await made.clock.advance(60_000);
    expect(await made.clock.until(codeOf(made.serve(new Caller())), 60_000)).toBe("whole");
    const [after] = made.fleet.published();
    expect(after?.machine.models.map(({ build }) => build)).toEqual(["scripted", "another"]);
    expect(after?.machine.evidenceSha256).toBe(before?.machine.evidenceSha256);
    const { level } = await verify(nodeCrypto, after!.evidence, { moment: "later" }, made.clock.now());
    expect([level, provider.told?.eligible]).toEqual(["self_signed", true]);
    await expectClosed(made);
  });

  /**
   * Goal: a caller sees that each machine answered after its question, all callers in one challenge; a
   * machine that is away is told of without a proof. Method: two callers at once, one machine of two frozen.
   */
  it("has machines answer over callers' nonces", async () => {
    const made = await network();
    const [, away] = await joined(made, rain, rain);
    await made.clock.advance(10_000);
    away?.freeze();
    const nonces = [1, 2].map((n) => new Uint8Array(32).fill(n));
    const proofs = Promise.all(nonces.map((nonce) => made.fleet.prove(nonce)));
    const shown = await made.clock.until(proofs, 40_000);
    const roots = new Set<string | null | undefined>();
    for (const [at, machines] of shown.entries())
      for (const { machine, evidence, path } of machines) {
        const nonce = nonces[at] ?? new Uint8Array(0);
        expect(path === undefined).toBe(machine.serial === away?.serial);
        const policy = { moment: "later" as const, callerNonce: { nonce, path: path ?? [] } };
        const { level, checks } = await verify(nodeCrypto, evidence, policy, made.clock.now());
        const failed = checks.filter(({ status }) => status === "fail").map(({ id }) => id);
        expect([level, failed]).toEqual(path ? ["self_signed", []] : ["none", ["challenge.caller_nonce"]]);
        if (path) roots.add(evidence.challenge?.callersRoot);
      }
    expect(roots.size).toBe(1);
    expect(made.fleet.machines()).toHaveLength(1);
  });

  /**
   * Goal: a machine that admits that a protection is off serves where no level asks for it, and is distrusted at once
   * where the level does. Method: one from the start, then one more at the next challenge.
   */
  it("distrusts a machine for a posture that its level needs, and for no other", async () => {
    const made = await network();
    let posture: Record<string, "pass" | "fail"> = { not_dumpable: "fail", core_dumps_off: "pass" };
    made.provider(() => rain, { describe: () => ({ posture }) });
    await made.clock.advance(10_000);
    expect(made.fleet.machines()).toMatchObject([{ verdict: { level: "self_signed" }, distrustedUntilMs: -Infinity }]);
    posture = { ...posture, core_dumps_off: "fail" };
    await made.clock.advance(CHALLENGE_EVERY_MS + 10_000);
    expect(made.fleet.machines()).toMatchObject([{ verdict: { level: "none" }, distrustedUntilMs: Infinity }]);
  });

  /** Goal: a first failure is unseen. Method: the machine that has it fails before its first token while another waits. */
  it.each<[string, Script]>([
    ["fails", { pieces: ["x", "y"], firstTokenMs: 2_000, failAfter: 1 }],
    ["says nothing", { pieces: ["x"], hangAfter: 0 }],
    ["refuses what another does not", { pieces: ["x"], refuses: "messages_refused" }],
  ])("moves on to another machine when the first %s", async (name, faulty) => {
    const made = await network();
    let begun = 0;
    made.provider(() => (begun++, faulty), { slots: 1 });
    await made.clock.advance(1_000);
    const caller = new Caller();
    const served = made.serve(caller, { stream: name !== "fails" });
    // A refusal comes at once, so the other machine has to be quick.
    made.provider(() => rain, { delayMs: () => (name.startsWith("refuses") ? 0 : 1) });
    await made.clock.until(served, 120_000);
    expect(begun).toBe(1);
    expect(textOf(caller)).toBe("Rain is water.");
    await expectProven(made, caller);
    expect(made.fleet.machines().map(({ conduct }) => conduct.faultsAtMs.length)).toEqual([1, 0]);
    await expectClosed(made);
  });

  /** Goal: who takes no work costs the caller nothing. Method: more machines that are always busy than a request has attempts. */
  it("passes over machines that say they are busy, and holds it against them", async () => {
    const made = await network();
    const meddle: ProviderOptions["meddle"] = (message, to) => {
      if (to === "provider") return message;
      const records = typeof message === "string" ? [] : [...readRecords(message)];
      const jobId = records[0]?.jobId ?? (JSON.parse(message.toString()) as { job_id?: string }).job_id;
      return jobId === undefined ? message : JSON.stringify({ type: "inference_error", job_id: jobId, code: "busy" });
    };
    for (let n = 0; n < BUSY_MAX; n++) made.provider(() => rain, { meddle });
    made.provider(() => rain);
    await made.clock.advance(1_000);
    const faulted = () => made.fleet.machines().filter(({ conduct }) => conduct.faultsAtMs.length > 0);
    for (let n = 0; n < 10 && faulted().length <= 4; n++) {
      const caller = new Caller();
      await made.clock.until(made.serve(caller), 120_000);
      expect(textOf(caller)).toBe("Rain is water.");
    }
    expect(faulted().length).toBeGreaterThan(4);
    expect(faulted().every(({ slots }) => slots === 1)).toBe(true);
  });

  /** Goal: a stream that is silent for long says that it lives, as part of what is hashed; a plain answer does not. Method: a model with 16 seconds between two tokens. */
  it.each([true, false])("keeps a silent answer alive, stream %s", async (stream) => {
    const made = await network();
    await joined(made, { pieces: [" a", " b"], tokenMs: 16_000 });
    const caller = new Caller();
    await made.clock.until(made.serve(caller, { stream }), 120_000);
    const body = new TextDecoder().decode(caller.body);
    expect(body.split(": keep-alive\n\n")).toHaveLength(stream ? 2 : 1);
    expect(textOf(caller)).toBe("a b");
    await expectProven(made, caller);
    await expectClosed(made);
  });

  /** Goal: a machine that reads a long prompt is waited for, and a stream says meanwhile that it lives. Method: a hundred seconds of reading, at more than the least pace. */
  it.each([true, false])("waits for a machine that reads, stream %s", async (stream) => {
    const made = await network();
    await joined(made, { ...rain, reads: { everyMs: 5_000, tokens: 55, times: 20 } });
    const caller = new Caller();
    const served = made.serve(caller, { stream });
    await made.clock.advance(29_000);
    expect(caller.facts).toBeUndefined();
    await made.clock.advance(12_000);
    expect(caller.facts !== undefined).toBe(stream);
    expect(caller.facts?.timing.firstContentMs).toBeUndefined();
    await made.clock.until(served, 120_000);
    const body = new TextDecoder().decode(caller.body);
    expect(body.split(": keep-alive\n\n")).toHaveLength(stream ? 7 : 1);
    expect(textOf(caller)).toBe("Rain is water.");
    await expectProven(made, caller);
    await expectClosed(made);
  });

  /** Goal: who leaves while a long prompt is read owes nothing, and frees model and slot. Method: leave before the stream has begun, and after. */
  it.each([20_000, 45_000])("stops for a caller who leaves after %i ms of reading", async (afterMs) => {
    const made = await network();
    const [provider] = await joined(made, { ...rain, reads: { everyMs: 5_000, tokens: 55, times: 20 } });
    const caller = new Caller();
    const served = codeOf(made.serve(caller));
    await made.clock.advance(afterMs);
    expect(caller.facts !== undefined).toBe(afterMs > 30_000);
    caller.leave();
    expect(await made.clock.until(served, 1_000)).toBe("caller_gone");
    await made.clock.advance(1_000);
    expect([made.running, provider?.engine.running]).toEqual([0, 0]);
    expect(await made.ledger.totals(account)).toMatchObject({ balance: CREDIT, charged: 0n });
    await expectClosed(made);
  });

  /** Goal: what a machine says of its reading holds nobody for ever. Method: machines that read too slowly, stand still after the first words, or say at once that all is read; when the caller is told. */
  it.each<[what: string, reads: Script["reads"], endsAtSec: number]>([
    ["reads nothing", undefined, 60],
    ["reads too slowly", { everyMs: 5_000, tokens: 30, times: 100 }, 140],
    ["stands still", { everyMs: 5_000, tokens: 55, times: 3 }, 75],
    ["says at once that all is read", { everyMs: 5_000, tokens: 1e6, times: 1 }, 65],
    ["says it again and again", { everyMs: 5_000, tokens: 0, times: 100 }, 60],
  ])("ends an answer whose machine %s", async (_what, reads, endsAtSec) => {
    const made = await network();
    await joined(made, { ...rain, ...(reads && { reads }), hangAfter: 0 });
    const fromMs = made.clock.monotonicMs();
    expect(await made.clock.until(codeOf(made.serve(new Caller())), 400_000)).toBe("too_slow");
    const tookSec = (made.clock.monotonicMs() - fromMs) / 1000;
    expect([tookSec >= endsAtSec, tookSec < endsAtSec + 6]).toEqual([true, true]);
    expect(await made.ledger.totals(account)).toMatchObject({ balance: CREDIT, charged: 0n });
    await expectClosed(made);
  });

  /** Goal: a machine that fails while it reads is another's chance for as long as the caller was sent nothing. Method: it fails before a stream is told that it reads, or after. */
  it.each<[afterSec: number, stream: boolean, end: string]>([
    [25, true, "whole"],
    [60, true, "provider_fault"],
    [60, false, "whole"],
  ])("moves on from one that fails after %i s of reading, stream %s: %s", async (afterSec, stream, end) => {
    const made = await network();
    const reads = { everyMs: 5_000, tokens: 55, times: afterSec / 5 };
    made.provider(() => ({ ...rain, reads, failAfter: 0 }), { slots: 1 });
    await made.clock.advance(1_000);
    const caller = new Caller();
    const served = codeOf(made.serve(caller, { stream }));
    made.provider(() => rain);
    expect(await made.clock.until(served, 200_000)).toBe(end);
    if (end === "whole") expect(textOf(caller)).toBe("Rain is water.");
    await expectClosed(made);
  });

  /** Goal: after its first content a stream never moves, and costs nothing. Method: the machine fails, or its line is cut. */
  it.each<[string, Script, string]>([
    ["fails", { ...rain, failAfter: 5 }, "provider_fault"],
    ["hangs", { ...rain, hangAfter: 5 }, "too_slow"],
    ["is cut off", long, "provider_gone"],
  ])("ends a stream whose machine %s", async (_, script, code) => {
    const made = await network();
    const [provider] = await joined(made, script);
    const caller = new Caller();
    const served = codeOf(made.serve(caller));
    if (code === "provider_gone") {
      await made.clock.advance(1_000);
      provider?.cut();
    }
    expect(await made.clock.until(served, 120_000)).toBe(code);
    expect(caller.facts).toBeDefined();
    expect(caller.closing).toBeUndefined();
    expect(await made.ledger.totals(account)).toMatchObject({ balance: CREDIT, charged: 0n });
    await expectClosed(made);
  });

  /** Goal: a frozen machine is noticed within 15 s and its request fails then. Method: nothing passes its wire any more. */
  it("notices silence", async () => {
    const made = await network();
    const [provider] = await joined(made, long);
    const caller = new Caller();
    const served = codeOf(made.serve(caller));
    await made.clock.advance(1_000);
    provider?.freeze();
    expect(await made.clock.until(served, 15_000)).toBe("provider_silent");
    expect(made.fleet.machines()).toEqual([]);
    await expectClosed(made);
  });

  /**
   * Goal: a request that may be what silenced a machine, or for which a model was ended, takes no second one down. Method: the
   * machine that has it freezes, or ends its model, while another waits that would answer.
   */
  it.each<[string, Script]>([
    ["provider_silent", { pieces: ["x"], hangAfter: 0 }],
    ["engine_ended", { pieces: ["x"], hangsForGood: true, firstTokenMs: 2_000 }],
  ])("risks no second machine: %s", async (code, script) => {
    const made = await network();
    const [first] = await joined(made, script);
    const served = codeOf(made.serve(new Caller(), { stream: false }));
    const other = made.provider(() => rain);
    await made.clock.advance(1_000);
    expect(made.fleet.machines().map((machine) => isAttested(machine, made.clock.monotonicMs()))).toEqual([true, true]);
    if (code === "provider_silent") first?.freeze();
    expect(await made.clock.until(served, 20_000)).toBe(code);
    await made.clock.advance(1_000);
    expect(other.engine.generated).toBe(0);
    await expectClosed(made);
  });

  /** Goal: a cut connection comes back by itself. Method: cut it, wait for the backoff, ask again. */
  it("reconnects", async () => {
    const made = await network();
    const [provider] = await joined(made, rain);
    provider?.cut();
    await made.clock.advance(1);
    expect(made.fleet.machines()).toEqual([]);
    await made.clock.advance(5_000);
    const caller = new Caller();
    await made.clock.until(made.serve(caller), 10_000);
    await expectProven(made, caller);
    await expectClosed(made);
  });

  /** Goal: a caller who leaves pays for what was made by then, and frees model and slot within a second. Method: leave after three writes. */
  it.each([true, false])("stops for a caller who leaves, stream %s", async (stream) => {
    const made = await network();
    const [provider] = await joined(made, long);
    const caller = new Caller();
    const served = codeOf(made.serve(caller, { stream }));
    await made.clock.advance(1_000);
    caller.leave();
    await made.clock.advance(1_000);
    expect(made.running).toBe(0);
    expect(provider?.engine.running).toBe(0);
    expect(await made.clock.until(served, 1)).toBe("caller_gone");
    const [row] = await made.ledger.usage(account, 1);
    expect(row).toMatchObject({ outcome: "caller_gone" });
    if (stream) {
      expect(row?.usage.completionTokens).toBeGreaterThan(10);
      expect(row?.usage.completionTokens).toBeLessThan(40);
      expect(row?.cost).toBeGreaterThan(0n);
    }
    await expectClosed(made);
  });

  /** Goal: a slow caller stops the model. Method: one who reads nothing until told; the model must not run on. */
  it("lets a slow caller stop the model", async () => {
    const made = await network();
    const wide = { pieces: Array.from({ length: 400 }, () => "x".repeat(4_000)), tokenMs: 1 };
    const [provider] = await joined(made, wide);
    const gate = Promise.withResolvers<void>();
    const caller = new Caller({ mayRead: () => gate.promise });
    const served = made.serve(caller, { maxTokens: 1_000 });
    await made.clock.advance(20_000);
    const reached = provider?.engine.generated ?? 0;
    expect(reached * 4_000).toBeLessThan(2 * ANSWER_WINDOW_BYTES);
    await made.clock.advance(20_000);
    expect(provider?.engine.generated).toBe(reached);
    gate.resolve();
    await made.clock.until(served, 60_000);
    await expectProven(made, caller);
    await expectClosed(made);
  });
});

/**
 * Goal: a coordinator that ends says so to everybody who still waits, takes nothing for what they have not got whole, and
 * frees the machine. Method: end it while one request streams, one thinks before its first content and one has no slot yet.
 */
it("ends what still runs by its own failure when it shuts down", async () => {
  const made = await network();
  const [streaming] = await joined(made, long, { pieces: ["x"], firstTokenMs: 50_000 });
  const callers = [new Caller(), new Caller(), new Caller()];
  const codes: Promise<string>[] = [];
  for (const [at, caller] of callers.entries()) {
    codes.push(codeOf(made.serve(caller, at === 0 && streaming ? { pin: streaming.serial } : {})));
    await made.clock.advance(500);
  }
  expect(made.net.slots.waiting).toBe(1);
  made.endRequests();
  expect(await made.clock.until(Promise.all(codes), 1)).toEqual(["draining", "draining", "draining"]);
  expect(callers.map(({ facts }) => facts !== undefined)).toEqual([true, false, false]);
  expect(made.net.slots.waiting).toBe(0);
  const rows = await made.ledger.usage(account, 10);
  expect(rows.map(({ outcome, cost }) => [outcome, cost])).toEqual([
    ["shutdown", 0n],
    ["shutdown", 0n],
  ]);
  await made.clock.advance(100);
  expect(streaming?.engine.running).toBe(0);
  await expectClosed(made);
});

/** Goal: who left before the end is still the one who left, with what they had been sent. Method: leave, freeze the machine, end. */
it("does not take the blame for a caller who left", async () => {
  const made = await network();
  const [provider] = await joined(made, long);
  const caller = new Caller();
  const served = made.serve(caller);
  await made.clock.advance(1_000);
  provider?.freeze();
  caller.leave(new NetworkError({ code: "caller_gone", phase: "after_content" }));
  made.endRequests();
  await expect(made.clock.until(served, 1)).rejects.toMatchObject({
    failure: { code: "caller_gone", phase: "after_content" },
  });
  expect(await made.ledger.usage(account, 1)).toMatchObject([{ outcome: "caller_gone", cost: 0n }]);
  await expectClosed(made);
});

describe("waiting for a slot", () => {
  /** Goal: 64 requests wait for one slot and all are served, in order. Method: one machine with one slot. */
  it("serves 64 in the order in which they came", async () => {
    const made = await network();
    await joined(made, { pieces: [" ok"], tokenMs: 10 });
    const order: number[] = [];
    const all = Array.from({ length: 64 }, async (_, n) => {
      await made.serve(new Caller());
      order.push(n);
    });
    await made.clock.until(Promise.all(all), 30_000);
    expect(order).toEqual(Array.from({ length: 64 }, (_, n) => n));
    await expectClosed(made);
  });

  /** Goal: whoever waits too long is told to come back. Method: the one slot is taken for longer than the wait. */
  it("gives up after thirty seconds", async () => {
    const made = await network();
    await joined(made, { pieces: Array.from({ length: 100 }, () => "x"), tokenMs: 1_000 });
    const first = made.serve(new Caller());
    await made.clock.advance(100);
    const second = codeOf(made.serve(new Caller()));
    await made.clock.advance(29_000);
    expect(made.net.slots.waiting).toBe(1);
    expect(await made.clock.until(second, 2_000)).toBe("capacity_full");
    expect(made.net.slots.waiting).toBe(0);
    await made.clock.until(first, 120_000);
    await expectClosed(made);
  });

  /** Goal: who leaves the queue takes no slot. Method: leave while waiting, then free the slot. */
  it("forgets a caller who leaves", async () => {
    const made = await network();
    await joined(made, rain);
    const first = made.serve(new Caller());
    const leaver = new Caller();
    const second = codeOf(made.serve(leaver));
    await made.clock.advance(10);
    leaver.leave();
    expect(await made.clock.until(second, 1)).toBe("caller_gone");
    await made.clock.until(first, 10_000);
    await expectClosed(made);
  });

  it("refuses at once, by name, where no machine may serve", async () => {
    const made = await network();
    await joined(made, rain);
    const refused = made.serve(new Caller(), { pin: "SW-NOBODY" });
    await expect(refused).rejects.toMatchObject({ failure: { code: "no_provider", gates: { pinned_elsewhere: 1 } } });
    await expectClosed(made);
  });
});

/** Goal: no overshoot. Method: 64 requests at once against a balance that covers five holds. */
it("never lets parallel requests spend more than there is", async () => {
  const made = new TestNetwork();
  open.push(made);
  await joined(made, { pieces: ["x"], tokenMs: 500 });
  const probe = made.serve(new Caller()).catch((error: unknown) => error as NetworkError);
  const { failure } = (await made.clock.until(probe, 10)) as NetworkError;
  if (failure.code !== "insufficient_funds") throw new Error("a request without credit was served");
  await made.credit((failure.neededMicroUsd * 5n + 1n) as typeof CREDIT);
  const ends = Array.from({ length: 64 }, () => codeOf(made.serve(new Caller())));
  const codes = await made.clock.until(Promise.all(ends), 60_000);
  expect(codes.filter((code) => code === "whole")).toHaveLength(5);
  expect(codes.filter((code) => code === "insufficient_funds")).toHaveLength(59);
  await expectClosed(made);
});

/**
 * Goal: whatever happens, every request ends once, money adds up and no slot is lost. Method: days drawn
 * from a seed, with delays, cuts, freezes, faults, slow and impatient callers.
 */
describe("under a seed", () => {
  const seeds = Number(process.env["DARKBLOOM_SIM_SEEDS"] ?? 12);
  it.each(Array.from({ length: seeds }, (_, n) => n + 1))("seed %i", { timeout: 60_000 }, async (seed) => {
    const made = await network(seed);
    const dice = seededRandom(seed * 7_919);
    const below = (n: number): number => Math.floor(dice.fraction() * n);
    const script = (): Script => ({
      pieces: Array.from({ length: 1 + below(30) }, (_, n) => ` w${n}`),
      firstTokenMs: below(300),
      tokenMs: below(60),
      ...(below(6) === 0 && { failAfter: below(8) }),
      ...(below(12) === 0 && { hangAfter: below(8) }),
    });
    const providers = Array.from({ length: 3 }, () =>
      made.provider(script, { slots: 2, delayMs: () => 1 + below(40) }),
    );
    await made.clock.advance(2_000);

    const callers: Caller[] = [];
    const ends: Promise<string>[] = [];
    for (let n = 0; n < 40; n++) {
      const caller = new Caller(below(4) === 0 ? { leavesAfter: below(10) } : {});
      callers.push(caller);
      ends.push(codeOf(made.serve(caller, { stream: below(2) === 0 })));
      if (below(5) === 0) void made.clock.sleep(below(3_000)).then(() => caller.leave());
      if (below(10) === 0) providers[below(3)]?.cut();
      if (n === 30) providers[below(3)]?.freeze();
      await made.clock.advance(below(500));
    }
    const codes = await made.clock.until(Promise.all(ends), 600_000);
    expect(codes).not.toContain("bug");
    expect(codes).not.toContain("receipt_mismatch");
    expect(codes).toContain("whole");
    for (const [n, caller] of callers.entries())
      if (codes[n] === "whole") await expectProven(made, caller);
      else expect(caller.closing).toBeUndefined();
    for (const provider of providers) provider.stop();
    await expectClosed(made);
  });
});
