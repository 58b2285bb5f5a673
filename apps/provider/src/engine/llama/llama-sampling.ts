import type { TokenChance, TokenLogprob } from "@darkbloom/protocol/dialects";
import type { LlamaGrammarEvaluationState, LlamaModel, Token } from "node-llama-cpp";
import type { Generation } from "../../inference/engine.ts";
import { grammarStateOf, newSampler, type BatchContext, type Sampler, type SamplerConfig } from "./llama-binding.ts";

/** Stands for a token that cannot come, as OpenAI's API has it: JSON knows no infinity. */
const LOGPROB_MIN = -9999;

/**
 * How the next token is drawn. A sampler that would change nothing is left out: llama.cpp would sort the whole
 * vocabulary for it, at every token.
 *
 * @param tokensMax how many tokens the answer may have
 * @param vocabularyTokens ids that the vocabulary does not have change nothing
 */
export function samplerConfig(
  generation: Generation,
  tokensMax: number,
  vocabularyTokens: number,
  grammar?: LlamaGrammarEvaluationState,
): SamplerConfig {
  const { temperature, topP, topK, minP, frequencyPenalty, presencePenalty, repetitionPenalty, logitBias, seed } =
    generation;
  const biases = logitBias.filter(([token]) => token < vocabularyTokens);
  return {
    temperature,
    // llama.cpp's seeds have 32 bits; two that differ by a multiple of 2^32 are the same.
    seed: seed % 2 ** 32,
    ...(topK > 0 && { topK }),
    ...(topP < 1 && { topP }),
    ...(minP > 0 && { minP }),
    ...(biases.length > 0 && {
      tokenBiasKeys: Uint32Array.from(biases, ([token]) => token),
      tokenBiasValues: Float32Array.from(biases, ([, bias]) => bias),
    }),
    ...((frequencyPenalty !== 0 || presencePenalty !== 0 || repetitionPenalty !== 1) && {
      // The sampler keeps the answer's tokens itself, from none on.
      repeatPenalty: repetitionPenalty,
      repeatPenaltyMaxTokens: tokensMax,
      repeatPenaltyTokens: new Uint32Array(0),
      repeatPenaltyFrequencyPenalty: frequencyPenalty,
      repeatPenaltyPresencePenalty: presencePenalty,
    }),
    ...(grammar && { grammarEvaluationState: grammarStateOf(grammar) }),
  };
}

/** What was drawn in one step. */
export interface Drawn {
  readonly token: number;
  /** Its own chance, where log probabilities are told, and the likeliest tokens with theirs. */
  readonly chance?: number;
  readonly top?: readonly (readonly [token: number, chance: number])[];
}

/** Draws the tokens of one run. */
export interface Drawing extends Disposable {
  next(context: BatchContext, logitsAt: number): Promise<Drawn>;
}

/** @param topLogprobs how many of the likeliest tokens are told; undefined: no probabilities at all */
export function drawingOf(model: LlamaModel, config: SamplerConfig, topLogprobs: number | undefined): Drawing {
  const sampler = newSampler(model);
  sampler.applyConfig(config);
  if (topLogprobs === undefined) return new PlainDrawing(sampler);
  const { topK, topP, minP, repeatPenalty, grammarEvaluationState } = config;
  // Where tokens are left out, few are left to sort. A second sampler would count its own tokens into a penalty, and move a grammar on.
  const cuts = [topK, topP, minP].some((bound) => bound !== undefined);
  if (cuts || repeatPenalty !== undefined || grammarEvaluationState !== undefined)
    return new SortedDrawing(sampler, topLogprobs);
  const top = newSampler(model);
  // The same chances: nothing else of the chain changes them. Without a temperature they are the model's own.
  top.applyConfig({
    ...config,
    temperature: config.temperature > 0 ? config.temperature : 1,
    topK: Math.max(1, topLogprobs),
  });
  return new ToldDrawing(sampler, top, topLogprobs);
}

class PlainDrawing implements Drawing {
  readonly #sampler: Sampler;

  constructor(sampler: Sampler) {
    this.#sampler = sampler;
  }

  async next(context: BatchContext, logitsAt: number): Promise<Drawn> {
    return { token: drawn(await context.sampleToken(logitsAt, this.#sampler)) };
  }

  [Symbol.dispose](): void {
    this.#sampler.dispose();
  }
}

/** Probabilities of all that the chain has left, sorted. */
class SortedDrawing implements Drawing {
  readonly #sampler: Sampler;
  readonly #count: number;

  constructor(sampler: Sampler, count: number) {
    this.#sampler = sampler;
    this.#count = count;
  }

  async next(context: BatchContext, logitsAt: number): Promise<Drawn> {
    const [token, pairs, chance = 0] = await context.sampleToken(logitsAt, this.#sampler, this.#count > 0, true);
    return { token: drawn(token), chance, top: pairsOf(pairs, this.#count) };
  }

  [Symbol.dispose](): void {
    this.#sampler.dispose();
  }
}

/** The likeliest by a sampler of their own, which sorts no more than these; and the weight of all, which needs no order. */
class ToldDrawing implements Drawing {
  readonly #sampler: Sampler;
  readonly #top: Sampler;
  readonly #count: number;

  constructor(sampler: Sampler, top: Sampler, count: number) {
    this.#sampler = sampler;
    this.#top = top;
    this.#count = count;
  }

  async next(context: BatchContext, logitsAt: number): Promise<Drawn> {
    const asked = Math.max(1, this.#count);
    const [[token, , , own = [], weight = 1], [, , , likeliest = []]] = await Promise.all([
      context.sampleToken(logitsAt, this.#sampler, false, false, [[], false, false, true, 0], true),
      context.sampleToken(logitsAt, this.#top, false, false, [[], false, false, false, asked], false),
    ]);
    const highest = likeliest[1] ?? 0;
    const shareOf = (logit: number) => Math.exp(logit - highest) / weight;
    const top = pairsOf(likeliest, this.#count).map(([other, logit]) => [other, shareOf(logit)] as const);
    return { token: drawn(token), chance: shareOf(own[1] ?? -Infinity), top };
  }

  [Symbol.dispose](): void {
    this.#sampler.dispose();
    this.#top.dispose();
  }
}

function drawn(token: number): number {
  if (token < 0) throw new RangeError("the model has no next token");
  return token;
}

function pairsOf(flat: readonly number[] = [], count: number): (readonly [number, number])[] {
  return Array.from({ length: Math.min(count, flat.length >> 1) }, (_, at) => [
    flat[2 * at] ?? 0,
    flat[2 * at + 1] ?? 0,
  ]);
}

/** A token's chance, from its probability. */
export function chanceOf(bytesOf: (token: Token) => readonly number[], token: Token, probability: number): TokenChance {
  const bytes = bytesOf(token);
  const logprob = Math.max(LOGPROB_MIN, Math.min(0, Math.log(probability)));
  return { text: Buffer.from(bytes).toString("utf8"), bytes, logprob };
}

/** Those that cannot come are left out. */
export function logprobOf(
  bytesOf: (token: Token) => readonly number[],
  { token, chance = 0, top = [] }: Drawn,
): TokenLogprob {
  return {
    ...chanceOf(bytesOf, token as Token, chance),
    top: top
      .filter(([, probability]) => probability > 0)
      .map(([other, probability]) => chanceOf(bytesOf, other as Token, probability)),
  };
}
