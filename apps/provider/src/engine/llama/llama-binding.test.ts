import type { Llama, LlamaContext, LlamaModel } from "node-llama-cpp";
import { getLlama, LlamaLogLevel } from "node-llama-cpp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { batchContextOf, contextCalls, newSampler, type BatchContext } from "./llama-binding.ts";
import { bundledModelPath } from "./model-file.ts";

/**
 * Goal: an upgrade of node-llama-cpp that moves one of the calls that are not its public interface is told by that
 * call's name. Method: each one alone, against the library as it is installed.
 */
describe("what lies under node-llama-cpp's own queue", () => {
  let llama: Llama;
  let model: LlamaModel;
  let context: LlamaContext;
  let inner: BatchContext;
  beforeAll(async () => {
    llama = await getLlama({
      gpu: false,
      build: "never",
      skipDownload: true,
      maxThreads: 1,
      logLevel: LlamaLogLevel.disabled,
    });
    model = await llama.loadModel({ modelPath: bundledModelPath });
    context = await model.createContext({ sequences: 2, contextSize: 256, threads: 1 });
    inner = batchContextOf(context);
  });
  afterAll(async () => {
    await context.dispose();
    await llama.dispose();
  });

  /** Reads these tokens at this place, and @returns where the logits of the last one are. */
  const read = async (sequence: number, position: number, tokens: readonly number[]): Promise<number> => {
    inner.initBatch(tokens.length);
    const [at] = inner.addToBatch(sequence, position, Uint32Array.from(tokens), Uint32Array.of(tokens.length - 1));
    await inner.decodeBatch();
    if (at === undefined) throw new Error("no logits");
    return at;
  };
  const likeliest = () => {
    const sampler = newSampler(model);
    sampler.applyConfig({ temperature: 0, seed: 0 });
    return sampler;
  };

  it.each(contextCalls)("has %s", (name) => {
    expect(inner[name], `node-llama-cpp has moved ${name}`).toBeTypeOf("function");
  });

  it("says by name which call is gone", () => {
    for (const gone of contextCalls) {
      const others = Object.fromEntries(contextCalls.filter((name) => name !== gone).map((name) => [name, () => 0]));
      expect(() => batchContextOf({ _ctx: others } as never)).toThrow(`node-llama-cpp has moved ${gone}`);
    }
    expect(() => batchContextOf({} as never)).toThrow("node-llama-cpp keeps its context elsewhere now");
    expect(() => newSampler({ llama: {} } as never)).toThrow("node-llama-cpp keeps its samplers elsewhere now");
    const other = function sampler() {};
    expect(() => newSampler({ llama: { _bindings: { AddonSampler: other } } } as never)).toThrow(
      "node-llama-cpp has moved applyConfig",
    );
  });

  it("reads two sequences in one batch, each as if it were alone", async () => {
    using sampler = { it: likeliest(), [Symbol.dispose]: () => sampler.it.dispose() };
    const alone = await inner.sampleToken(await read(0, 0, [300, 301, 302]), sampler.it);
    inner.disposeSequence(0);
    inner.initBatch(6);
    const [first] = inner.addToBatch(0, 0, Uint32Array.of(300, 301, 302), Uint32Array.of(2));
    const [second] = inner.addToBatch(1, 0, Uint32Array.of(400, 401, 402), Uint32Array.of(2));
    await inner.decodeBatch();
    expect(await inner.sampleToken(first ?? -1, sampler.it)).toBe(alone);
    expect(await inner.sampleToken(second ?? -1, sampler.it)).toBeGreaterThanOrEqual(0);
  });

  it("tells logits, and the weight of all of them", async () => {
    using sampler = { it: likeliest(), [Symbol.dispose]: () => sampler.it.dispose() };
    inner.disposeSequence(0);
    const at = await read(0, 0, [300, 301]);
    const [token, , , logits, weight] = await inner.sampleToken(
      at,
      sampler.it,
      false,
      false,
      [[], true, true, true, 2],
      true,
    );
    expect(logits).toContain(token);
    expect(weight).toBeGreaterThanOrEqual(1);
    const [, probabilities, confidence] = await inner.sampleToken(at, sampler.it, true, true);
    expect(probabilities?.[0]).toBe(token);
    expect(confidence).toBeGreaterThan(0);
  });

  it("forgets the end of a sequence, and all of it", async () => {
    inner.disposeSequence(1);
    expect(inner.getSequenceKvCacheMinPosition(1)).toBe(-1);
    await read(1, 0, [300, 301, 302, 303]);
    expect(inner.getSequenceKvCacheMinPosition(1)).toBe(0);
    expect(inner.removeTokenCellsFromSequence(1, 2, 4)).toBe(true);
    // The place is free again: reading there does not fail.
    await read(1, 2, [310]);
    inner.disposeSequence(1);
    expect(inner.getSequenceKvCacheMinPosition(1)).toBe(-1);
  });
});
