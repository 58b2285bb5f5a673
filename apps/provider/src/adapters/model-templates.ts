import type { GgufFileInfo, LlamaModel } from "node-llama-cpp";
import { systemClock } from "@darkbloom/protocol/node";
import { ChatTemplate } from "../language/chat-template.ts";
import { TemplateRefusal } from "../language/probe.ts";
import { controlSpellings } from "./llama-tokens.ts";
import { ModelFileError } from "./weights.ts";

export const hasTemplate = ({ metadata }: Pick<GgufFileInfo, "metadata">): boolean =>
  typeof Reflect.get({ ...metadata.tokenizer }, "chat_template") === "string";

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
      "it has no chat template (tokenizer.chat_template), and no pooling of embeddings. Use a file of an instruction-tuned model, which has the one, or of an embedding model, which has the other",
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
