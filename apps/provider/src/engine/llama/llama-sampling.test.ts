import type { Token } from "node-llama-cpp";
import { describe, expect, it } from "vitest";
import { said } from "../../inference/engine.contract.ts";
import { logprobOf, samplerConfig } from "./llama-sampling.ts";

const spelled = (id: Token) => [0x61 + id];

describe("a log probability", () => {
  it.each<[string, number, readonly number[], number, number, readonly number[]]>([
    ["is natural", 0.5, [0.5, 0.25], 2, Math.log(0.5), [Math.log(0.5), Math.log(0.25)]],
    ["is told beside so many others", 0.5, [0.5, 0.25, 0.25], 1, Math.log(0.5), [Math.log(0.5)]],
    ["is told alone", 0.5, [], 0, Math.log(0.5), []],
    ["is never infinite", 0, [1, 0], 2, -9999, [0]],
    ["is never above 0", 1.000_001, [1.000_001], 1, 0, [0]],
  ])("%s", (_, confidence, probabilities, count, logprob, top) => {
    const likeliest = probabilities.slice(0, count).map((probability, id) => [id, probability] as const);
    const told = logprobOf(spelled, { token: 0, chance: confidence, top: likeliest });
    expect(told).toMatchObject({ text: "a", bytes: [0x61], logprob });
    expect(told.top.map((chance) => chance.logprob)).toEqual(top);
  });

  it("spells bytes that are no character as JSON can hold them, and keeps the bytes", () => {
    const told = logprobOf(() => [0xe2, 0x98], { token: 0, chance: 1 });
    expect(told).toMatchObject({ text: "\uFFFD", bytes: [0xe2, 0x98] });
  });
});

/** Goal: no sampler that changes nothing, since each may sort the whole vocabulary for every token. Method: what the chain is made from. */
describe("the chain of samplers", () => {
  it.each<[string, Partial<typeof said>, readonly string[]]>([
    ["is short where nothing is asked", {}, []],
    ["keeps so many tokens where it is asked to", { topK: 5 }, ["topK"]],
    ["keeps so much of the chances where it is asked to", { topP: 0.9 }, ["topP"]],
    ["leaves out tokens that are unlikely beside the likeliest where it is asked to", { minP: 0.1 }, ["minP"]],
    [
      "has a penalty of repetitions",
      { repetitionPenalty: 1.1 },
      [
        "repeatPenalty",
        "repeatPenaltyFrequencyPenalty",
        "repeatPenaltyMaxTokens",
        "repeatPenaltyPresencePenalty",
        "repeatPenaltyTokens",
      ],
    ],
    ["biases tokens that exist", { logitBias: [[3, 1]] }, ["tokenBiasKeys", "tokenBiasValues"]],
    ["biases none that do not", { logitBias: [[1000, 1]] }, []],
    [
      "has a penalty that is asked for",
      { presencePenalty: -1 },
      [
        "repeatPenalty",
        "repeatPenaltyFrequencyPenalty",
        "repeatPenaltyMaxTokens",
        "repeatPenaltyPresencePenalty",
        "repeatPenaltyTokens",
      ],
    ],
  ])("%s", (_, asked, names) => {
    const config = samplerConfig({ ...said, ...asked }, 10, 1000);
    expect(Object.keys(config).toSorted()).toEqual([...names, "seed", "temperature"].toSorted());
  });

  it("takes a seed as llama.cpp does", () => {
    expect(samplerConfig({ ...said, seed: 2 ** 32 + 7 }, 10, 1000).seed).toBe(7);
  });
});
