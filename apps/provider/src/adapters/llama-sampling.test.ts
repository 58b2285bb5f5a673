import type { Token } from "node-llama-cpp";
import { describe, expect, it } from "vitest";
import { logprobOf } from "./llama-sampling.ts";

const token = (id: number) => id as Token;
const spelled = (id: Token) => [0x61 + id];

describe("a log probability", () => {
  it.each<[string, number, readonly number[], number, number, readonly number[]]>([
    ["is natural", 0.5, [0.5, 0.25], 2, Math.log(0.5), [Math.log(0.5), Math.log(0.25)]],
    ["is told beside so many others", 0.5, [0.5, 0.25, 0.25], 1, Math.log(0.5), [Math.log(0.5)]],
    ["is told alone", 0.5, [], 0, Math.log(0.5), []],
    ["is never infinite", 0, [1, 0], 2, -9999, [0]],
    ["is never above 0", 1.000_001, [1.000_001], 1, 0, [0]],
  ])("%s", (_, confidence, probabilities, count, logprob, top) => {
    const others = new Map(probabilities.map((probability, id) => [token(id), probability]));
    const told = logprobOf(spelled, token(0), confidence, others, count);
    expect(told).toMatchObject({ text: "a", bytes: [0x61], logprob });
    expect(told.top.map((chance) => chance.logprob)).toEqual(top);
  });

  it("spells bytes that are no character as JSON can hold them, and keeps the bytes", () => {
    const told = logprobOf(() => [0xe2, 0x98], token(0), 1, undefined, 0);
    expect(told).toMatchObject({ text: "\uFFFD", bytes: [0xe2, 0x98] });
  });
});
