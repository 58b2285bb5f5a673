import { type Llama, LlamaGrammarEvaluationState, type LlamaModel } from "node-llama-cpp";
import type { Generation } from "../../inference/engine.ts";
import { replyGrammar } from "../../language/constraint-grammar.ts";
import { EngineRefusal } from "../../language/refusal.ts";
import type { ReplyForm } from "../../language/reply.ts";

/**
 * What a reply must have the form of, for llama.cpp's own sampler; undefined: it is free.
 *
 * @throws EngineRefusal
 */
export async function grammarOf(
  { llama, model }: { readonly llama: Llama; readonly model: LlamaModel },
  form: ReplyForm,
  { constraint }: Generation,
): Promise<LlamaGrammarEvaluationState | undefined> {
  if (!constraint) return undefined;
  const rules = replyGrammar(constraint, form);
  try {
    const grammar = await llama.createGrammar(rules);
    return new LlamaGrammarEvaluationState({ model, grammar });
  } catch {
    // llama.cpp's own words may quote the schema, so they end here.
    throw new EngineRefusal("tools" in constraint ? "tools_refused" : "schema_refused");
  }
}
