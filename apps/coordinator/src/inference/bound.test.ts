import { embeddingsBytesMax, type Figures } from "@darkbloom/protocol/dialects";
import { NetworkError } from "@darkbloom/protocol/failures";
import { EMBED_ANSWER_BYTES_MAX, TOKEN_BYTES_MAX } from "@darkbloom/protocol/limits";
import { microUsd } from "@darkbloom/protocol/money";
import { TEMPLATE_TOKENS_MAX } from "@darkbloom/protocol/prompt-bounds";
import { describe, expect, it } from "vitest";
import type { CatalogEntry } from "../catalog/catalog.ts";
import type { MachineView } from "../machines/ports.ts";
import type { Terms } from "./terms.ts";
import { outputBound, refuseOtherTasks, refuseWhatCannotFit, worstCase } from "./bound.ts";
import { askFor, entry } from "../../test/inference-samples.ts";

describe("the most that a request can generate", () => {
  it.each<[string, Parameters<typeof askFor>[0], Partial<typeof entry>, number]>([
    ["what the caller allows", { max_tokens: 10 }, {}, 10],
    ["for each choice", { max_tokens: 10, n: 3 }, {}, 30],
    ["the model's output", { max_tokens: 5000 }, {}, 1000],
    ["the model's context, where that is less", { max_tokens: 5000 }, { contextTokens: 600 }, 600],
    ["what holds where the caller names none", {}, { contextTokens: 90_000, maxOutputTokens: 90_000 }, 8192],
  ])("%s", (_, body, model, tokens) => {
    expect(outputBound({ ...entry, ...model }, askFor(body).terms)).toBe(tokens);
  });
});

describe("the most that a request can cost", () => {
  const { terms } = askFor({ max_tokens: 10 });
  /** Goal: bytes and a template's allowance at the input's price, or the context where that is less; and the output. */
  it("is its bytes, a template's words and its output", () => {
    const wide = { ...entry, contextTokens: 100_000 };
    expect(worstCase(wide, terms)).toBe(microUsd(BigInt(terms.bodyBytes + TEMPLATE_TOKENS_MAX + 2 * 10)));
    expect(worstCase({ ...entry, contextTokens: 500 }, terms)).toBe(microUsd(500n + 20n));
  });

  it("is nothing where nothing is generated", () => {
    expect(worstCase(entry, { ...terms, generates: false })).toBe(0n);
  });
});

describe("what a model is not for", () => {
  const embeds = { ...entry, tasks: ["embed"], embedding: { dimensions: 8, shortenedTo: [4] } } as const;
  const words = { task: "generate" } as const;
  const more = { task: "complete" } as const;
  const vectors = (embed: Partial<NonNullable<Figures["embed"]>> = {}) =>
    ({ task: "embed", embed: { inputs: 1, encoding: "float", ...embed } }) as const;
  type Asked = Pick<Figures, "embed"> & Pick<Terms, "task">;
  const refusal = (model: CatalogEntry, asked: Asked) => {
    try {
      refuseOtherTasks(model, asked, asked);
      return undefined;
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
      return error.failure;
    }
  };

  /** Goal: the field that is wrong is named, and why. Method: a model that writes, one that embeds, one whose vectors have one length, and one that says nothing of them. */
  it.each<[what: string, model: CatalogEntry, asked: Asked, says: object | undefined]>([
    ["words of one that writes", entry, words, undefined],
    ["words of one that embeds", embeds, words, { param: "model", reason: /writes no text/ }],
    [
      "conversation of one that only goes on",
      { ...entry, tasks: ["complete"] },
      words,
      { param: "model", reason: /holds no conversation/ },
    ],
    [
      "more of a text of one that only converses",
      { ...entry, tasks: ["generate"] },
      more,
      { param: "model", reason: /can only converse/ },
    ],
    ["more of a text of one that embeds", embeds, more, { param: "model", reason: /writes no text/ }],
    ["vectors of one that writes", entry, vectors(), { param: "model", reason: /gives no vectors/ }],
    ["vectors", embeds, vectors(), undefined],
    ["vectors of their own length", embeds, vectors({ dimensions: 8 }), undefined],
    ["vectors of a shorter length", embeds, vectors({ dimensions: 4 }), undefined],
    ["vectors of another length", embeds, vectors({ dimensions: 5 }), { param: "dimensions", reason: /as few as/ }],
    [
      "vectors of another length, of one that has one",
      { ...embeds, embedding: { dimensions: 8, shortenedTo: [] } },
      vectors({ dimensions: 4 }),
      { param: "dimensions", reason: /not trained/ },
    ],
    ["vectors of one that says nothing of them", { ...entry, tasks: ["embed"] }, vectors({ dimensions: 5 }), undefined],
  ])("%s", (_, model, asked, says) => {
    const found = refusal(model, asked);
    if (!says) return expect(found).toBeUndefined();
    const { param, reason } = says as { param: string; reason: RegExp };
    expect(found).toMatchObject({ code: "unsupported", param, reason: expect.stringMatching(reason) });
  });

  /** Goal: one answer holds what is asked for. Method: a vector that fills it to the byte, and one number more. */
  it("is more of them than one answer holds", () => {
    const bytesOf = (dimensions: number) => embeddingsBytesMax(1, dimensions, "float");
    const [one, two] = [bytesOf(1), bytesOf(2)];
    const dimensions = Math.floor((EMBED_ANSWER_BYTES_MAX - one) / (two - one)) + 1;
    const wide = { ...embeds, embedding: { dimensions, shortenedTo: [dimensions + 1] } };
    expect(bytesOf(dimensions)).toBe(EMBED_ANSWER_BYTES_MAX);
    expect(refusal(wide, vectors())).toBeUndefined();
    expect(refusal(wide, vectors({ dimensions: dimensions + 1 }))).toMatchObject({
      code: "body_invalid",
      param: "input",
    });
  });
});

describe("what cannot fit", () => {
  const model = { build: entry.build, weightsSha256: entry.weightsSha256, contextTokens: entry.contextTokens };
  const machines = (...models: MachineView["models"]) => [{ models }];
  const refusalOf = (bytes: number, candidates: readonly Pick<MachineView, "models">[]) => {
    try {
      refuseWhatCannotFit(entry, { bodyBytes: bytes + 99 }, { prompt: { bytes, tokens: 0 } }, () => candidates);
      return undefined;
    } catch (error) {
      return error instanceof NetworkError ? error.failure : error;
    }
  };
  const most = entry.contextTokens;

  it.each<[string, number, readonly Pick<MachineView, "models">[], number | undefined]>([
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
    const prompt = { bytes: entry.contextTokens, tokens: 0 };
    refuseWhatCannotFit(entry, { bodyBytes: entry.contextTokens }, { prompt }, () => {
      throw new Error("asked");
    });
  });
});
