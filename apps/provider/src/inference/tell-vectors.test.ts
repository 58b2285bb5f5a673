import { dialects, type Renderer } from "@darkbloom/protocol/dialects";
import { embedTokensMax } from "@darkbloom/protocol/prompt-bounds";
import { createHash } from "node:crypto";
import { describe, expect, it, vi } from "vitest";
import { ask, closingOf, faultOf, Turn, type Asked } from "../../test/turn.ts";
import type { Embedded } from "./engine.ts";
import { unitVector } from "./tell-vectors.ts";

const vectorsOf = (input: unknown, more: Record<string, unknown> = {}): Asked => ({
  body: { model: "scripted", input, ...more },
  header: { endpoint: "/v1/embeddings", stream: false },
});

describe("vectors", () => {
  it("are told in the order of their texts, of length 1 each, and paid by the texts' tokens", async () => {
    const got = await ask(vectorsOf(["rain falls", "snow", "rain falls"]));
    const { data, usage }: { data: { index: number; embedding: number[] }[]; usage: object } = JSON.parse(got.body);
    expect(data.map(({ index }) => index)).toEqual([0, 1, 2]);
    for (const { embedding } of data) expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
    expect(data[2]?.embedding).toEqual(data[0]?.embedding);
    expect(data[1]?.embedding).not.toEqual(data[0]?.embedding);
    expect(usage).toEqual({ prompt_tokens: 5, total_tokens: 5 });
    const { parsed } = closingOf(got);
    expect(parsed).toMatchObject({
      usage: { prompt_tokens: 5, cached_tokens: 0, completion_tokens: 0, reasoning_tokens: 0 },
      response_sha256: createHash("sha256").update(got.body).digest("hex"),
    });
    expect(parsed).not.toHaveProperty("sampling");
    expect(parsed).not.toHaveProperty("finish_reason");
  });

  it("go out as they come, the first one at once", async () => {
    const turn = new Turn({ ...vectorsOf(["a", "b", "c"]), script: { pieces: [], firstTokenMs: 1_000 } });
    const got = await turn.start();
    expect(got.frames).toHaveLength(0);
    for (const count of [1, 2, 3]) {
      await turn.clock.advance(1_000);
      expect(got.body.match(/"object":"embedding"/g)).toHaveLength(count);
    }
    await turn.quiet();
    expect(got.finished).toBe(true);
  });

  /** Goal: nobody waits behind a vector that was made. Method: one so short that nothing is left of it, as a dialect may tell it. */
  it("begin with a frame, though there be nothing in it", async () => {
    const silent: Renderer = { begin: () => "", vector: () => "", delta: () => "", finish: () => "", end: () => "" };
    const { decode } = dialects["/v1/embeddings"];
    vi.spyOn(dialects["/v1/embeddings"], "decode").mockImplementationOnce((body) => ({
      ...decode(body),
      renderer: () => silent,
    }));
    const got = await ask(vectorsOf(["a", "b"]));
    expect(got.frames.map(({ final }) => final)).toEqual([false, true]);
  });

  it.each([
    [{}, 8],
    [{ dimensions: 8 }, 8],
    [{ dimensions: 7 }, 7],
    [{ dimensions: 1 }, 1],
  ])("have as many numbers as are asked for: %j", async (more, length) => {
    const got = await ask(vectorsOf("rain", more));
    expect(JSON.parse(got.body).data[0].embedding).toHaveLength(length);
  });

  it.each([
    [{ dimensions: 9 }, {}],
    [{ dimensions: 1 }, { vectorLength: 0 }],
  ])("of more numbers than the model gives are refused before anything is told: %j", async (more, model) => {
    const got = await ask({ ...vectorsOf("rain", more), model });
    expect(faultOf(got)?.code).toBe("dimensions_refused");
    expect(got.frames).toEqual([]);
  });

  /** Goal: nobody pays for what a model makes of a short text. Method: an engine that says that there were far more tokens. */
  it("count no more tokens than their body can be charged as", async () => {
    const turn = new Turn(vectorsOf(["rain", "snow"]));
    vi.spyOn(turn.engine, "embed").mockImplementation(async function* told(): AsyncGenerator<Embedded, void> {
      for (const _ of [1, 2]) yield { vector: Float32Array.of(1), tokens: 50_000 };
    });
    const got = await turn.start();
    const bodyBytes = JSON.stringify(vectorsOf(["rain", "snow"]).body).length;
    expect(closingOf(got).parsed.usage).toMatchObject({ prompt_tokens: embedTokensMax(bodyBytes, 2) });
  });

  it("of a dialect that cannot tell them are our own fault", async () => {
    const mute: Renderer = { begin: () => "", delta: () => "", finish: () => "", end: () => "" };
    const { decode } = dialects["/v1/embeddings"];
    vi.spyOn(dialects["/v1/embeddings"], "decode").mockImplementationOnce((body) => ({
      ...decode(body),
      renderer: () => mute,
    }));
    const turn = new Turn(vectorsOf("rain"));
    expect(faultOf(await turn.start())?.code).toBe("generation_failed");
    expect(turn.faults).toEqual([new RangeError("/v1/embeddings has no form for vectors")]);
    expect(turn.engine.embedded).toBe(0);
  });
});

describe("vectors that are not waited for", () => {
  const slow = { pieces: [], firstTokenMs: 1_000 };

  it("cost nothing where there were none", async () => {
    const turn = new Turn({ ...vectorsOf(["a", "b"]), script: slow });
    const got = await turn.start();
    turn.cancel.abort();
    await turn.quiet();
    expect(faultOf(got)?.code).toBe("cancelled");
    expect(got.frames).toEqual([]);
  });

  it("are paid as far as there are any", async () => {
    const turn = new Turn({ ...vectorsOf(["a b", "c d e"]), script: slow });
    const got = await turn.start();
    await turn.clock.advance(1_000);
    turn.cancel.abort();
    await turn.quiet();
    expect(closingOf(got).parsed.usage).toMatchObject({ prompt_tokens: 2 });
    expect(JSON.parse(got.body).data).toHaveLength(1);
  });

  it.each([
    ["after a cancel", true],
    ["without one", false],
  ])("are closed for nobody once the connection is gone, %s", async (_, isCancelled) => {
    const turn = new Turn({ ...vectorsOf(["a", "b"]), script: slow });
    const got = await turn.start();
    await turn.clock.advance(1_000);
    const before = got.messages.length;
    if (isCancelled) turn.cancel.abort();
    turn.lost.abort(new Error("gone"));
    await turn.quiet();
    expect(turn.over).toBe(true);
    expect(got.messages).toHaveLength(before);
    expect(turn.faults).toEqual([]);
  });

  it("end with the engine's fault, though some were told", async () => {
    const turn = new Turn(vectorsOf(["a", "b"]));
    vi.spyOn(turn.engine, "embed").mockImplementation(async function* told(): AsyncGenerator<Embedded, void> {
      yield { vector: Float32Array.of(1), tokens: 1 };
      throw new Error("broken");
    });
    expect(faultOf(await turn.start())?.code).toBe("generation_failed");
    expect(turn.faults).toHaveLength(1);
  });
});

describe("a vector of length 1", () => {
  it.each([
    [[3, 4], undefined, [0.6, 0.8]],
    [[0, -2], undefined, [0, -1]],
    [[3, 4, 12], 2, [0.6, 0.8]],
  ])("of %j, shortened to %s", (numbers, dimensions, expected) => {
    const unit = unitVector(Float32Array.from(numbers), dimensions);
    expect([...unit].map((value) => Number(value.toFixed(6)))).toEqual(expected);
  });

  it.each([[[0, 0]], [[Number.NaN, 1]], [[Infinity, 1]], [[]]])("cannot be made of %j", (numbers) => {
    expect(() => unitVector(Float32Array.from(numbers))).toThrow(RangeError);
  });
});
