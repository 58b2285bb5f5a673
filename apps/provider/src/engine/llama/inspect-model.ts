import { statSync } from "node:fs";
import type { ModelTask } from "@darkbloom/protocol/dialects";
import { getLlama, GgufInsights, type Llama, LlamaLogLevel } from "node-llama-cpp";
import type { Abilities } from "../../language/abilities.ts";
import type { ChatTemplate } from "../../language/chat-template.ts";
import { sampleOf } from "../../language/sample.ts";
import { memoryNeedOf } from "./llama-memory.ts";
import { onlyEmbeds, poolingOf } from "./llama-embedder.ts";
import { tokenize } from "./llama-tokens.ts";
import { contextTokensOf, readHeader, SLOTS_DEFAULT } from "./model-file.ts";
import { hasTemplate, isBare, templateOf, templatesIn, textTasks } from "./model-templates.ts";
import { ModelFileError, weightFiles } from "../../files/weights.ts";

export interface InspectOptions {
  /** What `readWeights` takes. */
  readonly modelPath: string;
  readonly slots?: number | undefined;
  /** More than the model was trained for is refused. */
  readonly contextTokens?: number | undefined;
}

/** What a model file says of itself, and what its chat template showed when it was tried. */
export interface Inspected {
  readonly name: string | undefined;
  readonly architecture: string;
  readonly parameters: number;
  /** Of all its parts. */
  readonly fileBytes: number;
  readonly tasks: readonly ModelTask[];
  readonly trainedContextTokens: number | undefined;
  readonly contextTokens: number;
  readonly slots: number;
  /** What it would take, without a graphics card, with these slots of this context. */
  readonly memoryBytes: number;
  /** Of a model that embeds. */
  readonly vectorLength?: number;
  readonly templates: readonly string[];
  /** Of the template by which conversations with tools are told. */
  readonly abilities?: Abilities;
  readonly sample?: InspectedSample;
  /** The sentence with which it would be refused at load. */
  readonly refused?: string;
}

export interface InspectedSample {
  readonly prompt: string;
  readonly promptTokens: number;
  /** `Sample.grammar`. */
  readonly grammar: string;
}

/**
 * What a model file can do, from its header and its vocabulary: no weights are loaded and nothing is hashed, so it is quick
 * with a file of any size. Where the template fails, the rest is told all the same.
 *
 * @throws ModelFileError with a sentence that names the file, where it is no whole GGUF file
 */
export async function inspectModel(options: InspectOptions): Promise<Inspected> {
  const { modelPath, slots = SLOTS_DEFAULT, contextTokens } = options;
  const [path, ...more] = weightFiles(modelPath);
  const info = await readHeader(modelPath, path, { readTensorInfo: true });
  const fileBytes = [path, ...more].reduce((sum, file) => sum + statSync(file).size, 0);
  const headBytes = info.sourceData.reduce((sum, part) => sum + (part.type === "path" ? part.length : 0), 0);
  checkWhole(modelPath, headBytes, fileBytes);
  const llama = await getLlama({
    gpu: false,
    build: "never",
    skipDownload: true,
    maxThreads: 1,
    logLevel: LlamaLogLevel.disabled,
  });
  try {
    const insights = await GgufInsights.from(info, llama);
    checkWhole(modelPath, headBytes + insights.modelSize, fileBytes);
    const embeds = poolingOf(info) !== undefined;
    const tasks: readonly ModelTask[] = onlyEmbeds(info)
      ? ["embed"]
      : hasTemplate(info) || isBare(info)
        ? textTasks({ hasTemplate: hasTemplate(info), embeds })
        : [];
    const { trainContextSize } = insights;
    const offeredTokens = contextTokensOf(modelPath, trainContextSize, contextTokens);
    const need = await memoryNeedOf(insights);
    return {
      name: info.metadata.general.name,
      architecture: info.metadata.general.architecture,
      parameters: insights.totalParameters,
      fileBytes,
      tasks,
      trainedContextTokens: trainContextSize,
      contextTokens: offeredTokens,
      slots,
      memoryBytes: Math.ceil(await need(onlyEmbeds(info) ? 1 : slots, offeredTokens)),
      ...(embeds && insights.embeddingVectorSize !== undefined && { vectorLength: insights.embeddingVectorSize }),
      templates: hasTemplate(info) ? Object.keys(templatesIn(info)) : [],
      ...(await language(llama, modelPath, path, onlyEmbeds(info) || isBare(info))),
    };
  } finally {
    await llama.dispose();
  }
}

/** What is cut off the end is not missed before somebody reads it. */
function checkWhole(modelPath: string, wantedBytes: number, fileBytes: number): void {
  if (fileBytes < wantedBytes)
    throw new ModelFileError(
      `${modelPath} is truncated: its header speaks of at least ${wantedBytes} bytes, and ${fileBytes} are there. Get it again.`,
    );
}

async function language(
  llama: Llama,
  modelPath: string,
  path: string,
  needsNoTemplate: boolean,
): Promise<Pick<Inspected, "abilities" | "sample" | "refused">> {
  const model = await llama.loadModel({ modelPath: path, vocabOnly: true }).catch(() => undefined);
  if (!model) return { refused: `${modelPath} cannot be served: this llama.cpp does not know such a model.` };
  if (needsNoTemplate) return {};
  let template: ChatTemplate;
  try {
    template = templateOf(model, modelPath);
  } catch (error) {
    if (!(error instanceof ModelFileError)) throw error;
    return { refused: error.message };
  }
  const { stretches, grammar } = sampleOf(template);
  const prompt = stretches.map(({ text }) => text).join("");
  const sample = { prompt, promptTokens: tokenize(model, stretches).length, grammar };
  return { abilities: template.abilities, sample };
}
