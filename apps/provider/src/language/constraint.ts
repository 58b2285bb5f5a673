import type { Job, Tool } from "@darkbloom/protocol/dialects";
import type { Schema } from "@darkbloom/protocol/schema";

/** What a model's words are held to while it writes. Its thinking is free. */
export type Constraint =
  | { readonly kind: "json"; readonly schema: Schema }
  /** The string that the schema describes, without JSON's quotes. */
  | { readonly kind: "text"; readonly schema: Schema }
  /** Calls and nothing else; `many`: one or more, else exactly one. */
  | { readonly kind: "calls"; readonly tools: readonly Tool[]; readonly many: boolean }
  /** Either. */
  | { readonly kind: "calls_or_json"; readonly tools: readonly Tool[]; readonly many: boolean; readonly schema: Schema }
  /** Free text; but a call, once it has begun, is one of these. */
  | { readonly kind: "calls_if_any"; readonly tools: readonly Tool[]; readonly many: boolean };

/** What the model is held to while it writes, so that even a small one keeps the promised form. */
export function constraintOf(
  job: Pick<Job, "tools" | "toolChoice" | "parallelToolCalls" | "format" | "formatIsText">,
): {
  readonly constraint?: Constraint;
} {
  const { tools, toolChoice, parallelToolCalls: many, format: schema } = job;
  if (typeof toolChoice === "object") {
    const named = tools.filter(({ name }) => name === toolChoice.name);
    return { constraint: { kind: "calls", tools: named, many: false } };
  }
  if (toolChoice === "required") return { constraint: { kind: "calls", tools, many } };
  if (schema && toolChoice === "auto") return { constraint: { kind: "calls_or_json", tools, many, schema } };
  if (schema) return { constraint: { kind: job.formatIsText === true ? "text" : "json", schema } };
  return toolChoice === "auto" ? { constraint: { kind: "calls_if_any", tools, many } } : {};
}
