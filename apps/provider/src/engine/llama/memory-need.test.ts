import { describe, expect, it } from "vitest";
import { memoryRefusal, type MemoryNeed } from "./memory-need.ts";

/** Weights of 100 MB, and 10 kB for a token of a slot. */
const need: MemoryNeed = async (slots, contextTokens) => 100e6 + slots * contextTokens * 10e3;
const refusal = async (slots: number, contextTokens: number, availableBytes: number) =>
  memoryRefusal("m.gguf", { slots, contextTokens }, availableBytes, need);

describe("a model that a machine has too little memory for", () => {
  it.each([
    ["what fits exactly", 4, 8192, 100e6 + 4 * 8192 * 10e3],
    ["what fits easily", 1, 256, 1e12],
  ])("is served: %s", async (_, slots, contextTokens, available) => {
    expect(await refusal(slots, contextTokens, available)).toBeUndefined();
  });

  it.each([
    ["says how far either can be lowered", 4, 8192, 300e6, "Lower --context to 4864, or --slots to 2."],
    ["by one byte", 4, 8192, 100e6 + 4 * 8192 * 10e3 - 1, "Lower --context to 7936, or --slots to 3."],
    ["with one slot only the context", 1, 8192, 150e6, "Lower --context to 4864."],
    ["with the smallest context only the slots", 4, 256, 105.2e6, "Lower --slots to 2."],
    ["where neither is enough, both", 8, 8192, 104e6, "Lower both --slots and --context."],
    ["nothing, where not even one slot fits", 4, 8192, 90e6, "free memory, or take a smaller model."],
    ["nothing, where it is the smallest already", 1, 256, 101e6, "free memory, or take a smaller model."],
  ])("is refused with what to lower: %s", async (_, slots, contextTokens, available, end) => {
    const sentence = await refusal(slots, contextTokens, available);
    expect(sentence?.endsWith(end), sentence).toBe(true);
  });

  it("says what it needs and what there is", async () => {
    expect(await refusal(4, 8192, 300e6)).toMatch(
      /^m\.gguf needs about 0\.43 GB of memory with 4 slots of 8192 tokens, and 0\.30 GB are free\./,
    );
    expect(await refusal(1, 8192, 150e6)).toContain("with 1 slot of 8192 tokens");
  });

  it("asks seldom, however large the context", async () => {
    let asked = 0;
    await memoryRefusal("m.gguf", { slots: 64, contextTokens: 1_000_000 }, 1e9, async (slots, tokens) => {
      asked++;
      return need(slots, tokens);
    });
    expect(asked).toBeLessThan(25);
  });
});
