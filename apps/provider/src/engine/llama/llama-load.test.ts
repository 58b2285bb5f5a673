import { describe, expect, it } from "vitest";
import { all, asked, said } from "../../inference/engine.contract.ts";
import { EngineProcess } from "../child/engine-process.ts";
import type { LoadingStep } from "../child/words.ts";
import { loadLlama } from "./llama-load.ts";
import { bundledModelPath } from "./model-file.ts";

const options = { modelPath: bundledModelPath, build: "tiny", slots: 4, threads: 1 };

describe("loading a model", () => {
  /** Goal: too little memory is a sentence and no killed process. Method: a machine that has 210 MB, of which the process itself takes most. */
  it("is refused where the machine has too little memory, in a process of its own too", async () => {
    const little = { ...options, memoryBytes: 210e6 };
    const sentence = /needs about 0\.\d\d GB of memory with 4 slots of 2048 tokens, and 0\.21 GB are free\. Lower --/;
    await expect(loadLlama(little)).rejects.toThrow(sentence);
    await expect(EngineProcess.start({ load: little })).rejects.toThrow(sentence);
  });

  /** Goal: a wished context is never lowered, and is refused before the weights are read. Method: as many tokens as the model was trained for, and one more; what loading told until then. */
  it("refuses a context that it was not trained for", async () => {
    const told: string[] = [];
    const load = (contextTokens: number) =>
      loadLlama(
        { modelPath: bundledModelPath, build: "tiny", slots: 1, threads: 1, contextTokens },
        ({ step }) => void told.push(step),
      );
    await expect(load(2_049)).rejects.toThrow(
      /trained for a context of 2048 tokens, and 2049 .* Lower --context to 2048/,
    );
    expect(told).toEqual([]);
    await using engine = await load(2_048);
    expect(engine.model.contextTokens).toBe(2_048);
    expect(told).not.toEqual([]);
  });

  it("says what it needs, which grows with slots and context", async () => {
    const needs: number[] = [];
    for (const more of [{}, { slots: 1 }, { contextTokens: 512 }]) {
      await using engine = await loadLlama({ ...options, ...more });
      needs.push(engine.findings.memory?.neededBytes ?? 0);
      expect(engine.findings.memory?.availableBytes).toBeGreaterThan(needs[0] ?? 0);
    }
    const [usual = 0, ...smaller] = needs;
    expect(usual).toBeGreaterThan(200e6);
    for (const one of smaller) expect(one).toBeLessThan(usual);
  });

  /** Goal: attention is measured once for a model and machine. Method: load, and load again with what was found. */
  it("measures attention where it is asked to, tells how far it is, and takes what is known", async () => {
    const steps: LoadingStep[] = [];
    await using first = await loadLlama({ ...options, attentions: [] }, (step) => steps.push(step));
    const { attention } = first.findings;
    expect(steps.filter(({ step }) => step === "measuring").at(-1)?.done).toBe(1);
    expect(attention?.key).toMatch(new RegExp(`^${first.model.weightsSha256}, node-llama-cpp .+, 1 threads$`));
    for (const pace of [attention?.paces.on, attention?.paces.off]) {
      expect(pace?.promptTokensPerSec).toBeGreaterThan(1);
      expect(pace?.decodeTokensPerSec).toBeGreaterThan(1);
    }
    if (!attention) throw new Error("not measured");
    const texts = new Set<string>();
    for (const flash of [true, false]) {
      const again: LoadingStep[] = [];
      const attentions = [{ ...attention, flash }];
      await using second = await loadLlama({ ...options, attentions }, (step) => again.push(step));
      expect(second.findings.attention).toEqual({ ...attention, flash });
      expect(again.filter(({ step }) => step === "measuring")).toEqual([]);
      texts.add((await all(second, second.prompt(asked("What is rain?")), said)).text);
    }
    expect([...texts].every((text) => text.length > 20)).toBe(true);
    await using other = await loadLlama({ ...options, threads: 2, attentions: [attention] });
    expect(other.findings.attention?.key).not.toBe(attention.key);
  });

  it("measures nothing where nobody asks", async () => {
    await using engine = await loadLlama(options);
    expect(engine.findings.attention).toBeUndefined();
  });
});
