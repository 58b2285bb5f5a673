import { GgufInsights, readGgufFileInfo, type Llama } from "node-llama-cpp";
import { contextTokensOf, SLOTS_DEFAULT } from "./model-file.ts";
import { freeMemoryBytes } from "./free-memory.ts";
import { onlyEmbeds } from "./llama-embedder.ts";
import { memoryRefusal, type MemoryNeed } from "./memory-need.ts";
import { ModelFileError } from "../../files/weights.ts";

/** Node, its modules and llama.cpp itself, before any model; with some room for requests. */
const PROCESS_BYTES = 200e6;

/** By what a model's need is worked out. */
export interface MemoryWishes {
  readonly slots?: number | undefined;
  /** More than the model was trained for is refused. */
  readonly contextTokens?: number | undefined;
  /** What the model may take, where the machine is not to be asked. */
  readonly memoryBytes?: number | undefined;
}

export interface MemoryFacts {
  readonly neededBytes: number;
  readonly availableBytes: number;
}

/** What a model takes with so many slots of so many tokens, in a process of its own. */
export async function memoryNeedOf(insights: GgufInsights): Promise<MemoryNeed> {
  const weights = await insights.estimateModelResourceRequirementsV2({ gpuLayers: 0 });
  return async (slots, contextTokens) => {
    const context = await insights.estimateContextResourceRequirementsV2({
      contextSize: contextTokens,
      sequences: slots,
      modelGpuLayers: 0,
    });
    return PROCESS_BYTES + weights.cpuRam + context.cpuRam;
  };
}

/**
 * What a model would take, worked out by llama.cpp from the file's header, before any of it is loaded: the weights, the
 * memory of each slot's context and its own buffers.
 *
 * @returns undefined where a graphics card has memory of its own, for which node-llama-cpp asks itself
 * @throws ModelFileError with a sentence that says what to lower, where there is too little
 */
export async function askMemory(
  llama: Llama,
  modelPath: string,
  { slots: wantedSlots = SLOTS_DEFAULT, contextTokens: wanted, memoryBytes }: MemoryWishes,
): Promise<MemoryFacts | undefined> {
  if (llama.gpu !== false && llama.gpu !== "metal") return undefined;
  const info = await readGgufFileInfo(modelPath, { logWarnings: false });
  const insights = await GgufInsights.from(info, llama);
  const slots = onlyEmbeds(info) ? 1 : wantedSlots;
  const contextTokens = contextTokensOf(modelPath, insights.trainContextSize, wanted);
  const need = await memoryNeedOf(insights);
  const availableBytes = memoryBytes ?? freeMemoryBytes();
  const refusal = await memoryRefusal(modelPath, { slots, contextTokens }, availableBytes, need);
  if (refusal !== undefined) throw new ModelFileError(refusal);
  return { neededBytes: Math.ceil(await need(slots, contextTokens)), availableBytes: Math.floor(availableBytes) };
}
