import type { ModelTask } from "@darkbloom/protocol/dialects";
import type { GgufFileInfo, LlamaModel } from "node-llama-cpp";
import { systemClock } from "@darkbloom/protocol/node";
import { ChatTemplate } from "../../language/chat-template.ts";
import { TemplateRefusal } from "../../language/tries.ts";
import { controlSpellings } from "./llama-tokens.ts";
import { ModelFileError } from "../../files/weights.ts";

export const hasTemplate = ({ metadata }: Pick<GgufFileInfo, "metadata">): boolean =>
  typeof Reflect.get({ ...metadata.tokenizer }, "chat_template") === "string";

/**
 * A file with neither template nor pooling that can go on with texts all the same, as base models do: it reads from left to
 * right, and was not made for vectors or ranks.
 */
export function isBare(info: Pick<GgufFileInfo, "architectureMetadata" | "metadata">): boolean {
  if (hasTemplate(info)) return false;
  const { architectureMetadata } = info;
  const attention: unknown = Reflect.get(architectureMetadata, "attention");
  const causal: unknown = typeof attention === "object" && attention !== null ? Reflect.get(attention, "causal") : true;
  return causal !== false && Reflect.get(architectureMetadata, "pooling_type") === undefined;
}

/** What a model that writes text can be asked for: to converse, where a template says how. */
export const textTasks = (has: { readonly hasTemplate: boolean; readonly embeds: boolean }): readonly ModelTask[] => [
  ...(has.hasTemplate ? (["generate"] as const) : []),
  "complete",
  ...(has.embeds ? (["embed"] as const) : []),
];

/**
 * The chat templates of a model file by their names: `default`, and those of
 * `tokenizer.chat_template.<name>`.
 *
 * @throws TemplateRefusal where there is none
 */
export function templatesIn({ metadata }: Pick<GgufFileInfo, "metadata">): Readonly<Record<string, string>> {
  const templates: Record<string, string> = {};
  for (const [key, value] of Object.entries<unknown>({ ...metadata.tokenizer })) {
    if (typeof value === "string" && key.startsWith("chat_template."))
      templates[key.slice("chat_template.".length)] = value;
    if (typeof value === "string" && key === "chat_template") templates["default"] = value;
  }
  if (templates["default"] === undefined)
    throw new TemplateRefusal(
      "it has no chat template (tokenizer.chat_template), no pooling of embeddings, and does not write texts. Use a file of a model that writes, or of an embedding model",
    );
  return templates;
}

/**
 * A model's chat template, tried. The vocabulary of the model is enough.
 *
 * @throws ModelFileError with the reason why the model cannot talk
 */
export function templateOf({ tokens, fileInfo }: LlamaModel, modelPath: string): ChatTemplate {
  const facts = {
    bosToken: tokens.bosString ?? "",
    eosToken: tokens.eosString ?? "",
    controlTokens: controlSpellings(fileInfo),
  };
  try {
    return new ChatTemplate(templatesIn(fileInfo), facts, () => systemClock.now());
  } catch (cause) {
    if (!(cause instanceof TemplateRefusal)) throw cause;
    throw new ModelFileError(`${modelPath} cannot be served: ${cause.message}.`, { cause });
  }
}
