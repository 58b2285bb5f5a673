/** The engine in this process, and what of llama.cpp lies under it. For benchmarks, which hold one against the other. */
export { EngineProcess } from "./adapters/engine/engine-process.ts";
export type { AttentionFacts } from "./adapters/attention.ts";
export { batchContextOf, newSampler, type BatchContext, type SamplerConfig } from "./adapters/llama-binding.ts";
export { LlamaEngine } from "./adapters/llama-engine.ts";
export { loadLlama } from "./adapters/llama-load.ts";
export { openModel, type OpenedModel } from "./adapters/llama-open.ts";
export { drawingOf, samplerConfig, type Drawing } from "./adapters/llama-sampling.ts";
export type { Generation, Prompt } from "./inference/engine.ts";
