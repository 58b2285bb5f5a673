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

/** Those that `LlamaBatches` makes; a test makes each of them on the library as it is installed. */
export const contextCalls = [
  "initBatch",
  "addToBatch",
  "decodeBatch",
  "sampleToken",
  "disposeSequence",
  "removeTokenCellsFromSequence",
  "getSequenceKvCacheMinPosition",
] as const satisfies readonly (keyof BatchContext)[];
const samplerCalls = ["applyConfig", "dispose"] as const satisfies readonly (keyof Sampler)[];

/** @throws TypeError that names what this version of node-llama-cpp has elsewhere */
export function batchContextOf(context: LlamaContext): BatchContext {
  const inner: unknown = Reflect.get(context, "_ctx");
  if (!isObject(inner)) throw new TypeError("node-llama-cpp keeps its context elsewhere now");
  if (!isBatchContext(inner)) throw movedIn(inner, contextCalls);
  return inner;
}

/** @throws TypeError that names what this version of node-llama-cpp has elsewhere */
export function newSampler(model: LlamaModel): Sampler {
  const bindings: unknown = Reflect.get(model.llama, "_bindings");
  const inner: unknown = Reflect.get(model, "_model");
  const kind: unknown = isObject(bindings) ? Reflect.get(bindings, "AddonSampler") : undefined;
  if (typeof kind !== "function") throw new TypeError("node-llama-cpp keeps its samplers elsewhere now");
  const sampler: object = Reflect.construct(kind, [inner]) as object;
  if (!isSampler(sampler)) throw movedIn(sampler, samplerCalls);
  return sampler;
}

export const grammarStateOf = (grammar: LlamaGrammarEvaluationState): unknown => Reflect.get(grammar, "_state");

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;
const has = (value: object, name: string): boolean => typeof Reflect.get(value, name) === "function";
const isBatchContext = (value: object): value is BatchContext => contextCalls.every((name) => has(value, name));
const isSampler = (value: object): value is Sampler => samplerCalls.every((name) => has(value, name));

function movedIn(value: object, names: readonly string[]): TypeError {
  const gone = names.filter((name) => !has(value, name));
  return new TypeError(`node-llama-cpp has moved ${gone.join(", ")}`);
}
