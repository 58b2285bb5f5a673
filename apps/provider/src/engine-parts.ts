/** The engine in this process, and what of llama.cpp lies under it. For benchmarks, which hold one against the other. */
export { EngineProcess } from "./engine/child/engine-process.ts";
export type { AttentionFacts } from "./engine/llama/attention.ts";
export { batchContextOf, newSampler, type BatchContext, type SamplerConfig } from "./engine/llama/llama-binding.ts";
export { LlamaEngine } from "./engine/llama/llama-engine.ts";
export { grammarOf } from "./engine/llama/llama-grammar.ts";
export { loadLlama } from "./engine/llama/llama-load.ts";
export { openModel, type OpenedModel } from "./engine/llama/llama-open.ts";
export { drawingOf, samplerConfig, type Drawing } from "./engine/llama/llama-sampling.ts";
export type { Generation, Prompt } from "./inference/engine.ts";
