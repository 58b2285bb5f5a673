import type { TokenChance, TokenLogprob } from "@darkbloom/protocol";
import {
  type LlamaGrammarEvaluationState,
  type LlamaModel,
  type SequenceEvaluateOptions,
  type Token,
  TokenBias,
} from "node-llama-cpp";
import type { Generation } from "../inference/engine.ts";

/** Stands for a token that cannot come, as OpenAI's API has it: JSON knows no infinity. */
const LOGPROB_MIN = -9999;

/**
 * How the next token is drawn.
 *
 * @param said the tokens of this answer; grows with it
 * @param tokensMax how many `said` may become
 */
export function drawing(
  model: LlamaModel,
  generation: Generation,
  said: Token[],
  tokensMax: number,
  grammar: LlamaGrammarEvaluationState | undefined,
): SequenceEvaluateOptions {
  const { temperature, topP, topK, frequencyPenalty, presencePenalty, logitBias, seed } = generation;
  return {
    temperature,
    topP,
    topK,
    // 0 turns it off: the receipt says all that shapes the choice, and this is not in it.
    minP: 0,
    // llama.cpp's seeds have 32 bits; two that differ by a multiple of 2^32 are the same.
    seed: seed % 2 ** 32,
    yieldEogToken: true,
    ...(logitBias.length > 0 && { tokenBias: biased(model, logitBias) }),
    ...((frequencyPenalty !== 0 || presencePenalty !== 0) && {
      // A penalty of 1 turns llama.cpp's own kind off. The bound is a hint, without which its memory grows token by token.
      repeatPenalty: {
        punishTokens: () => said,
        maxPunishTokens: tokensMax,
        penalty: 1,
        frequencyPenalty,
        presencePenalty,
      },
    }),
    ...(grammar && { grammarEvaluationState: grammar }),
  };
}

/** Ids that the vocabulary does not have change nothing. */
function biased(model: LlamaModel, biases: Generation["logitBias"]): TokenBias {
  const bias = new TokenBias(model.tokenizer);
  const known = biases.filter(([token]) => token < model.fileInfo.metadata.tokenizer.ggml.tokens.length);
  for (const [token, logit] of known) bias.set(token as Token, { logit });
  // `set` passes over the tokens that end an answer. Callers bias them on purpose, to lengthen it.
  const entries: unknown = Reflect.get(bias, "_biases");
  if (!(entries instanceof Map)) throw new TypeError("node-llama-cpp keeps its biases elsewhere now");
  for (const [token, logit] of known) entries.set(token, logit);
  return bias;
}

/** A token's chance, from its probability. */
export function chanceOf(bytesOf: (token: Token) => readonly number[], token: Token, probability: number): TokenChance {
  const bytes = bytesOf(token);
  const logprob = Math.max(LOGPROB_MIN, Math.min(0, Math.log(probability)));
  return { text: Buffer.from(bytes).toString("utf8"), bytes, logprob };
}

/** @param probabilities the likeliest first; those that cannot come are left out */
export function logprobOf(
  bytesOf: (token: Token) => readonly number[],
  token: Token,
  confidence: number,
  probabilities: ReadonlyMap<Token, number> | undefined,
  count: number,
): TokenLogprob {
  const top: TokenChance[] = [];
  for (const [other, probability] of probabilities ?? []) {
    if (top.length >= count || probability === 0) break;
    top.push(chanceOf(bytesOf, other, probability));
  }
  return { ...chanceOf(bytesOf, token, confidence), top };
}
