import { NetworkError, type FailureCode } from "@darkbloom/protocol/failures";
import type { JobId, Sha256Hex } from "@darkbloom/protocol/ids";
import { FRAME_PLAINTEXT_BYTES_MAX, TOKEN_BYTES_MAX } from "@darkbloom/protocol/limits";
import type { MicroUsd } from "@darkbloom/protocol/money";
import { verifyReceipt } from "@darkbloom/protocol/receipts";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { account, Caller, codeOf, entry, TestNetwork } from "@darkbloom/testkit";
import { describe, expect, it } from "vitest";
import { ScriptedMachine, type Turn } from "../../test/scripted-machine.ts";
import { sealedFor } from "../../test/sealed-for.ts";
import type { Events } from "../events/events.ts";
import type { HoldId, Outcome, Settlement } from "../ledger/settlement.ts";
import { UNOPENED_BURST } from "../limits/unopened.ts";
import { SLOT_WAIT_MS } from "../machines/slots.ts";
import type { Ask } from "./ask.ts";
import { READING_MS_MAX } from "./patience.ts";
import { PLAIN_ANSWER_BYTES_MAX, STREAM_HELD_BYTES_MAX } from "./relay.ts";
import { ATTEMPTS_MAX, BUSY_MAX, serve } from "./serve.ts";

type Script = (turn: Turn) => void | Promise<void>;
type Failed = Parameters<Events["attemptFailed"]>[0];

const honest: Script = async ({ frame, complete }) => {
  frame("data: 1\n\n", 1);
  frame("data: 2\n\n", 2);
  frame("data: [DONE]\n\n", 3, true);
  await complete();
};
const firstThen =
  (then: Script): Script =>
  (turn) => {
    turn.frame("data: 1\n\n", 1);
    return then(turn);
  };

/** One request to machines with these scripts, asked in their order, and all that came of it. */
async function asked(
  scripts: readonly Script[],
  {
    fee = 0,
    stream = true,
    ask: changed,
    caller = new Caller(),
    shown = {},
  }: {
    fee?: number;
    stream?: boolean;
    ask?: (ask: Ask, network: TestNetwork) => Ask;
    caller?: Caller;
    shown?: ConstructorParameters<typeof ScriptedMachine>[2];
  } = {},
) {
  const network = new TestNetwork();
  await network.credit();
  const turns: string[] = [];
  const queue = [...scripts];
  const machines = scripts.map((_, n) => {
    const script: Script = (turn) => {
      turns.push(`prov_${n}`);
      return queue.shift()?.(turn);
    };
    return new ScriptedMachine(network, script, { ...shown, name: `prov_${n}` });
  });
  for (const machine of machines) network.fleet.join(machine);
  const failed: Failed[] = [];
  const settled: Parameters<Events["requestSettled"]>[0][] = [];
  const settlements: Settlement[] = [];
  /** What the caller had been sent when it was settled. */
  let saidBefore = "";
  const events: Events = {
    ...network.net.events,
    attemptFailed: (facts) => void failed.push(facts),
    requestSettled: (facts) => void settled.push(facts),
  };
  const { ledger } = network;
  const settle = ledger.settle.bind(ledger);
  ledger.settle = (holdId: HoldId, settlement: Settlement): Promise<MicroUsd> => {
    settlements.push(settlement);
    saidBefore = new TextDecoder().decode(caller.body);
    return settle(holdId, settlement);
  };
  const ask = network.ask(caller, { stream });
  const net = { ...network.net, events, platformFeePercent: fee };
  const end = await serve(net, changed ? changed(ask, network) : ask, caller).then(
    () => "whole" as const,
    (error: unknown): FailureCode => {
      if (error instanceof NetworkError) return error.failure.code;
      throw error;
    },
  );
  const calls = machines.flatMap((machine) => machine.calls);
  const said = new TextDecoder().decode(caller.body);
  return { network, caller, machines, turns, failed, settled, settlements, saidBefore, said, end, calls };
}

describe("what a provider earns", () => {
  /** Goal: the platform keeps its part of each charge, and the provider's is rounded down. Method: a charge of 11 micro-USD under several fees. */
  it.each<[fee: number, earned: bigint]>([
    [0, 11n],
    [1, 10n],
    [10, 9n],
    [33, 7n],
    [50, 5n],
    [99, 0n],
    [100, 0n],
  ])("of 11 micro-USD with a fee of %i %%: %i", async (fee, earned) => {
    const { settlements, end } = await asked([honest], { fee });
    expect(end).toBe("whole");
    expect(settlements).toMatchObject([{ outcome: "finished", charge: 11n, job: { earned } }]);
  });

  /** Goal: no signed usage costs more than was held. Method: a prompt of exactly the most tokens, cached or not, and the most output. */
  it.each<[usage: readonly [prompt: number, cached: number], charge: bigint]>([
    [[0, 0], 6n],
    [[10, 0], 16n],
    [[10, 10], 11n],
  ])("is priced by the receipt: %j", async ([prompt, cached], charge) => {
    const script: Script = async ({ frame, complete }) => {
      frame("data: [DONE]\n\n", 3, true);
      const usage = { prompt_tokens: prompt, cached_tokens: cached, completion_tokens: 3, reasoning_tokens: 0 };
      await complete({ usage });
    };
    const { settlements } = await asked([script]);
    expect(settlements.map((one) => one.charge)).toEqual([charge]);
  });
});

/** Goal: headers say what was known when the request was handed over. Method: machines that differ in what they show once they were chosen. */
it.each([true, false])("says whether its machine was attested: %s", async (attested) => {
  const later = attested ? {} : { attestedUntilMs: -Infinity };
  const { caller } = await asked([honest], { shown: { later, chipName: "M9", toldSerial: undefined } });
  expect(caller.facts).toMatchObject({ attested, chip: "M9", serial: undefined, trustLevel: "self_signed" });
});

/** Goal: callers' proofs are countersigned by this coordinator's key over both. Method: verify it with that key, and with another. */
it("countersigns the receipt with the key that it names", async () => {
  const { network, caller } = await asked([honest]);
  const { closing } = caller;
  if (!closing) throw new Error("no closing");
  const { keyId, publicKey } = network.net.countersigner;
  const statusWith = async (key: Uint8Array<ArrayBuffer>, document = closing.receipt) =>
    (await verifyReceipt(nodeCrypto, document, { coordinatorKeys: new Map([[keyId, key]]) }))
      .filter(({ status }) => status === "fail")
      .map(({ id }) => id);
  expect(closing.receipt).toMatchObject({
    coordinator_key_id: keyId,
    countersigned_at: new Date(network.clock.now()).toISOString(),
  });
  expect(await statusWith(publicKey)).toEqual([]);
  expect(await statusWith(new TestNetwork().net.countersigner.publicKey)).not.toEqual([]);
  const later = { ...closing.receipt, countersigned_at: "2027-01-01T00:00:00.000Z" };
  expect(await statusWith(publicKey, later)).not.toEqual([]);
});

/** Goal: a proper end is proof that it was paid for, and every byte comes once. Method: what the caller has at the settlement and in the end, plain and as a stream. */
it.each<[stream: boolean, before: string]>([
  [true, "data: 1\n\ndata: 2\n\n"],
  [false, "data: 1\n\ndata: 2\n\ndata: [DONE]\n\n"],
])("sends the end once it is settled: stream %s", async (stream, before) => {
  const { saidBefore, said, end } = await asked([honest], { stream });
  expect([end, saidBefore, said]).toEqual(["whole", before, "data: 1\n\ndata: 2\n\ndata: [DONE]\n\n"]);
});

describe("a failed attempt", () => {
  const bug: Script = () => {
    throw new TypeError("ours");
  };
  interface Row {
    readonly name: string;
    readonly script: Script;
    readonly code: FailureCode;
    readonly outcome: Outcome;
    /** What was held against the machine. */
    readonly calls?: readonly string[];
    readonly distrusted?: true;
    readonly more?: object;
    readonly isBug?: true;
    readonly ask?: (ask: Ask, network: TestNetwork) => Ask;
  }
  const lie = (script: Script, more: object, calls: readonly string[] = ["began"]): Omit<Row, "name"> => ({
    script,
    code: "receipt_mismatch",
    outcome: "receipt_mismatch",
    distrusted: true,
    more,
    calls,
  });
  const ended = (changes: Parameters<Turn["complete"]>[0], more?: Parameters<Turn["complete"]>[1]): Script =>
    firstThen(async ({ frame, complete }) => {
      frame("data: [DONE]\n\n", 2, true);
      await complete(changes, more);
    });
  const fault = ["faulted"];
  const begunFault = ["began", "faulted"];
  const rows: readonly Row[] = [
    { name: "busy", script: (t) => t.error("busy"), code: "provider_busy", outcome: "refused", calls: ["wasBusy"] },
    { name: "draining", script: (t) => t.error("draining"), code: "provider_busy", outcome: "refused", calls: [] },
    ...(["invalid_request", "model_unavailable", "cannot_open", "generation_failed", "internal"] as const).map(
      (fails): Row => ({
        name: fails,
        script: (t) => t.error(fails),
        code: "provider_fault",
        outcome: "provider_fault",
        calls: fault,
      }),
    ),
    {
      name: "backpressure after content",
      script: firstThen((t) => t.error("backpressure_timeout")),
      code: "provider_fault",
      outcome: "provider_fault",
      calls: begunFault,
    },
    {
      name: "cancelled without being told",
      script: (t) => t.error("cancelled"),
      code: "provider_fault",
      outcome: "provider_fault",
      calls: fault,
    },
    {
      name: "ended engine",
      script: (t) => t.error("engine_ended"),
      code: "engine_ended",
      outcome: "provider_fault",
      calls: fault,
    },
    { name: "gone", script: (t) => t.gone(false), code: "provider_gone", outcome: "provider_fault", calls: fault },
    { name: "silent", script: (t) => t.gone(true), code: "provider_silent", outcome: "provider_fault", calls: fault },
    { name: "nothing", script: () => {}, code: "too_slow", outcome: "too_slow", calls: fault },
    {
      name: "nothing after content",
      script: firstThen(() => {}),
      code: "too_slow",
      outcome: "too_slow",
      calls: begunFault,
    },
    {
      name: "a refusal",
      script: (t) => t.error("messages_refused"),
      code: "unsupported",
      outcome: "refused",
      calls: [],
    },
    {
      name: "a refusal after content",
      script: firstThen((t) => t.error("messages_refused")),
      code: "provider_fault",
      outcome: "provider_fault",
      calls: begunFault,
    },
    {
      name: "too long a prompt that is short",
      script: (t) => t.error("context_exceeded", { prompt_tokens: 5_000 }),
      code: "provider_fault",
      outcome: "provider_fault",
      calls: fault,
    },
    { name: "bytes that nobody sealed", ...lie((t) => t.raw(new Uint8Array(99)), { mismatch: "stream" }, fault) },
    { name: "an end without frames", ...lie((t) => t.complete(), { mismatch: "stream" }, fault) },
    {
      name: "an end before the last frame",
      ...lie(
        firstThen((t) => t.complete()),
        { mismatch: "stream" },
        begunFault,
      ),
    },
    {
      name: "a frame after the last",
      ...lie(
        firstThen((t) => {
          t.frame("data: [DONE]\n\n", 2, true);
          t.raw(new Uint8Array(40));
        }),
        { mismatch: "stream" },
        begunFault,
      ),
    },
    {
      name: "a stream of no renderer",
      ...lie(
        firstThen((t) => t.frame("data: x\r\rdata: [DONE]\r\r\n\n", 2)),
        { mismatch: "stream" },
      ),
    },
    {
      name: "another answer's signature",
      ...lie(ended({}, { responseSignature: "AAAA" }), { mismatch: "response_hash" }),
    },
    { name: "another's signature", ...lie(ended({}, { receiptSignature: "AAAA" }), { mismatch: "receipt_signature" }) },
    { name: "no receipt", ...lie(ended({ job_id: 1 as never }), { mismatch: "receipt_shape" }) },
    {
      name: "another field",
      ...lie(ended({ model: "x" }), { mismatch: "receipt_fields", field: "model" }),
    },
    {
      name: "a mistake of ours",
      script: bug,
      code: "internal_error",
      outcome: "refused",
      calls: [],
      isBug: true,
    },
    {
      name: "our own end",
      script: () => {},
      code: "draining",
      outcome: "shutdown",
      calls: [],
      ask: (ask, network) => {
        network.endRequests();
        return { ...ask, shutdown: network.shutdown };
      },
    },
  ];

  /** Goal: every way an attempt can fail is told, settled and held against its machine as it should be. Method: the only machine fails so. */
  it.each(rows.map((row) => [row.name, row] as const))("by %s", async (_, row) => {
    // Where this coordinator ends, nobody is asked; the hold is settled all the same.
    const { network, machines, failed, settlements, end, calls } = await asked([row.script], {
      ...(row.ask && { ask: row.ask }),
    });
    expect(end).toBe(row.code);
    expect(settlements).toMatchObject([{ outcome: row.outcome, charge: 0n }]);
    expect(calls.filter((call) => call !== "cancel")).toEqual(row.calls);
    expect(machines.map(({ distrusted }) => distrusted)).toEqual([row.distrusted === true]);
    if (!row.ask) {
      expect(failed).toStrictEqual([
        {
          requestId: expect.any(String),
          jobId: expect.any(String),
          providerId: "prov_0",
          code: row.code,
          durationMs: 0,
          ...row.more,
        },
      ]);
      expect(settlements[0]?.job).toMatchObject({ jobId: failed[0]?.jobId, earned: 0n });
    }
    expect(network.bugs).toHaveLength(row.isBug ? 1 : 0);
    expect(network.running).toBe(0);
  });
});

describe("another machine", () => {
  const busy: Script = (turn) => turn.error("busy");
  const broken: Script = (turn) => turn.error("internal");
  const refuses: Script = (turn) => turn.error("messages_refused");
  const times = (script: Script, n: number): Script[] => Array.from({ length: n }, () => script);

  /** Goal: who is asked next, how often, and what the caller is told in the end. Method: machines in a row, counted. */
  it.each<[name: string, scripts: Script[], stream: boolean, turns: number, end: FailureCode | "whole"]>([
    ["after a fault", [broken, honest], true, 2, "whole"],
    ["not after the last attempt", times(broken, ATTEMPTS_MAX + 1), true, ATTEMPTS_MAX, "provider_fault"],
    ["after the last but one", [...times(broken, ATTEMPTS_MAX - 1), honest], true, ATTEMPTS_MAX, "whole"],
    ["after many that are busy", [...times(busy, BUSY_MAX), honest], true, BUSY_MAX + 1, "whole"],
    [
      "after many busy ones and faults",
      [...times(busy, BUSY_MAX), ...times(broken, ATTEMPTS_MAX - 1), honest],
      true,
      BUSY_MAX + ATTEMPTS_MAX,
      "whole",
    ],
    ["not after too many busy ones", times(busy, 20), true, BUSY_MAX + ATTEMPTS_MAX, "provider_busy"],
    ["after a refusal", [refuses, honest], true, 2, "whole"],
    ["not after the same refusal twice", times(refuses, 3), true, 2, "unsupported"],
    ["not after a refusal as the last attempt", [broken, broken, refuses, honest], true, 3, "unsupported"],
    ["not within a stream", [firstThen(broken), honest], true, 1, "provider_fault"],
    ["within a plain answer", [firstThen(broken), honest], false, 2, "whole"],
    ["not within a stream that its machine is then too busy for", [firstThen(busy), honest], true, 1, "provider_fault"],
    ["within a plain answer that its machine is then too busy for", [firstThen(busy), honest], false, 2, "whole"],
    ["not after an ended engine", [(t) => t.error("engine_ended"), honest], false, 1, "engine_ended"],
    ["not after a lie", [(t) => t.complete(), honest], false, 1, "receipt_mismatch"],
  ])("%s", async (_, scripts, stream, turns, end) => {
    const served = await asked(scripts, { stream });
    expect([served.turns.length, served.end]).toEqual([turns, end]);
    expect(new Set(served.turns).size).toBe(turns);
    expect(served.settlements).toHaveLength(1);
    if (end === "whole") expect(served.calls.filter((call) => call === "measured")).toHaveLength(1);
  });

  /** Goal: what a machine offers under a model's name with other weights says nothing of that model. Method: one that so claims a tiny context, and refuses. */
  it("is not told by an offer of other weights how long a prompt may be", async () => {
    const other = { build: entry.build, weightsSha256: "f".repeat(64) as Sha256Hex, contextTokens: 1 };
    const models = [other, { build: entry.build, weightsSha256: entry.weightsSha256, contextTokens: 2048 }];
    const tooLong: Script = (turn) => turn.error("context_exceeded", { prompt_tokens: 5_000 });
    const served = await asked([tooLong, tooLong], { shown: { models } });
    expect([served.end, served.calls.filter((call) => call === "faulted").length]).toEqual(["provider_fault", 2]);
    expect((await asked([honest], { shown: { models } })).end).toBe("whole");
  });

  /** Goal: whose refusal another machine disproves has failed; one that is agreed to has not. Method: two machines each way. */
  it("disproves a refusal, or agrees to it", async () => {
    const disproved = await asked([refuses, honest]);
    expect(disproved.calls.filter((call) => call === "faulted")).toHaveLength(1);
    const agreed = await asked([refuses, refuses]);
    expect(agreed.calls).toEqual([]);
  });

  /** Goal: a fault counts once, also where another machine mends it. Method: a fault, then an answer. */
  it("holds a fault against a machine once", async () => {
    const { machines } = await asked([broken, honest]);
    expect(machines.map(({ calls }) => calls)).toEqual([["faulted"], ["began", "measured"]]);
  });

  /** Goal: an answer, or an event of one, that no model makes counts against its machine. Method: one that goes on until it is ended. */
  it.each<[what: string, stream: boolean, end: FailureCode | "whole", bytesMax: number]>([
    ["a plain answer", false, "whole", PLAIN_ANSWER_BYTES_MAX],
    ["one event", true, "provider_fault", STREAM_HELD_BYTES_MAX],
  ])("is told of %s above its bound as of a fault", async (_, stream, end, bytesMax) => {
    const endless: Script = (turn) => {
      const piece = new Uint8Array(FRAME_PLAINTEXT_BYTES_MAX).fill(0x78);
      for (let bytes = 0; bytes <= bytesMax; bytes += piece.length) turn.frame(piece, 1);
    };
    const { machines, ...served } = await asked([endless, honest], { stream });
    expect([served.end, served.settlements.length]).toEqual([end, 1]);
    expect(machines[0]?.calls.filter((call) => !call.startsWith("credit"))).toEqual(["began", "faulted"]);
  });

  /** Goal: what one machine read of a long prompt, the next one is not waited for again. Method: one that fails when all but twenty seconds of what reading may cost are over, and one that reads for more than a wait; what that is waited for then. */
  it("is waited for no longer than one request may have", async () => {
    const network = new TestNetwork();
    await network.credit();
    const scripts: Script[] = [
      async (turn) => {
        await network.clock.advance(READING_MS_MAX - 20_000);
        turn.error("internal");
      },
      async (turn) => {
        await network.clock.advance(75_000);
        turn.reading(1e6);
      },
    ];
    const machines = scripts.map(
      (_, n) => new ScriptedMachine(network, (turn) => scripts.shift()?.(turn), { name: `prov_${n}` }),
    );
    for (const machine of machines) network.fleet.join(machine);
    const caller = new Caller();
    expect(await codeOf(serve(network.net, network.ask(caller, { stream: false }), caller))).toBe("too_slow");
    expect(machines.flatMap(({ waitsMs }) => waitsMs).toSorted((a, b) => a - b)).toEqual([5_000, 60_000, 60_000]);
  });

  /** Goal: where nobody may serve, that is what the caller is told. Method: no machine at all. */
  it("is nobody where there is none", async () => {
    const { end, settlements } = await asked([]);
    expect([end, settlements]).toMatchObject(["no_provider", [{ outcome: "refused", charge: 0n }]]);
  });

  /** Goal: who leaves, or is told that the coordinator ends, while the next machine is waited for hears that; that the last one failed is no longer told. Method: a fault, then a machine that is full. */
  it.each<[end: FailureCode, act: (caller: Caller, network: TestNetwork) => void]>([
    ["caller_gone", (caller) => caller.leave()],
    ["draining", (_, network) => network.endRequests()],
  ])("is not told of where none is waited for any more: %s", async (end, act) => {
    const network = new TestNetwork();
    await network.credit();
    const failing = new ScriptedMachine(network, broken, { name: "prov_0" });
    const full = new ScriptedMachine(network, honest, { name: "prov_1", slots: 1 });
    network.fleet.join(failing);
    const caller = new Caller();
    const served = codeOf(serve(network.net, network.ask(caller), caller));
    network.fleet.join(full);
    await full.reserve("job_other" as JobId);
    await network.clock.advance(10);
    act(caller, network);
    expect(await served).toBe(end);
    expect(failing.calls).toEqual(["faulted"]);
  });

  /** Goal: attempts are counted without those who took no work. Method: busy, fault, answer. */
  it("is counted", async () => {
    const { settled } = await asked([busy, broken, honest]);
    expect(settled).toMatchObject([{ attempts: 2, outcome: "finished", chargedMicroUsd: 11n, completionTokens: 3 }]);
  });
});

describe("what is sealed for one machine", () => {
  /** Goal: where the machine that it is sealed to cannot serve it and another could, its caller may seal it anew, unless the machine has said what it thinks of it. Method: one that is named, and one that is not. */
  it.each<[what: string, script: Script, end: FailureCode]>([
    ["fails", (turn) => turn.error("internal"), "no_candidate"],
    ["refuses it", (turn) => turn.error("refused", { sealed: "QUJD" }), "request_refused"],
    ["cannot open it", (turn) => turn.cannotOpen(), "cannot_open"],
  ])("that %s", async (_, script, end) => {
    const network = new TestNetwork();
    await network.credit();
    const named = new ScriptedMachine(network, script, { name: "prov_0" });
    const other = new ScriptedMachine(network, honest, { name: "prov_1" });
    for (const machine of [named, other]) network.fleet.join(machine);
    const caller = new Caller();
    expect(await codeOf(serve(network.net, sealedFor(network, caller, [named]), caller))).toBe(end);
    expect([named.waitsMs.length, other.waitsMs.length]).toEqual([1, 0]);
    expect((await network.ledger.totals(account)).held).toBe(0n);
  });

  /** Goal: the same where it stays full while another has come; but a coordinator that ends says so, and who has left is told nothing. Method: three ends of one wait. */
  it.each<[what: string, act: (caller: Caller, network: TestNetwork) => unknown, end: FailureCode]>([
    ["is over", (_, network) => network.clock.advance(SLOT_WAIT_MS), "no_candidate"],
    ["ends with the coordinator", (_, network) => network.endRequests(), "draining"],
    ["ends with the caller", (caller) => caller.leave(), "caller_gone"],
  ])("that is full until the wait %s", async (_, act, end) => {
    const network = new TestNetwork();
    await network.credit();
    const named = new ScriptedMachine(network, honest, { name: "prov_0", slots: 1 });
    network.fleet.join(named);
    await named.reserve("job_other" as JobId);
    const caller = new Caller();
    const served = codeOf(serve(network.net, sealedFor(network, caller, [named]), caller));
    await network.clock.advance(10);
    network.fleet.join(new ScriptedMachine(network, honest, { name: "prov_1" }));
    await act(caller, network);
    expect(await served).toBe(end);
  });
});

describe("what its machines cannot open", () => {
  function unread({ net }: TestNetwork, ...said: string[]): void {
    using words = net.unopened.wordsOn(account);
    for (const identityKey of said) words.said(identityKey);
  }

  /** Sealed for machines that all say so, after each of them said so of so many before. */
  async function unopened(before: { at?: readonly number[]; beside?: true; isGone?: true }) {
    const network = new TestNetwork();
    await network.credit();
    const { at = [0, 0, 0] } = before;
    const named = at.map((_, n) => new ScriptedMachine(network, (turn) => turn.cannotOpen(), { name: `prov_${n}` }));
    if (!before.isGone) for (const machine of named) network.fleet.join(machine);
    if (before.beside) network.fleet.join(new ScriptedMachine(network, honest, { name: "prov_other" }));
    for (const [n, { identityKey }] of named.entries())
      for (let said = 0; said < (at[n] ?? 0); said++) unread(network, identityKey);
    const caller = new Caller();
    const end = await serve(network.net, sealedFor(network, caller, named), caller).catch((error: unknown) => error);
    return { end, asked: named.map(({ waitsMs }) => waitsMs.length), calls: named.map(({ calls }) => calls) };
  }

  it("is held against none of them", async () => {
    const all = await unopened({});
    expect(all).toMatchObject({ end: { failure: { code: "cannot_open" } }, asked: [1, 1, 1] });
    expect(all.calls).toEqual([[], [], []]);
  });

  /** Goal: a good envelope ends by no false word while another of its machines is left, whatever else its caller sealed. Method: a caller whose bounds are used up while it runs, a machine that lies, and one that opens, or refuses by a word to the caller alone. */
  it.each<[what: string, script: Script, end: string]>([
    // Its receipt is one of a request in the clear.
    ["opens it", honest, "receipt_mismatch"],
    ["refuses it", (turn) => turn.error("refused", { sealed: "QUJD" }), "request_refused"],
  ])("is tried by the next, and counts for nothing where that one %s", async (_, script, end) => {
    const network = new TestNetwork();
    await network.credit();
    const other = new ScriptedMachine(network, script, { name: "prov_1" });
    const liar = new ScriptedMachine(
      network,
      (turn) => {
        for (let n = 0; n < UNOPENED_BURST - 1; n++) unread(network, "one", "two");
        network.fleet.join(other);
        return turn.cannotOpen();
      },
      { name: "prov_0" },
    );
    network.fleet.join(liar);
    const caller = new Caller();
    const served = serve(network.net, sealedFor(network, caller, [liar, other]), caller);
    expect(await codeOf(served)).toBe(end);
    expect([liar.waitsMs.length, other.waitsMs.length > 0]).toEqual([1, true]);
    expect(network.net.unopened.waitSec(account)).toBeUndefined();
  });

  /** Goal: who waits for a machine that meanwhile could open too little is not sent to it. Method: eight at once for one slot, where five words end it. */
  it("is not handed over to who said so too often while it waited", async () => {
    const network = new TestNetwork();
    await network.credit();
    const liar = new ScriptedMachine(network, (turn) => turn.cannotOpen(), { name: "prov_0", slots: 1 });
    network.fleet.join(liar);
    const ends = Array.from({ length: 8 }, () => {
      const caller = new Caller();
      return codeOf(serve(network.net, sealedFor(network, caller, [liar]), caller));
    });
    expect((await Promise.all(ends)).toSorted()).toEqual([
      ...Array.from({ length: 5 }, () => "cannot_open"),
      ...Array.from({ length: 3 }, () => "rate_limit_exceeded"),
    ]);
    expect(liar.waitsMs).toHaveLength(5);
    expect((await network.ledger.totals(account)).held).toBe(0n);
  });

  /** Goal: who could open too little of a caller's is asked for no more of it. Method: what each had said before; who is asked, and where nobody is, what its caller is told. */
  it.each<[at: readonly number[], more: { beside?: true; isGone?: true }, asked: readonly number[], failure: object]>([
    [[5, 0], {}, [0, 1], { code: "cannot_open" }],
    [[0, 5], {}, [1, 0], { code: "cannot_open" }],
    [[4], {}, [1], { code: "cannot_open" }],
    [[5], {}, [0], { code: "rate_limit_exceeded", retryAfterSec: 60 }],
    [[5, 5], {}, [0, 0], { code: "rate_limit_exceeded", retryAfterSec: 60 }],
    [[5], { beside: true }, [0], { code: "no_candidate" }],
    [[0], { isGone: true }, [0], { code: "no_provider" }],
    [[0], { isGone: true, beside: true }, [0], { code: "no_candidate" }],
  ])("after %j: %j", async (at, more, turns, failure) => {
    expect(await unopened({ at, ...more })).toMatchObject({ end: { failure }, asked: turns });
  });
});

describe("a caller who leaves", () => {
  /** Goal: it is the caller who left, whatever their signal says, and nobody's fault. Method: reasons of ours and of others, before anything. */
  it.each<[string, unknown, string]>([
    ["ours", new NetworkError({ code: "caller_gone", phase: "after_content" }), "after_content"],
    ["another", new Error("socket"), "before_content"],
  ])("is told apart: %s", async (_, reason, phase) => {
    const caller = new Caller();
    caller.leave(reason as Error);
    const network = new TestNetwork();
    await network.credit();
    network.fleet.join(new ScriptedMachine(network, honest));
    await expect(serve(network.net, network.ask(caller), caller)).rejects.toMatchObject({
      failure: { code: "caller_gone", phase },
    });
    expect((await network.ledger.totals(account)).held).toBe(0n);
  });

  /** Goal: they owe what they were there for, and get no closing. Method: leave at the second of three events. */
  it("owes for what was relayed, and a liar stays one", async () => {
    const paid = await asked([honest], { caller: new Caller({ leavesAfter: 1 }) });
    expect(paid).toMatchObject({ end: "caller_gone", settled: [{ outcome: "caller_gone", completionTokens: 1 }] });
    expect(paid.settlements).toMatchObject([{ outcome: "caller_gone", charge: 7n }]);
    expect(paid.caller.closing).toBeUndefined();
    expect(paid.calls).toContain("cancel");

    const lied = await asked(
      [
        async ({ frame, complete }) => {
          frame("data: 1\n\n", 1);
          frame("data: [DONE]\n\n", 2, true);
          await complete({ model: "x" });
        },
      ],
      { caller: new Caller({ leavesAfter: 0 }) },
    );
    expect(lied).toMatchObject({ end: "caller_gone", settlements: [{ outcome: "caller_gone", charge: 0n }] });
    expect(lied.machines.map(({ distrusted }) => distrusted)).toEqual([true]);
  });
});

/** Goal: a prompt that cannot fit costs nobody anything. Method: one that is too long by a byte, and that no machine heard of it. */
it("refuses what cannot fit before anything is held or asked", async () => {
  const content = "x".repeat(entry.contextTokens * TOKEN_BYTES_MAX + 1);
  const said = { model: entry.id, messages: [{ role: "user", content }] };
  const served = await asked([honest], { ask: (_, network) => network.ask(new Caller(), { said }) });
  expect([served.end, served.settlements, served.turns]).toEqual(["context_length_exceeded", [], []]);
});

/** Goal: a model that is in no catalog is nobody's request. Method: ask for one, and see that nothing was held. */
it("knows its models", async () => {
  const served = await asked([honest], { ask: (ask) => ({ ...ask, terms: { ...ask.terms, model: "x" } }) });
  expect([served.end, served.settlements, served.turns, entry.id]).toEqual(["model_not_found", [], [], "scripted"]);
});
