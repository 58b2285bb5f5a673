import { fileURLToPath } from "node:url";
import { readGgufFileInfo } from "node-llama-cpp";
import { CONTEXT_TOKENS_DEFAULT, ModelFileError, sha256Of } from "./llama-engine.ts";

/** The model that comes with the repository. */
export const bundledModelPath = fileURLToPath(new URL("../../../../models/darkbloom-tiny.gguf", import.meta.url));

export interface ModelFacts {
  /** SHA-256 of the file, lower-case hex. */
  readonly weightsSha256: string;
  /** What a provider offers of its context unless told otherwise, in tokens. */
  readonly contextTokens: number;
  /** The name inside the file, if it has one. */
  readonly name: string | undefined;
}

/**
 * What a catalog says of a GGUF file, read without loading the model.
 *
 * @throws ModelFileError with a sentence that names the file
 */
export async function readModelFacts(modelPath: string): Promise<ModelFacts> {
  const weightsSha256 = await sha256Of(modelPath);
  const { metadata } = await readGgufFileInfo(modelPath, { readTensorInfo: false, logWarnings: false }).catch(
    (cause: unknown) => {
      throw new ModelFileError(`${modelPath} is not a GGUF file.`, { cause });
    },
  );
  const { architecture, name } = metadata.general;
  const trained: unknown = metadata[architecture]?.context_length;
  if (typeof trained !== "number" || trained < 1)
    throw new ModelFileError(`${modelPath} does not say how long its context is (${architecture}.context_length).`);
  return { weightsSha256, contextTokens: Math.min(trained, CONTEXT_TOKENS_DEFAULT), name };
}
