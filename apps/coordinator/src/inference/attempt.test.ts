import { NetworkError } from "@darkbloom/protocol/failures";
import type { JobId, ProviderId } from "@darkbloom/protocol/ids";
import { TEMPLATE_TOKENS_MAX } from "@darkbloom/protocol/prompt-bounds";
import { Caller, entry, TestNetwork, type Asking } from "@darkbloom/testkit";
import { describe, expect, it } from "vitest";
import { ScriptedMachine, type Turn } from "../../test/scripted-machine.ts";
import { sealedFor } from "../../test/sealed-for.ts";
import type { Line, LineEvent } from "../machines/ports.ts";
import { Attempt } from "./attempt.ts";

const MAX_TOKENS = 100;
const STEP_BYTES = 65_536;
const READING_MS = 600_000;
const forVectors: Asking = {
  terms: { task: "embed" },
  figures: { embed: { inputs: 1, encoding: "float" }, hasTokens: true },
};
const forTools: Asking = { terms: { features: ["tools"] } };

/**
 * One attempt at a machine that does what its script says; `passMs` goes by with each event, and all that was asked of the
 * line is kept.
 */
function started(
  script: (turn: Turn) => void | Promise<void>,
  {
    ask = {},
    passMs = 0,
    rechunk = (event: LineEvent) => [event],
    isGone = false,
    isSealed = false,
  }: {
    ask?: Asking;
    passMs?: number;
    rechunk?: (event: LineEvent) => LineEvent[];
    isGone?: boolean;
    isSealed?: boolean;
  } = {},
) {
  const network = new TestNetwork();
  const caller = new Caller();
  let header: Turn["opened"]["header"] | undefined;
  const machine = new ScriptedMachine(network, (turn) => {
    header = turn.opened.header;
    return script(turn);
  });
  network.fleet.join(machine);
  const inner = machine.open("job_1" as JobId);
  const measures: unknown[][] = [];
  const rest: LineEvent[] = [];
  const line: Line = {
    ...inner,
    take: async (waitMs) => {
      await network.clock.advance(passMs);
      const kept = rest.shift();
      if (kept) return kept;
      const event = await inner.take(waitMs);
      const [first, ...more] = event ? rechunk(event) : [];
      rest.push(...more);
      return first;
    },
    ...(isGone && { send: refuseToSend }),
    measured: (...measured) => void measures.push(measured),
  };
  const asked = isSealed ? sealedFor(network, caller, [machine]) : network.ask(caller, ask);
  const attempt = Attempt.start(network.net, { ask: asked, entry, maxTokens: MAX_TOKENS }, line, READING_MS);
  return { network, caller, machine, attempt, measures, header };
}

const refusesUnseen = (turn: Turn): void => turn.error("refused", { sealed: "QUJD" });

const times = (count: number, act: () => void): void => Array.from({ length: count }).forEach(act);

async function nextOf(attempt: Attempt, count: number): Promise<void> {
  for (let n = 0; n < count; n++) await attempt.next();
}

function refuseToSend(): never {
  throw new NetworkError({ code: "provider_gone", providerId: "prov_1" as ProviderId, phase: "before_content" });
}

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "none",
    (error: unknown) => {
      if (error instanceof NetworkError) return error.failure;
      throw error;
    },
  );

/** Goal: a machine that left in the same turn is told as that. Method: a line that says so when the request is handed over. */
it("fails by name where its machine has left", () => {
  expect(() => started(() => {}, { isGone: true })).toThrow(
    expect.objectContaining({ failure: { code: "provider_gone", providerId: "prov_1", phase: "before_content" } }),
  );
});

describe("the envelope's header", () => {
  /** Goal: a machine sees in the clear what it needs, and nothing that was not asked for. Method: the header as it was opened. */
  it.each<[what: string, ask: Asking, says: object]>([
    ["neither nonce nor tools nor another name", {}, { features: [], model: entry.id }],
    ["tools", forTools, { features: ["tools"] }],
    ["a nonce", { terms: { nonce: "n".repeat(43) } }, { features: [], nonce: "n".repeat(43) }],
    [
      "by what other name the model was asked for",
      { terms: { model: "gpt-5" } },
      { model: entry.id, asked_model: "gpt-5" },
    ],
  ])("says %s", (_what, ask, says) => {
    const { header } = started(() => {}, { ask });
    expect(header).toMatchObject({ mode: "transparent", max_tokens: MAX_TOKENS, min_trust: "self_signed", ...says });
    for (const field of ["nonce", "asked_model"])
      expect([field, Object.hasOwn(header ?? {}, field)]).toEqual([field, field in says]);
  });
});

/** Goal: what waits for the check is told apart as it was asked for. Method: half an event and half a line, of a stream of either. */
it.each<[asLines: boolean, said: string, free: string]>([
  [false, 'data: 1\n\ndata: {"a":1}\n', "data: 1\n\n"],
  [true, '{"type":"a"}\n{"ty', '{"type":"a"}\n'],
])("reads lines where they are asked for: %s", (asLines, said, free) => {
  const { attempt } = started(() => {}, { ask: { figures: { asLines } } });
  const { passage } = attempt.exchange;
  const passed = passage.free({ plaintext: new TextEncoder().encode(said), final: false }, false);
  expect(new TextDecoder().decode(passed)).toBe(free);
  expect(passage.heldBytes).toBe(said.length - free.length);
});

describe("the wait", () => {
  /** Goal: a minute for the first content, a minute between tokens whatever else comes, half a minute for the closing. Method: ten seconds go by with each event; what was waited for. */
  it.each<[what: string, ask: Asking, frames: readonly [text: string, tokens: number][], waits: number[]]>([
    [
      "after tokens",
      {},
      [
        ["a", 1],
        ["b", 2],
        ["c", 3],
      ],
      [60_000, 60_000, 60_000, 60_000],
    ],
    [
      "after frames without a token",
      {},
      [
        ["a", 1],
        ["b", 1],
        ["c", 1],
        ["d", 2],
        ["e", 2],
      ],
      [60_000, 60_000, 50_000, 40_000, 60_000, 50_000],
    ],
    [
      "after vectors, and after none",
      forVectors,
      [
        ["a", 0],
        ["b", 0],
        ["", 0],
        ["", 0],
        ["c", 0],
      ],
      [60_000, 60_000, 60_000, 50_000, 40_000, 60_000],
    ],
  ])("%s", async (_what, ask, frames, waits) => {
    const { attempt, machine } = started(
      ({ frame }) => {
        for (const [text, tokens] of frames) frame(text, tokens);
      },
      { ask, passMs: 10_000 },
    );
    await attempt.firstContent(0);
    expect(attempt.firstContentMs).toBe(10_000);
    for (const [text] of frames) expect(new TextDecoder().decode((await attempt.next()).plaintext)).toBe(text);
    expect(await failureOf(attempt.next())).toMatchObject({ code: "too_slow", waitedMs: waits.at(-1) });
    expect(machine.waitsMs).toEqual(waits);
    expect(machine.calls).toEqual(["began", "faulted"]);
  });

  /** Goal: who hung up waits for the closing alone. Method: leave after the first content; what was waited for then. */
  it("after a hang-up", async () => {
    const { attempt, machine, caller } = started(({ frame }) => frame("a", 1));
    await attempt.firstContent(0);
    await attempt.next();
    caller.leave();
    expect(await failureOf(attempt.next())).toMatchObject({ code: "too_slow", waitedMs: 30_000 });
    expect(machine.waitsMs).toEqual([60_000, 30_000]);
    expect(machine.calls).toEqual(["began", "cancel"]);
  });

  /** Goal: what says nothing new buys no time, however fast it comes. Method: ten seconds go by with each of many such events, before a token, between two, after a hang-up and after the last frame. */
  it.each<
    [
      what: string,
      waits: number[],
      waitedMs: number,
      turn: (turn: Turn) => void,
      of: (attempt: Attempt, leave: () => void) => Promise<unknown>,
    ]
  >([
    [
      "before the first token",
      [60, 50, 40, 30, 20, 10, 0],
      70_000,
      ({ reading }) => times(20, () => reading(1)),
      async () => {},
    ],
    [
      "between two tokens",
      [60, 60, 50, 40, 30, 20, 10],
      60_000,
      ({ frame }) => times(20, () => frame("a", 1)),
      (attempt) => nextOf(attempt, 20),
    ],
    [
      "after a hang-up",
      [60, 30, 20, 10],
      30_000,
      ({ frame }) => times(20, () => frame("a", 1)),
      async (attempt, leave) => {
        await attempt.next();
        leave();
        await nextOf(attempt, 20);
      },
    ],
    [
      "after a hang-up, and is told as it is bounded",
      [60, 30, 20],
      30_000,
      ({ frame }) => times(2, () => frame("a", 1)),
      async (attempt, leave) => {
        await attempt.next();
        leave();
        await nextOf(attempt, 2);
      },
    ],
    [
      "after the last frame",
      [60, 30, 20, 10],
      30_000,
      ({ frame, reading }) => {
        frame("a", 1, true);
        times(20, () => reading(1));
      },
      async (attempt) => {
        await attempt.next();
        await attempt.completion();
      },
    ],
  ])("is bought by nothing that repeats itself %s", async (_what, waits, waitedMs, turn, of) => {
    const { attempt, machine, caller } = started(turn, { passMs: 10_000 });
    const end = attempt.firstContent(1e9).then(() => of(attempt, () => caller.leave()));
    expect(await failureOf(end)).toMatchObject({ code: "too_slow", waitedMs });
    expect(machine.waitsMs.map((ms) => Math.round(ms / 1_000))).toEqual(waits);
  });

  /** Goal: the closing is waited for half a minute, and nothing but the closing is taken for it. Method: an answer with its closing, without one, and with something else in its place. */
  it.each<[what: string, then: (turn: Turn) => void | Promise<void>, failure: object | "none"]>([
    ["that comes", (turn) => turn.complete(), "none"],
    ["that never comes", () => {}, { code: "too_slow", waitedMs: 30_000, phase: "after_content" }],
    ["in whose place an error comes", (turn) => turn.error("internal"), { code: "provider_fault" }],
    ["in whose place more comes", (turn) => turn.raw(new Uint8Array(40)), { code: "receipt_mismatch" }],
  ])("for a closing %s", async (_what, then, failure) => {
    const { attempt, machine } = started(async (turn) => {
      turn.frame("a", 1, true);
      await then(turn);
    });
    await attempt.firstContent(0);
    await attempt.next();
    const found = await failureOf(attempt.completion());
    if (failure === "none") expect(found).toBe("none");
    else expect(found).toMatchObject(failure);
    expect(machine.waitsMs).toEqual([60_000, 30_000]);
  });

  /** Goal: a closing before the last frame is no end. Method: it comes in place of the first frame, and of the second. */
  it("is not ended by a closing before the last frame", async () => {
    const first = started((turn) => turn.complete());
    expect(await failureOf(first.attempt.firstContent(0))).toMatchObject({ mismatch: "stream" });
    const second = started((turn) => {
      turn.frame("a", 1);
      return turn.complete();
    });
    await second.attempt.firstContent(0);
    await second.attempt.next();
    expect(await failureOf(second.attempt.next())).toMatchObject({ code: "receipt_mismatch", mismatch: "stream" });
    // Still not: after the last frame it would be one more.
    const more = started(async (turn) => {
      turn.frame("a", 1);
      turn.frame("b", 2, true);
      await turn.complete();
    });
    await more.attempt.firstContent(0);
    await more.attempt.next();
    expect(await failureOf(more.attempt.completion())).toMatchObject({ code: "receipt_mismatch", mismatch: "stream" });
  });
});

describe("a machine that reads", () => {
  const keepAlive = ": keep-alive\n\n";
  const reads = ({ reading, frame }: Turn): void => {
    for (const tokens of [100, 200, 300, 400]) {
      reading(tokens);
      frame(keepAlive, 0);
    }
    frame("a", 1);
  };
  const plain: Asking = { terms: { stream: false } };

  /** Goal: what keeps a stream alive is no content, and begins a stream only once it is due. Method: ten seconds go by with each event; after how many it resolves, and whether it has content. */
  it.each<[what: string, untoldUntilMs: number, ask: Asking, events: number, contentMs: number | undefined]>([
    ["is told when it is due", 40_000, {}, 4, undefined],
    ["is told with the next sign", 41_000, {}, 5, undefined],
    ["is not told before its content where that comes first", 1e9, {}, 9, 90_000],
    ["is never told in a plain answer", 0, plain, 9, 90_000],
  ])("%s", async (_what, untoldUntilMs, ask, events, contentMs) => {
    const { attempt, machine, network } = started(reads, { ask, passMs: 10_000 });
    const fromMs = network.clock.monotonicMs();
    await attempt.firstContent(fromMs + untoldUntilMs);
    expect(machine.waitsMs).toHaveLength(events);
    expect([attempt.firstContentMs, machine.calls]).toEqual([contentMs, contentMs === undefined ? [] : ["began"]]);
    const said: string[] = [];
    while (said.at(-1) !== "a") said.push(new TextDecoder().decode((await attempt.next()).plaintext));
    expect(said).toEqual([...Array.from({ length: 4 }, () => keepAlive), "a"]);
    expect([attempt.firstContentMs, machine.calls]).toEqual([90_000, ["began"]]);
  });

  /** Goal: who is told of one machine is never moved to another, and who is not may be. Method: it fails after two signs. */
  it.each([
    [0, "after_content"],
    [1e9, "before_content"],
  ])("and fails, told from %i on: %s", async (untoldUntilMs, phase) => {
    const { attempt } = started(
      (turn) => {
        turn.reading(100);
        turn.frame(keepAlive, 0);
        turn.reading(200);
        turn.error("generation_failed");
      },
      { passMs: 10 },
    );
    const end = attempt
      .firstContent(untoldUntilMs)
      .then(() => attempt.next())
      .then(() => attempt.next());
    expect(await failureOf(end)).toMatchObject({ code: "provider_fault", phase });
  });

  it("and never comes to its first token is told as that", async () => {
    const { attempt } = started(({ reading }) => reading(100), { passMs: 10_000 });
    expect(await failureOf(attempt.firstContent(0))).toMatchObject({ code: "too_slow", reading: true });
  });

  /** Goal: only who reads, and has not begun, is told to be too slow at reading. Method: one that says nothing, and one that falls silent after a token. */
  it("is told apart from one that does not read, or not any more", async () => {
    const silent = started(() => {});
    expect(await failureOf(silent.attempt.firstContent(0))).not.toHaveProperty("reading");
    const begun = started(({ reading, frame }) => {
      reading(100);
      frame("a", 1);
    });
    await begun.attempt.firstContent(0);
    await begun.attempt.next();
    expect(await failureOf(begun.attempt.next())).not.toHaveProperty("reading");
  });

  /** Goal: what says only that a prompt is read stays within the first window. Method: signs of more than a step, before and after the caller is told. */
  it.each([
    [1e9, 0],
    [0, 2],
  ])("is given no credit before it is told, from %i ms on: %i times", async (untoldUntilMs, credits) => {
    const { attempt, machine } = started(({ reading, frame }) => {
      reading(1);
      for (let n = 0; n < 4; n++) frame("x".repeat(40_000), 0);
    });
    const end = attempt.firstContent(untoldUntilMs).then(() => nextOf(attempt, 5));
    expect(await failureOf(end)).toMatchObject({ code: "too_slow" });
    expect(machine.calls.filter((call) => call.startsWith("credit"))).toHaveLength(credits);
  });

  /** Goal: frames without a token are signs of life only of who says that it reads, and only so many. Method: without a word of reading, and more than there may be. */
  it("is believed to have begun where its frames say more", async () => {
    const silent = started(({ frame }) => frame("", 0));
    await silent.attempt.firstContent(1e9);
    expect(silent.machine.calls).toEqual(["began"]);
    const many = started(({ reading, frame }) => {
      reading(1);
      for (let n = 0; n < 65; n++) frame("x", 0);
    });
    await many.attempt.firstContent(1e9);
    expect(many.machine.calls).toEqual(["began"]);
    const last = started(({ reading, frame }) => {
      reading(1);
      frame("x", 0, true);
    });
    await last.attempt.firstContent(1e9);
    expect(last.machine.calls).toEqual(["began"]);
  });
});

describe("what comes", () => {
  /** Goal: no more tokens are counted than the hold pays for. Method: a frame with the most, and with one more. */
  it.each([
    [MAX_TOKENS, "none"],
    [MAX_TOKENS + 1, "receipt_mismatch"],
  ])("with %i tokens of at most 100: %s", async (tokens, end) => {
    const { attempt } = started(({ frame }) => frame("a", tokens));
    const found = await failureOf(attempt.firstContent(0));
    expect(typeof found === "string" ? found : found.code).toBe(end);
  });

  /** Goal: a machine is given credit for what was taken, in steps. Method: a frame, and so much of the next as makes a step, or one byte less. */
  it.each([
    [0, [`credit ${STEP_BYTES}`]],
    [1, []],
  ])("is given back from 64 KiB on: %i bytes less", async (less, credits) => {
    let taken = 0;
    const inPieces = (event: LineEvent): LineEvent[] => {
      if (event.kind !== "frames") return [event];
      const at = taken === 0 ? event.bytes.length : STEP_BYTES - less - taken;
      taken += at;
      return [event.bytes.slice(0, at), event.bytes.slice(at)].map((bytes) => ({ kind: "frames", bytes }));
    };
    const { attempt, machine } = started(
      ({ frame }) => {
        for (const tokens of [1, 2]) frame("x".repeat(40_000), tokens);
      },
      { rechunk: inPieces },
    );
    await attempt.firstContent(0);
    for (let n = 0; n < 2; n++) await attempt.next();
    expect(machine.calls.filter((call) => call.startsWith("credit"))).toEqual(credits);
  });
});

describe("a refusal", () => {
  type Code = Parameters<Turn["error"]>[0];

  /** Goal: what a machine says after it was told to stop is no fault of its own, and to be stopped is only believed then. Method: the same word with and without a hang-up. */
  it.each<[code: Code, hangsUp: boolean, end: string, calls: readonly string[]]>([
    ["busy", false, "provider_fault", ["faulted"]],
    ["busy", true, "provider_fault", ["cancel"]],
    ["cancelled", false, "provider_fault", ["faulted"]],
    ["cancelled", true, "caller_gone", ["cancel"]],
    ["internal", true, "provider_fault", ["cancel"]],
  ])("by %s after the first content, hung up %s: %s", async (code, hangsUp, end, calls) => {
    const { attempt, machine, caller } = started(({ frame, error }) => {
      frame("a", 1);
      error(code);
    });
    await attempt.firstContent(0);
    await attempt.next();
    if (hangsUp) caller.leave();
    expect(await failureOf(attempt.next())).toMatchObject({ code: end });
    expect(machine.calls).toEqual(["began", ...calls]);
  });

  /** Goal: who hangs up before there is any answer waits for nothing. Method: before the wait, and during it; the same when the coordinator ends, at any time. */
  it("is not waited for by who has been told nothing and leaves", async () => {
    const before = started(() => {});
    before.caller.leave(new Error("left"));
    await expect(before.attempt.firstContent(0)).rejects.toThrow("left");
    expect(before.machine.waitsMs).toEqual([]);

    const never = Promise.withResolvers<void>();
    const during = started(() => never.promise);
    const waiting = during.attempt.firstContent(0);
    during.caller.leave(new Error("left"));
    never.resolve();
    await expect(waiting).rejects.toThrow("left");
    expect(during.machine.calls).toEqual(["cancel"]);
  });

  it.each([true, false])(
    "is not waited for by a coordinator that ends, after the first content: %s",
    async (isTold) => {
      const shutdown = new AbortController();
      const { attempt } = started(({ frame }) => frame("a", 1), { ask: { shutdown: shutdown.signal } });
      if (isTold) {
        await attempt.firstContent(0);
        await attempt.next();
      }
      shutdown.abort(new Error("ends"));
      await expect(isTold ? attempt.next() : attempt.firstContent(0)).rejects.toThrow("ends");
    },
  );

  /** Goal: who says that it reads has taken the request, and holds nobody up without a fault. Method: it takes nothing after all, before it has read anything and after. */
  it.each<[code: Code, readTokens: number, end: string, calls: readonly string[]]>([
    ["busy", 0, "provider_busy", ["wasBusy"]],
    ["busy", 1, "provider_fault", ["faulted"]],
    ["over_share", 0, "provider_busy", ["declined"]],
    ["over_share", 1, "provider_fault", ["faulted"]],
    ["draining", 0, "provider_busy", []],
    ["draining", 1, "provider_fault", ["faulted"]],
    ["messages_refused", 0, "unsupported", []],
    ["messages_refused", 1, "provider_fault", ["faulted"]],
  ])("by %s, after %i tokens were read: %s", async (code, readTokens, end, calls) => {
    const { attempt, machine } = started(({ reading, error }) => {
      reading(readTokens);
      error(code);
    });
    expect(await failureOf(attempt.firstContent(0))).toMatchObject({ code: end });
    expect(machine.calls).toEqual(calls);
  });

  /** Goal: only what was sent can be refused. Method: each refusal, of a request with and without what it is of. */
  it.each<[code: Code, of: Asking["figures"], isBelieved: boolean]>([
    ["schema_refused", {}, false],
    ["schema_refused", { hasFormat: true }, true],
    ["tools_refused", {}, false],
    ["tokens_refused", {}, false],
    ["tokens_refused", { embed: { inputs: 1, encoding: "float" } }, false],
    ["tokens_refused", { hasTokens: true }, true],
    ["dimensions_refused", { embed: { inputs: 1, encoding: "float" } }, false],
    ["dimensions_refused", { embed: { inputs: 1, encoding: "float", dimensions: 4 } }, true],
    ["continuation_refused", {}, false],
    ["continuation_refused", { continues: true }, true],
    ["thinking_refused", {}, false],
    ["thinking_refused", { thinksOrRefuses: true }, true],
    ["messages_refused", {}, true],
  ])("by %s of %j is believed: %s", async (code, of, isBelieved) => {
    const { attempt } = started(({ error }) => error(code), { ask: { figures: of ?? {} } });
    await expect(attempt.firstContent(0)).rejects.toMatchObject({
      failure: { code: isBelieved ? expect.not.stringMatching("provider_fault") : "provider_fault" },
    });
  });

  /** Goal: only of what a caller sealed may a machine refuse it unseen, or say that it cannot open it, and only before it has taken it. Method: both, said as they must be and not, of a request in the clear, of a sealed one, and of one that it reads. */
  it.each<[what: string, isSealed: boolean, readTokens: number, turn: (turn: Turn) => unknown, end: object]>([
    ["in a frame", true, 0, refusesUnseen, { code: "request_refused" }],
    ["in a frame, having read", true, 1, refusesUnseen, { code: "provider_fault", fault: "generation_failed" }],
    [
      "in a frame, of what it was told",
      false,
      0,
      refusesUnseen,
      { code: "provider_fault", fault: "generation_failed" },
    ],
    ["in no frame", true, 0, (turn) => turn.error("refused"), { code: "provider_fault", fault: "generation_failed" }],
    ["signed, as one that cannot open it", true, 0, (turn) => turn.cannotOpen(), { code: "cannot_open" }],
    ["not signed", true, 0, (turn) => turn.error("cannot_open"), { code: "provider_fault", fault: "cannot_open" }],
    [
      "signed, of what was not sealed",
      false,
      0,
      (turn) => turn.cannotOpen(),
      { code: "provider_fault", fault: "cannot_open" },
    ],
  ])("%s, sealed %s, after %i tokens were read", async (_what, isSealed, readTokens, turn, end) => {
    const { attempt, machine } = started(
      async (told) => {
        told.reading(readTokens);
        await turn(told);
      },
      { isSealed },
    );
    expect(await failureOf(attempt.firstContent(0))).toMatchObject(end);
    expect(machine.calls).toEqual("fault" in end ? ["faulted"] : []);
  });

  /** Goal: a prompt is too long as soon as it may fill the context, since then nothing can be answered. Method: a body of so many bytes. */
  it.each<[bytes: number, isBelieved: boolean]>([
    [entry.contextTokens - TEMPLATE_TOKENS_MAX, true],
    [entry.contextTokens - TEMPLATE_TOKENS_MAX - 1, false],
  ])("of a body of %i bytes as too long is believed: %s", async (bytes, isBelieved) => {
    const body = new Uint8Array(bytes).fill(0x20);
    const { attempt } = started(({ error }) => error("context_exceeded"), { ask: { body } });
    const code = isBelieved ? "context_length_exceeded" : "provider_fault";
    expect(await failureOf(attempt.firstContent(0))).toMatchObject({ code });
  });

  /** Goal: what a machine refuses it refuses before it gives anything. Method: refusals of what was sent, before and after content, of both kinds. */
  it.each<[what: string, code: Code, ask: Asking]>([
    ["vectors", "tokens_refused", forVectors],
    ["words", "tools_refused", forTools],
  ])("of %s by %s is believed before content alone", async (_what, code, ask) => {
    const before = started((turn) => turn.error(code), { ask });
    expect(await failureOf(before.attempt.firstContent(0))).toMatchObject({ code: "unsupported" });
    const { attempt } = started(
      (turn) => {
        turn.frame("a", 1);
        turn.error(code);
      },
      { ask },
    );
    await attempt.firstContent(0);
    await attempt.next();
    expect(await failureOf(attempt.next())).toMatchObject({ code: "provider_fault" });
  });
});

/** Goal: words say how fast they were written, vectors and padded words do not. Method: what routing is told of each. */
it.each<[what: string, of: { ask?: Asking; isSealed?: boolean }, told: unknown[]]>([
  ["words", {}, [{ decodeMs: 20_000, relayedBytes: 9, isStream: true }]],
  ["vectors", { ask: forVectors }, []],
  ["words that are sealed", { isSealed: true }, []],
])("tells routing of %s", async (_what, of, told) => {
  const { attempt, measures } = started(
    ({ frame }) => {
      for (const text of ["a", "b", "c"]) frame(text, 1);
    },
    { ...of, passMs: 10_000 },
  );
  await attempt.firstContent(0);
  for (let n = 0; n < 3; n++) await attempt.next();
  attempt.measured(9);
  expect(measures).toEqual([told]);
});
