import { utf8 } from "@darkbloom/protocol/bytes";
import { dialects } from "@darkbloom/protocol/dialects";
import { ANSWER_WINDOW_BYTES } from "@darkbloom/protocol/limits";
import { embedTokensMax, promptTokensMax } from "@darkbloom/protocol/prompt-bounds";
import { engineRefusals } from "@darkbloom/protocol/provider-words";
import { tags } from "@darkbloom/protocol/wire";
import { createHash, createPublicKey, verify, type KeyObject } from "node:crypto";
import { describe, expect, it, vi } from "vitest";
import { chatBody, PROVIDER_ID } from "../../test/machine.ts";
import { ask, closingOf, faultOf, rain, Turn, type Asked } from "../../test/turn.ts";
import type { Script } from "../engine/scripted-engine.ts";
import { SealingKeys } from "../session/keys.ts";
import { EngineRefusal } from "../language/refusal.ts";
import { BACKPRESSURE_WAIT_MS, PROGRESS_EVERY_MS } from "./outgoing.ts";

/** The receipt's identity key, imported without any code of ours. */
function identityOf({ parsed }: ReturnType<typeof closingOf>): KeyObject {
  const point = Buffer.from(parsed.identity_key, "base64");
  const [x, y] = [point.subarray(1, 33), point.subarray(33)];
  return createPublicKey({
    format: "jwk",
    key: { kty: "EC", crv: "P-256", x: x.toString("base64url"), y: y.toString("base64url") },
  });
}

describe("an answer", () => {
  /**
   * Goal: what is signed is what was sent. Method: open the frames, hash the bytes and check both
   * signatures with node:crypto alone.
   */
  it("signs the hash of the very bytes that it sent, and a receipt that says so", async () => {
    const got = await ask({ body: chatBody({ seed: 7, temperature: 0.5, stop: ["###"] }), header: { nonce: "n-1" } });
    expect(got.messages.map(({ type }) => type)).toEqual(["inference_complete"]);
    expect(got.frames.length).toBeGreaterThan(1);
    expect(got.finished).toBe(true);
    expect(got.said).toBe("Rain is water.");
    expect(got.body.endsWith("data: [DONE]\n\n")).toBe(true);

    const closing = closingOf(got);
    const hash = createHash("sha256").update(got.body).digest("hex");
    const key = identityOf(closing);
    expect(verify("sha256", utf8(hash), key, Buffer.from(closing.response_signature ?? "", "base64"))).toBe(true);
    const signed = utf8(tags.receipt + closing.receipt);
    expect(verify("sha256", signed, key, Buffer.from(closing.receipt_signature, "base64"))).toBe(true);
    expect(closing.parsed).toMatchObject({
      job_id: "job_1",
      request_id: "req_1",
      privacy: "transparent",
      model: "scripted",
      build: "scripted",
      request_sha256: got.requestSha256,
      response_sha256: hash,
      nonce: "n-1",
      sampling: { temperature: 0.5, top_p: 1, seed: 7, stop: 1, max_tokens: 100 },
      // Four words, and the token that ends the turn.
      usage: { prompt_tokens: 4, cached_tokens: 0, completion_tokens: 5, reasoning_tokens: 0 },
      finish_reason: "stop",
      provider_id: PROVIDER_ID,
    });
  });

  it("counts in each frame the tokens so far, and never fewer than before", async () => {
    const { frames } = await ask();
    const counts = frames.map(({ completionTokens }) => completionTokens);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    expect(counts.at(-1)).toBe(5);
  });

  it("names the seed that it drew", async () => {
    const seeds = [closingOf(await ask()), closingOf(await ask())].map(({ parsed }) => parsed.sampling?.seed);
    expect(seeds[0]).not.toBe(seeds[1]);
  });

  it("hides thoughts that were not asked for, and counts them", async () => {
    const script = { pieces: ["<thi", "nk>", "The", " sky", "</th", "ink>\n", "Rain", "."] };
    const got = await ask({ script });
    expect(got.said).toBe("Rain.");
    expect(got.body).not.toContain("sky");
    expect(closingOf(got).parsed.usage).toMatchObject({ completion_tokens: 9, reasoning_tokens: 5 });
  });

  it("stops the model at a stop string, and lets nothing of it out", async () => {
    const turn = new Turn({
      script: { pieces: ["Rain", " is", " wa", "ter", " from", " above"] },
      body: chatBody({ stop: " water" }),
    });
    const got = await turn.start();
    expect(got.said).toBe("Rain is");
    expect(turn.engine.generated).toBe(4);
    expect(closingOf(got).parsed).toMatchObject({ finish_reason: "stop", usage: { completion_tokens: 4 } });
  });

  it.each([
    ["the header's bound", { header: { max_tokens: 2 } }, 2],
    ["the body's bound", { body: chatBody({ max_tokens: 3 }) }, 3],
    ["the context", { model: { contextTokens: 6 } }, 2],
    ["the context's last token", { model: { contextTokens: 5 } }, 1],
  ])("ends at %s", async (_, asked, tokens) => {
    const { parsed } = closingOf(await ask(asked));
    expect(parsed).toMatchObject({ finish_reason: "length", usage: { completion_tokens: tokens } });
    expect(parsed.sampling?.max_tokens).toBe(tokens);
  });

  /** Goal: nobody pays for what a template makes of a short body. Method: an engine whose prompt is far longer than the body. */
  it.each<[what: string, asked: Asked, bound: (bodyBytes: number) => number]>([
    ["a prompt", { body: chatBody() }, promptTokensMax],
    [
      "a text without a template",
      { body: { model: "scripted", prompt: "rain" }, header: { endpoint: "/v1/completions", stream: false } },
      (bodyBytes) => embedTokensMax(bodyBytes, 1),
    ],
  ])("counts no more of %s than its body can be charged as", async (_, asked, bound) => {
    const turn = new Turn({ ...asked, model: { contextTokens: 100_000 } });
    vi.spyOn(turn.engine, "prompt").mockResolvedValue({
      tokens: Array.from({ length: 50_000 }, () => 0),
      opensThinking: false,
    });
    vi.spyOn(turn.engine, "run").mockImplementation(async function* said() {
      yield { text: "x", completionTokens: 1, cachedTokens: 40_000 };
      return { finish: "stop", completionTokens: 1, cachedTokens: 40_000 };
    });
    const got = await turn.start();
    const most = bound(JSON.stringify(asked.body).length);
    expect(closingOf(got).parsed.usage).toMatchObject({ prompt_tokens: most, cached_tokens: most });
  });

  /** Goal: an alias that the coordinator looked up is answered in the model's own name, and no other name is taken for it. Method: names in the body and in the header. */
  it.each<[body: { model: string | undefined }, asked: string | undefined, isAnswered: boolean]>([
    [{ model: "gpt-5" }, "gpt-5", true],
    [{ model: "scripted" }, "gpt-5", true],
    [{ model: "another" }, "gpt-5", false],
    [{ model: "gpt-5" }, undefined, false],
    [{ model: undefined }, undefined, false],
  ])("to a body with %o, asked for as %s: %s", async (body, asked, isAnswered) => {
    const header = asked === undefined ? {} : { asked_model: asked };
    const got = await ask({ body: chatBody(body), header });
    if (!isAnswered) return expect(faultOf(got)?.code).toBe("invalid_request");
    expect(closingOf(got).parsed.model).toBe("scripted");
    expect(got.body).toContain('"model":"scripted"');
    return expect(got.body).not.toContain("gpt-5");
  });

  it.each(["null", '"words"', "5"])("is none to a body of %s", async (body) => {
    expect(faultOf(await ask({ body, header: { asked_model: "gpt-5" } }))?.code).toBe("invalid_request");
  });

  /** Goal: only a stream of events may have comments in it. Method: a model that says nothing for long, in each form. */
  it.each<[form: string, body: object, header: NonNullable<Asked["header"]>, isToldAlive: boolean]>([
    ["a stream", chatBody(), {}, true],
    ["a plain answer", chatBody({ stream: false }), { stream: false }, false],
    [
      "lines of JSON",
      { type: "response.create", model: "scripted", input: "What is rain?" },
      { endpoint: "/v1/responses" },
      false,
    ],
  ])("says that it is alive in %s: %#", async (_, body, header, isToldAlive) => {
    const turn = new Turn({ script: { pieces: ["Rain", "."], tokenMs: 40_000 }, body, header });
    const got = await turn.start();
    for (let passed = 0; passed < 200_000 && !turn.over; passed += 5_000) {
      await turn.clock.advance(5_000);
      await turn.quiet();
    }
    expect(closingOf(got).parsed.finish_reason).toBe("stop");
    expect(got.body.includes(": keep-alive")).toBe(isToldAlive);
  });

  /** Goal: who waits for a whole answer is sent it whole, sealed or not; only a stream is sent bit by bit. Method: a second for each of four words. */
  it.each([
    ["a sealed stream", true, 6],
    ["a sealed plain answer", false, 3],
  ])("is sent in %s", async (_, stream, frames) => {
    const header = { mode: "sealed", stream } as const;
    const turn = new Turn({ script: { ...rain, tokenMs: 1_000 }, body: chatBody({ stream }), header });
    const got = await turn.start();
    for (let passed = 0; passed < 8_000; passed += 500) {
      await turn.clock.advance(500);
      await turn.quiet();
    }
    expect([turn.over, got.frames.length]).toEqual([true, frames]);
  });

  /** Goal: whoever waits for a long prompt hears how far it is read, and a stream says that it lives, in the words of its dialect. Method: forty seconds of reading before the first word. */
  it.each<[what: string, body: unknown, header: NonNullable<Asked["header"]>, words: string | undefined]>([
    ["a stream", chatBody({ stream: true }), { stream: true }, ": keep-alive\n\n"],
    ["a plain answer", chatBody({ stream: false }), { stream: false }, undefined],
    [
      "Anthropic's stream",
      { ...(chatBody({ stream: true }) as object), max_tokens: 100 },
      { stream: true, endpoint: "/v1/messages" },
      'event: ping\ndata: {"type":"ping"}\n\n',
    ],
    [
      "lines of JSON",
      { type: "response.create", model: "scripted", input: "What is rain?" },
      { stream: true, endpoint: "/v1/responses" },
      undefined,
    ],
  ])("tells how far the prompt is read in %s", async (_, body, header, words) => {
    const turn = new Turn({ script: { ...rain, reads: { everyMs: 4_000, tokens: 7, times: 10 } }, body, header });
    const got = await turn.start();
    for (let passed = 0; passed < 40_000; passed += 1_000) {
      await turn.clock.advance(1_000);
      await turn.quiet();
    }
    expect(closingOf(got).parsed.finish_reason).toBe("stop");
    const told = got.messages.flatMap((message) => (message.type === "reading" ? [message.read_tokens] : []));
    expect(told).toEqual([14, 28, 42, 56, 70]);
    expect(got.body.startsWith(words === undefined ? "{" : words + words)).toBe(true);
    const begun = got.frames.findIndex(({ completionTokens }) => completionTokens > 0);
    expect(begun).toBe(words === undefined ? 0 : 2);
  });

  /** Goal: its owner's counts say how each request ended. Method: one that is answered, one that no machine could take, one whose coordinator is gone. */
  it.each<[outcome: string, asked: Asked, isLost: boolean]>([
    ["complete", {}, false],
    ["context_exceeded", { body: chatBody({ messages: [{ role: "user", content: "x ".repeat(3_000) }] }) }, false],
    ["lost", { script: { ...rain, hangAfter: 1 } }, true],
  ])("ends as %s", async (outcome, asked, isLost) => {
    const turn = new Turn(asked);
    await turn.start();
    if (isLost) turn.lost.abort(new Error("gone"));
    await turn.quiet();
    expect([turn.over, turn.outcome]).toEqual([true, outcome]);
  });

  /** Goal: who leaves while the prompt is read owes nothing. Method: a cancel after a sign of life. */
  it("is cancelled while the prompt is read", async () => {
    const script = { ...rain, reads: { everyMs: 4_000, tokens: 7, times: 10 } };
    const turn = new Turn({ script, body: chatBody({ stream: true }), header: { stream: true } });
    const got = await turn.start();
    for (let passed = 0; passed < 20_000; passed += 1_000) {
      await turn.clock.advance(1_000);
      await turn.quiet();
    }
    expect(got.body).toBe(": keep-alive\n\n");
    turn.cancel.abort(new Error("cancelled"));
    await turn.quiet();
    expect(faultOf(got)).toMatchObject({ code: "cancelled" });
    expect(turn.engine.running).toBe(0);
  });

  describe("that goes on with texts", () => {
    const raw = (more: object) => ({
      body: { model: "scripted", max_tokens: 40, seed: 7, prompt: "Once upon a time", ...more },
      header: { endpoint: "/v1/completions" as const, stream: false },
    });
    const textsOf = (body: string) =>
      (JSON.parse(body) as { choices: { text: string }[] }).choices.map(({ text }) => text);

    it("reads them without a template, and what looks like a thought in the answer is text", async () => {
      const got = await ask({ ...raw({}), script: { pieces: [" <think>", " hm", " </think>", " she"] } });
      expect(textsOf(got.body)).toEqual([" <think> hm </think> she"]);
      // Four words; with a template there would be a role before them.
      expect(closingOf(got).parsed.usage).toEqual({
        prompt_tokens: 4,
        cached_tokens: 0,
        completion_tokens: 5,
        reasoning_tokens: 0,
      });
    });

    it("tells each prompt's answers in turn, and counts each prompt once", async () => {
      const got = await ask({
        ...raw({ prompt: ["a b", "c d e"], n: 2, max_tokens: 1, echo: true }),
        script: { pieces: [" x", " y"] },
      });
      expect(textsOf(got.body)).toEqual(["a b x", "a b x", "c d e x", "c d e x"]);
      expect(closingOf(got).parsed).toMatchObject({
        usage: { prompt_tokens: 5, completion_tokens: 4 },
        sampling: { n: 4, max_tokens: 1 },
      });
    });

    it("tells how far all its prompts are read, each of them once", async () => {
      const script = { pieces: [" x"], reads: { everyMs: 6_000, tokens: 7, times: 2 } };
      const turn = new Turn({ ...raw({ prompt: ["a", "b"], n: 2, max_tokens: 1 }), script });
      const got = await turn.start();
      for (let passed = 0; passed < 48_000; passed += 2_000) {
        await turn.clock.advance(2_000);
        await turn.quiet();
      }
      expect(turn.over).toBe(true);
      const told = got.messages.flatMap((message) => (message.type === "reading" ? [message.read_tokens] : []));
      expect(told).toEqual([7, 14, 14, 14, 21, 28, 28, 28]);
    });

    it("says again what tokens spell", async () => {
      const got = await ask({ ...raw({ prompt: [5, 6], echo: true }), script: { pieces: [" x"] } });
      expect(textsOf(got.body)).toEqual([" 5 6 x"]);
    });

    it.each([
      ["tokens of another model", { prompt: [5, 1_000_000] }, "tokens_refused"],
      ["a text among several that fills the context", { prompt: ["a", "x ".repeat(3000)] }, "context_exceeded"],
    ])("refuses %s before anything is told", async (_, more, code) => {
      const got = await ask(raw(more));
      expect(got.messages.at(-1)).toMatchObject({ type: "inference_error", code });
      expect(got.frames).toEqual([]);
    });
  });

  it("begins once", async () => {
    const got = await ask({
      body: { model: "scripted", stream: true, max_tokens: 9, messages: [{ role: "user", content: "What is rain?" }] },
      header: { endpoint: "/v1/messages" },
    });
    expect(got.body.match(/^event: .*$/gm)?.map((event) => event.slice(7))).toEqual([
      "message_start",
      "content_block_start",
      ...rain.pieces.map(() => "content_block_delta"),
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
  });

  /** Goal: a prompt is read once and paid once, whatever is reused for later choices. Method: an engine that reuses more each time. */
  it("counts the tokens of all choices, and of the prompt those that the first one reused", async () => {
    const turn = new Turn({ body: chatBody({ n: 3, seed: 7 }) });
    const run = vi.spyOn(turn.engine, "run");
    for (const cachedTokens of [1, 2, 3])
      run.mockImplementationOnce(async function* said() {
        yield { text: "x", completionTokens: 1, cachedTokens };
        return { finish: "stop", completionTokens: 2, cachedTokens };
      });
    const got = await turn.start();
    expect(closingOf(got).parsed.usage).toMatchObject({ prompt_tokens: 4, cached_tokens: 1, completion_tokens: 6 });
    expect(run.mock.calls.map(([, { seed }]) => seed)).toEqual([7, 8, 9]);
  });

  it.each([
    ["as many as were asked for", { logprobs: true, top_logprobs: 2 }, { topLogprobs: 2 }],
    ["none besides its own", { logprobs: true }, { topLogprobs: 0 }],
    ["none at all", {}, {}],
  ])("asks the model for the probabilities of other tokens: %s", async (_, body, expected) => {
    const turn = new Turn({ body: chatBody(body) });
    const run = vi.spyOn(turn.engine, "run");
    await turn.start();
    const named = Object.entries(run.mock.calls[0]?.[1] ?? {}).filter(([name]) => name === "topLogprobs");
    expect(Object.fromEntries(named)).toStrictEqual(expected);
    expect(named).toHaveLength(Object.keys(expected).length);
  });

  it("cuts a long body into frames", async () => {
    const got = await ask({
      script: { pieces: ["x".repeat(150_000)] },
      body: chatBody({ stream: false }),
      header: { stream: false },
      creditBytes: 1_000_000,
    });
    expect(got.frames.filter(({ plaintext }) => plaintext.length > 0)).toHaveLength(3);
    expect(got.frames.filter(({ final }) => final)).toHaveLength(1);
    expect(JSON.parse(got.body)).toMatchObject({ choices: [{ message: { content: "x".repeat(150_000) } }] });
  });
});

describe("a count of tokens", () => {
  const asked: Asked = {
    body: { model: "scripted", messages: [{ role: "user", content: "What is rain?" }] },
    header: { endpoint: "/v1/messages/count_tokens", stream: false },
  };

  it("is free, and runs no model", async () => {
    const turn = new Turn(asked);
    const run = vi.spyOn(turn.engine, "run");
    const got = await turn.start();
    expect(JSON.parse(got.body)).toEqual({ input_tokens: 4 });
    expect(closingOf(got).parsed.usage).toMatchObject({ prompt_tokens: 0, completion_tokens: 0 });
    expect(run).not.toHaveBeenCalled();
  });

  it("of what no answer would have room behind is refused as the request itself would be", async () => {
    const got = await ask({ ...asked, model: { contextTokens: 4 } });
    expect(faultOf(got)).toMatchObject({ code: "context_exceeded", prompt_tokens: 4 });
  });
});

describe("a plain answer", () => {
  /** Goal: the coordinator learns of the first token at once and of a working model now and then. Method: a slow script. */
  it("shows progress before there is a body", async () => {
    const script = { pieces: Array.from({ length: 12 }, () => "x "), tokenMs: 1_000 };
    const turn = new Turn({ script, body: chatBody({ stream: false }), header: { stream: false } });
    const got = await turn.start();
    expect(got.frames).toMatchObject([{ completionTokens: 1, final: false }]);
    await turn.clock.advance(PROGRESS_EVERY_MS);
    expect(got.frames).toHaveLength(2);
    await turn.clock.advance(60_000);
    await turn.quiet();
    expect(got.frames.slice(0, -1).every(({ plaintext }) => plaintext.length === 0)).toBe(true);
    expect(JSON.parse(got.body)).toMatchObject({ object: "chat.completion" });
  });
});

describe("a refusal", () => {
  it.each<[string, Asked, string]>([
    ["another model", { header: { model: "other" } }, "invalid_request"],
    ["another stream flag", { header: { stream: false } }, "invalid_request"],
    ["a body that is not JSON", { body: "{" }, "invalid_request"],
    ["a body that is not UTF-8", { body: Uint8Array.of(0x22, 0xff, 0x22) }, "invalid_request"],
    ["a bad field", { body: chatBody({ temperature: 9 }) }, "invalid_request"],
    ["another build", { header: { build: "other" } }, "model_unavailable"],
    ["another task than the model's", { model: { tasks: ["embed"] } }, "model_unavailable"],
    ["a conversation of a model for texts", { model: { tasks: ["complete"] } }, "model_unavailable"],
    [
      "another machine's envelope",
      { header: { candidates: [{ provider_id: "prov_2", key_id: "k", evidence_sha256: "e" }] } },
      "cannot_open",
    ],
    ["an expired envelope", { header: { expires_at: "2020-01-01T00:00:00Z" } }, "cannot_open"],
  ])("%s", async (_, asked, code) => {
    const got = await ask(asked);
    expect(got.messages).toStrictEqual([{ type: "inference_error", job_id: "job_1", code }]);
  });

  /** Goal: a caller who seals can show that its machine could not open it. Method: an envelope that has expired. */
  it("of a sealed envelope is signed", async () => {
    const got = await ask({ header: { mode: "sealed", expires_at: "2020-01-01T00:00:00Z" } });
    const signed = { statement: expect.any(String), statement_signature: expect.any(String) };
    expect(faultOf(got)).toEqual({ type: "inference_error", job_id: "job_1", code: "cannot_open", ...signed });
  });

  /** Goal: who has filled its share is told apart from who cannot be read, in the clear and without a signature. Method: keys that say so. */
  it("of a caller who has its share is said as such", async () => {
    vi.spyOn(SealingKeys.prototype, "open").mockReturnValueOnce({ refused: "over_share" });
    const got = await ask();
    expect(got.messages).toStrictEqual([{ type: "inference_error", job_id: "job_1", code: "over_share" }]);
  });

  /** Goal: a bug of ours is told to the owner and not blamed on the request. Method: a dialect that breaks. */
  it("of a body that a dialect breaks at is our own fault", async () => {
    const broken = new RangeError("a bug");
    vi.spyOn(dialects["/v1/chat/completions"], "decode").mockImplementationOnce(() => {
      throw broken;
    });
    const turn = new Turn();
    const got = await turn.start();
    expect(got.messages).toStrictEqual([{ type: "inference_error", job_id: "job_1", code: "generation_failed" }]);
    expect(turn.faults).toEqual([broken]);
  });

  it("of a request for which the model was ended says so", async () => {
    expect(faultOf(await ask({ script: { pieces: ["x"], hangsForGood: true } }))).toMatchObject({
      code: "engine_ended",
    });
  });

  it("of a prompt that fills the context comes before any content", async () => {
    const got = await ask({ model: { contextTokens: 4 } });
    expect(faultOf(got)).toEqual({
      type: "inference_error",
      prompt_tokens: 4,
      job_id: "job_1",
      code: "context_exceeded",
    });
    expect(got.frames).toEqual([]);
  });

  /** Goal: what a model refuses is told as that, and is no bug of the machine. Method: an engine that refuses when it is run. */
  it.each([...engineRefusals])("of the model's own: %s", async (refuses) => {
    const turn = new Turn({ script: { pieces: [], refuses } });
    const got = await turn.start();
    expect(got.messages.at(-1)).toEqual({ type: "inference_error", job_id: "job_1", code: refuses });
    expect(got.frames).toEqual([]);
    expect(turn.faults).toEqual([]);
  });
});

/** Goal: why a sealed request is refused its caller alone is told, and only in place of an answer. Method: an engine that refuses its first choice, and its second. */
it.each([
  [1, "refused", true],
  [2, "generation_failed", false],
])("a sealed request that is refused at choice %i ends as %s", async (choice, code, isSealed) => {
  const turn = new Turn({ body: chatBody({ n: 2 }), header: { mode: "sealed" } });
  const { run } = turn.engine;
  let runs = 0;
  vi.spyOn(turn.engine, "run").mockImplementation((...of) => {
    if (++runs === choice) throw new EngineRefusal("messages_refused");
    return run.apply(turn.engine, of);
  });
  const fault = faultOf(await turn.start());
  expect([fault?.code, (fault?.sealed ?? "") !== ""]).toEqual([code, isSealed]);
});

describe("a failing engine", () => {
  it.each([
    ["before its first token", 0],
    ["in the middle", 2],
  ])("%s gives a code and no text", async (_, failAfter) => {
    const turn = new Turn({ script: { ...rain, failAfter } });
    const got = await turn.start();
    expect(faultOf(got)).toEqual({ type: "inference_error", job_id: "job_1", code: "generation_failed" });
    expect(got.finished).toBe(false);
    expect(turn.faults).toHaveLength(1);
    expect(turn.engine.running).toBe(0);
  });
});

describe("a cancel", () => {
  it("before the first token leaves nothing to pay", async () => {
    const turn = new Turn({ script: { ...rain, hangAfter: 0 } });
    const got = await turn.start();
    turn.cancel.abort();
    await turn.quiet();
    expect(faultOf(got)?.code).toBe("cancelled");
    expect(got.frames).toHaveLength(0);
    expect(turn.engine.running).toBe(0);
  });

  it("after it closes properly, with a receipt over what was made", async () => {
    const turn = new Turn({ script: { ...rain, hangAfter: 2 } });
    const got = await turn.start();
    turn.cancel.abort();
    await turn.quiet();
    expect(got.finished).toBe(true);
    expect(got.said).toBe("Rain is");
    const { parsed } = closingOf(got);
    expect(parsed).toMatchObject({ finish_reason: "cancelled", usage: { completion_tokens: 2 } });
    expect(parsed.response_sha256).toBe(createHash("sha256").update(got.body).digest("hex"));
  });

  /** Goal: bytes that waited for credit when the cancel came are neither lost nor hashed twice. Method: cancel a starved answer, then feed it. */
  it("while it waits for credit still sends all that it hashed", async () => {
    const turn = new Turn({
      script: { pieces: Array.from({ length: 50 }, (_, n) => ` word${n}`) },
      creditBytes: 3_000,
    });
    const got = await turn.start();
    expect(turn.over).toBe(false);
    turn.cancel.abort();
    turn.credit.give(ANSWER_WINDOW_BYTES);
    await turn.quiet();
    const { parsed } = closingOf(got);
    expect(parsed.finish_reason).toBe("cancelled");
    expect(parsed.response_sha256).toBe(createHash("sha256").update(got.body).digest("hex"));
  });

  it("ends all choices, though the others had not begun", async () => {
    const turn = new Turn({ body: chatBody({ n: 2 }), script: { ...rain, hangAfter: 2 } });
    const run = vi.spyOn(turn.engine, "run");
    const got = await turn.start();
    turn.cancel.abort();
    await turn.quiet();
    expect(closingOf(got).parsed).toMatchObject({ finish_reason: "cancelled", usage: { completion_tokens: 2 } });
    expect(run).toHaveBeenCalledOnce();
  });

  it("that is followed by the connection's end is closed for nobody", async () => {
    const turn = new Turn({ script: { ...rain, hangAfter: 2 } });
    const got = await turn.start();
    const before = got.messages.length;
    turn.cancel.abort();
    turn.lost.abort(new Error("gone"));
    await turn.quiet();
    expect(turn.over).toBe(true);
    expect(got.messages).toHaveLength(before);
  });

  it("is told to nobody where the connection is gone", async () => {
    const turn = new Turn({ script: { ...rain, hangAfter: 2 } });
    const got = await turn.start();
    const before = got.messages.length;
    turn.lost.abort(new Error("gone"));
    await turn.quiet();
    expect(turn.over).toBe(true);
    expect(got.messages).toHaveLength(before);
    expect(turn.engine.running).toBe(0);
  });
});

describe("without credit", () => {
  const long: Script = { pieces: Array.from({ length: 90 }, (_, n) => ` word${n}`) };

  /** Goal: a slow reader stops the model, not memory's patience. Method: little credit, then more, counting tokens made. */
  it("the model is not advanced", async () => {
    const turn = new Turn({ script: long, creditBytes: 2_000 });
    const got = await turn.start();
    const made = turn.engine.generated;
    expect(made).toBeLessThan(6);
    expect(got.bytes).toBeLessThanOrEqual(2_000);
    await turn.clock.advance(BACKPRESSURE_WAIT_MS / 2);
    expect(turn.engine.generated).toBe(made);

    turn.credit.give(2_000);
    await turn.quiet();
    expect(turn.engine.generated).toBeGreaterThan(made);
    expect(got.bytes).toBeLessThanOrEqual(4_000);
    turn.credit.give(ANSWER_WINDOW_BYTES);
    await turn.quiet();
    expect(got.finished).toBe(true);
    expect(got.said).toBe(long.pieces.join("").trim());
  });

  it("it gives up after a while", async () => {
    const turn = new Turn({ script: long, creditBytes: 2_000 });
    const got = await turn.start();
    await turn.clock.advance(BACKPRESSURE_WAIT_MS);
    await turn.quiet();
    expect(faultOf(got)?.code).toBe("backpressure_timeout");
    expect(turn.engine.running).toBe(0);
  });
});
