import type { LlamaContext, LlamaGrammarEvaluationState, LlamaModel } from "node-llama-cpp";

/**
 * What of node-llama-cpp lies under its own queue of batches: that queue keeps its lock while anything waits in it, so
 * that a new request would begin when the others have ended. These members are its own, not its public interface; the
 * version is pinned, and a start says where one of them has gone.
 */
export interface BatchContext {
  initBatch(tokens: number): void;
  addToBatch(sequence: number, position: number, tokens: Uint32Array, logitsAt: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  sampleToken(logitsAt: number, sampler: Sampler): Promise<number>;
  /** `logits`: of these tokens, the highest, the lowest, the drawn one, and so many of the highest. */
  sampleToken(
    logitsAt: number,
    sampler: Sampler,
    probabilities: boolean,
    confidence: boolean,
    logits?: readonly [readonly number[], boolean, boolean, boolean, number],
    weight?: boolean,
  ): Promise<
    [
      token: number,
      probabilities?: readonly number[],
      confidence?: number,
      logits?: readonly number[],
      /** The sum of all tokens' e^(logit − highest). */
      weight?: number,
    ]
  >;
  disposeSequence(sequence: number): void;
  removeTokenCellsFromSequence(sequence: number, from: number, to: number): boolean;
  getSequenceKvCacheMinPosition(sequence: number): number;
}

export interface Sampler {
  applyConfig(config: SamplerConfig): void;
  dispose(): void;
}

/** A member that is not there leaves its sampler out of the chain. */
export interface SamplerConfig {
  temperature: number;
  seed: number;
  topK?: number;
  topP?: number;
  minP?: number;
  repeatPenalty?: number;
  repeatPenaltyMaxTokens?: number;
  repeatPenaltyTokens?: Uint32Array;
  repeatPenaltyPresencePenalty?: number;
  repeatPenaltyFrequencyPenalty?: number;
  tokenBiasKeys?: Uint32Array;
  tokenBiasValues?: Float32Array;
  grammarEvaluationState?: unknown;
}

const contextCalls = [
  "initBatch",
  "addToBatch",
  "decodeBatch",
  "sampleToken",
  "disposeSequence",
  "removeTokenCellsFromSequence",
  "getSequenceKvCacheMinPosition",
] as const;

/** @throws TypeError where this version of node-llama-cpp has it elsewhere */
export function batchContextOf(context: LlamaContext): BatchContext {
  const inner: unknown = Reflect.get(context, "_ctx");
  if (!isBatchContext(inner)) throw new TypeError("node-llama-cpp keeps its context elsewhere now");
  return inner;
}

/** @throws TypeError where this version of node-llama-cpp has it elsewhere */
export function newSampler(model: LlamaModel): Sampler {
  const bindings: unknown = Reflect.get(model.llama, "_bindings");
  const inner: unknown = Reflect.get(model, "_model");
  const kind: unknown =
    typeof bindings === "object" && bindings !== null ? Reflect.get(bindings, "AddonSampler") : undefined;
  if (typeof kind !== "function") throw new TypeError("node-llama-cpp keeps its samplers elsewhere now");
  const sampler: unknown = Reflect.construct(kind, [inner]);
  if (!isSampler(sampler)) throw new TypeError("node-llama-cpp has other samplers now");
  return sampler;
}

export const grammarStateOf = (grammar: LlamaGrammarEvaluationState): unknown => Reflect.get(grammar, "_state");

const has = (value: unknown, name: string): boolean =>
  typeof value === "object" && value !== null && typeof Reflect.get(value, name) === "function";
const isBatchContext = (value: unknown): value is BatchContext => contextCalls.every((name) => has(value, name));
const isSampler = (value: unknown): value is Sampler => has(value, "applyConfig") && has(value, "dispose");
