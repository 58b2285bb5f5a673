import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import type { GgufFileInfo } from "node-llama-cpp";
import { ModelFileError, readWeights } from "../../files/weights.ts";

/** Requests that run at once unless the operator says otherwise; each takes memory for a whole context. */
export const SLOTS_DEFAULT = 4;
/** A larger context than this must be asked for: its memory is taken at the start, for every slot. */
export const CONTEXT_TOKENS_DEFAULT = 8192;
/** Half of the cores: spinning threads on a busy machine slow each other down thirtyfold. */
export const THREADS_DEFAULT = Math.max(1, Math.floor(availableParallelism() / 2));

/**
 * As many tokens as the operator asked for; where nobody did, what is usual, or what the model was trained for where that is less.
 *
 * @throws ModelFileError where more were asked for than that: what is wished for is never lowered without a word
 */
export function contextTokensOf(modelPath: string, trained: number | undefined, wanted: number | undefined): number {
  if (wanted === undefined) return Math.min(CONTEXT_TOKENS_DEFAULT, trained ?? CONTEXT_TOKENS_DEFAULT);
  if (trained !== undefined && wanted > trained)
    throw new ModelFileError(
      `${modelPath} was trained for a context of ${trained} tokens, and ${wanted} are asked for. Lower --context to ${trained}, or leave it out.`,
    );
  return wanted;
}

/** The model that comes with the repository. */
export const bundledModelPath = fileURLToPath(new URL("../../../../../models/darkbloom-tiny.gguf", import.meta.url));

export interface ModelFacts {
  /** As `readWeights` says. */
  readonly weightsSha256: string;
  /** What a provider offers of its context unless told otherwise, in tokens. */
  readonly contextTokens: number;
  /** The name inside the file, if it has one. */
  readonly name: string | undefined;
}

/**
 * What a catalog says of a model, read without loading it.
 *
 * @throws ModelFileError with a sentence that names the file
 */
export async function readModelFacts(modelPath: string): Promise<ModelFacts> {
  const { path, sha256: weightsSha256 } = await readWeights(modelPath);
  const info = await readHeader(modelPath, path, { readTensorInfo: false });
  const { architecture, name } = info.metadata.general;
  const trained = trainedTokensOf(info);
  if (trained === undefined)
    throw new ModelFileError(`${modelPath} does not say how long its context is (${architecture}.context_length).`);
  return { weightsSha256, contextTokens: contextTokensOf(modelPath, trained, undefined), name };
}

export function trainedTokensOf({ metadata }: GgufFileInfo): number | undefined {
  const trained: unknown = metadata[metadata.general.architecture]?.context_length;
  return typeof trained === "number" && trained >= 1 ? trained : undefined;
}

/**
 * What stands before the weights of a file, or of all parts of a model.
 *
 * @param modelPath what a sentence names
 * @param path the file, or the first part
 * @throws ModelFileError
 */
export async function readHeader(
  modelPath: string,
  path: string,
  { readTensorInfo }: { readonly readTensorInfo: boolean },
): Promise<GgufFileInfo> {
  // Loaded when it is needed: most commands never touch a model, and llama.cpp takes half a second.
  const { readGgufFileInfo } = await import("node-llama-cpp");
  try {
    const info = await readGgufFileInfo(path, { readTensorInfo, logWarnings: false });
    // Of a file that was cut the reader makes what it can.
    const { general }: { readonly general?: Partial<GgufFileInfo["metadata"]["general"]> } = info.metadata;
    if (typeof general?.architecture !== "string") throw new RangeError("no architecture");
    return info;
  } catch (cause) {
    throw new ModelFileError(`${modelPath} is not a GGUF file, or its header is damaged.`, { cause });
  }
}
