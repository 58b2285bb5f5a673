import { microUsd, NetworkError, TEMPLATE_TOKENS_MAX, TOKEN_BYTES_MAX, utf8 } from "@darkbloom/protocol";
import { describe, expect, it } from "vitest";
import type { Candidate } from "../routing/eligibility.ts";
import { outputBound, refuseWhatCannotFit, worstCase } from "./bound.ts";
import { askFor, entry } from "../../test/inference-samples.ts";

describe("the most that a request can generate", () => {
  it.each<[string, Parameters<typeof askFor>[0], Partial<typeof entry>, number]>([
    ["what the caller allows", { max_tokens: 10 }, {}, 10],
    ["for each choice", { max_tokens: 10, n: 3 }, {}, 30],
    ["the model's output", { max_tokens: 5000 }, {}, 1000],
    ["the model's context, where that is less", { max_tokens: 5000 }, { contextTokens: 600 }, 600],
    ["what holds where the caller names none", {}, { contextTokens: 90_000, maxOutputTokens: 90_000 }, 8192],
  ])("%s", (_, body, model, tokens) => {
    expect(outputBound({ ...entry, ...model }, askFor(body))).toBe(tokens);
  });
});

describe("the most that a request can cost", () => {
  const ask = askFor({ max_tokens: 10 });
  /** Goal: bytes and a template's allowance at the input's price, or the context where that is less; and the output. */
  it("is its bytes, a template's words and its output", () => {
    const wide = { ...entry, contextTokens: 100_000 };
    expect(worstCase(wide, ask)).toBe(microUsd(BigInt(ask.body.length + TEMPLATE_TOKENS_MAX + 2 * 10)));
    expect(worstCase({ ...entry, contextTokens: 500 }, ask)).toBe(microUsd(500n + 20n));
  });

  it("is nothing where nothing is generated", () => {
    expect(worstCase(entry, { ...ask, job: { ...ask.job, generates: false } })).toBe(0n);
  });
});

describe("what cannot fit", () => {
  const model = { build: entry.build, weightsSha256: entry.weightsSha256, contextTokens: entry.contextTokens };
  const machines = (...models: Candidate["models"]) => [{ models }];
  const refusalOf = (bytes: number, candidates: readonly Pick<Candidate, "models">[]) => {
    try {
      refuseWhatCannotFit(
        entry,
        askFor({ messages: [{ role: "user", content: "x".repeat(bytes) }] }),
        () => candidates,
      );
      return undefined;
    } catch (error) {
      return error instanceof NetworkError ? error.failure : error;
    }
  };
  const most = entry.contextTokens;

  it.each<[string, number, readonly Pick<Candidate, "models">[], number | undefined]>([
    ["a context of the longest token", most * 16, machines({ ...model, tokenBytesMax: 16 }), undefined],
    ["a byte more", most * 16 + 1, machines({ ...model, tokenBytesMax: 16 }), most + 1],
    [
      "a machine that makes tokens short, beside another",
      most * 4,
      machines({ ...model, tokenBytesMax: 1 }, { ...model, tokenBytesMax: 8 }),
      undefined,
    ],
    ["a machine that says nothing", most * TOKEN_BYTES_MAX, machines(model), undefined],
    ["a byte more than anybody's tokens", most * TOKEN_BYTES_MAX + 1, machines(model), most + 1],
    [
      "a machine that makes tokens too long",
      most * TOKEN_BYTES_MAX + 1,
      machines({ ...model, tokenBytesMax: 1e9 }),
      most + 1,
    ],
    ["other weights", most * 2, machines({ ...model, weightsSha256: "other", tokenBytesMax: 1 }), undefined],
    ["another build", most * 2, machines({ ...model, build: "other", tokenBytesMax: 1 }), undefined],
    ["no machine", most * TOKEN_BYTES_MAX + 1, [], most + 1],
  ])("%s: %i bytes", (_, bytes, candidates, promptTokens) => {
    expect(refusalOf(bytes, candidates)).toEqual(
      promptTokens === undefined
        ? undefined
        : { code: "context_length_exceeded", contextTokens: entry.contextTokens, promptTokens },
    );
  });

  it("asks nobody about a body that is smaller than the context", () => {
    refuseWhatCannotFit(entry, { ...askFor({}), body: utf8("x".repeat(entry.contextTokens)) }, () => {
      throw new Error("asked");
    });
  });
});
