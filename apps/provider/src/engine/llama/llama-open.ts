import { findPackageJSON } from "node:module";
import { getLlama, getModuleVersion, type Llama, LlamaLogLevel, type LlamaModel } from "node-llama-cpp";
import type { AttentionFacts } from "./attention.ts";
import type { LoadingStep } from "../child/words.ts";
import { askMemory, type MemoryFacts, type MemoryWishes } from "./llama-memory.ts";
import { contextTokensOf, readHeader, THREADS_DEFAULT, trainedTokensOf } from "./model-file.ts";
import { ModelFileError, readWeights, weightFiles } from "../../files/weights.ts";

export const engineVersion = await getModuleVersion();

export interface LlamaOptions extends MemoryWishes {
  /** What `readWeights` takes. */
  readonly modelPath: string;
  /** The catalog's name for these weights. */
  readonly build: string;
  readonly threads?: number | undefined;
  /** What was measured before; undefined: attention is not measured, and llama.cpp chooses. */
  readonly attentions?: readonly AttentionFacts[] | undefined;
}

/** A model file in memory, and what it was read from. Who disposes of `llama` ends it all. */
export interface OpenedModel {
  readonly llama: Llama;
  readonly model: LlamaModel;
  /** Of the file itself: the first part of a model in parts. */
  readonly modelPath: string;
  readonly weightsSha256: string;
  readonly memory: MemoryFacts | undefined;
  /** Absent where it was not measured. */
  readonly attention?: AttentionFacts | undefined;
}

/** What was found out while it was loaded. */
export interface LoadFindings {
  readonly memory?: MemoryFacts;
  readonly attention?: AttentionFacts;
}

export const findingsOf = ({ memory, attention }: OpenedModel): LoadFindings => ({
  ...(memory && { memory }),
  ...(attention && { attention }),
});

/**
 * Hashes a model file and loads it with llama.cpp, through node-llama-cpp. Nothing is compiled or downloaded: without a
 * prebuilt binary for this machine the start fails.
 *
 * @throws ModelFileError
 */
export async function openModel(
  options: LlamaOptions,
  tell: (step: LoadingStep) => void = () => undefined,
): Promise<OpenedModel> {
  const { modelPath: wanted, threads = THREADS_DEFAULT } = options;
  await refuseWiderContext(options);
  const { path: modelPath, sha256: weightsSha256 } = await readWeights(wanted, (done) =>
    tell({ step: "hashing", done }),
  );
  const llama = await getLlama({
    gpu: acceleratorInstalled() ? "auto" : false,
    build: "never",
    skipDownload: true,
    maxThreads: threads,
    logLevel: LlamaLogLevel.disabled,
  });
  try {
    const memory = await askMemory(llama, modelPath, options);
    const model = await llama.loadModel({ modelPath, onLoadProgress: (done) => tell({ step: "loading", done }) });
    return { llama, model, modelPath, weightsSha256, memory };
  } catch (cause) {
    await llama.dispose();
    if (cause instanceof ModelFileError) throw cause;
    throw new ModelFileError(`${modelPath} is not a model file that can be loaded. A GGUF file is needed.`, { cause });
  }
}

/** Before anything of it is hashed or loaded, which takes long. */
async function refuseWiderContext({ modelPath, contextTokens }: LlamaOptions): Promise<void> {
  if (contextTokens === undefined) return;
  const [path] = weightFiles(modelPath);
  contextTokensOf(
    modelPath,
    trainedTokensOf(await readHeader(modelPath, path, { readTensorInfo: false })),
    contextTokens,
  );
}

/** Metal comes with the package for Apple Silicon; CUDA and Vulkan are extras that an operator installs. */
function acceleratorInstalled(): boolean {
  const target = `${process.platform === "darwin" ? "mac" : process.platform}-${process.arch}`;
  return ["metal", "cuda", "vulkan"].some((kind) => installed(`@node-llama-cpp/${target}-${kind}`));
}

function installed(name: string): boolean {
  try {
    return findPackageJSON(name, import.meta.url) !== undefined;
  } catch {
    return false;
  }
}
