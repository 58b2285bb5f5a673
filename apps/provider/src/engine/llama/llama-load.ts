import type { LoadingStep } from "../child/words.ts";
import { attentionOf } from "./llama-attention.ts";
import { LlamaEmbedEngine } from "./llama-embed-engine.ts";
import { LlamaEmbedder, onlyEmbeds, poolingOf } from "./llama-embedder.ts";
import { LlamaEngine } from "./llama-engine.ts";
import { tokenBytesMaxOf } from "./llama-tokens.ts";
import { findingsOf, openModel, type LlamaOptions } from "./llama-open.ts";
import { contextTokensOf, SLOTS_DEFAULT, THREADS_DEFAULT } from "./model-file.ts";

/**
 * A model file as an engine. What it can be asked for is the file's own word: with a pooling it embeds, with a chat
 * template it talks and goes on with texts, with both it does all of it; with neither it goes on with texts alone.
 *
 * @param nowMs what the length of steps is measured by
 * @throws ModelFileError
 */
export async function loadLlama(
  options: LlamaOptions,
  tell: (step: LoadingStep) => void = () => undefined,
  nowMs?: () => number,
): Promise<LlamaEngine | LlamaEmbedEngine> {
  const found = await openModel(options, tell);
  const { llama, model, modelPath, weightsSha256 } = found;
  const { build, slots = SLOTS_DEFAULT, threads = THREADS_DEFAULT } = options;
  try {
    const contextTokens = contextTokensOf(modelPath, model.trainContextSize, options.contextTokens);
    const attention = onlyEmbeds(model.fileInfo) ? undefined : await attentionOf(found, options, tell);
    const opened = { ...found, attention };
    if (poolingOf(model.fileInfo) === undefined) return await LlamaEngine.open(opened, options, undefined, nowMs);
    const embedder = await LlamaEmbedder.open(model, modelPath, { contextTokens, threads });
    if (!onlyEmbeds(model.fileInfo)) return await LlamaEngine.open(opened, options, embedder, nowMs);
    const loaded = {
      build,
      weightsSha256,
      contextTokens,
      tokenBytesMax: tokenBytesMaxOf(model),
      tasks: ["embed"] as const,
      vectorLength: embedder.vectorLength,
    };
    return new LlamaEmbedEngine(llama, embedder, slots, loaded, findingsOf(opened));
  } catch (error) {
    await llama.dispose();
    throw error;
  }
}
