import type { Job } from "@darkbloom/protocol";
import type { Generation } from "./engine.ts";

/** What the model is held to while it writes, so that even a small one keeps the promised form. */
export function constraintOf(job: Job): Pick<Generation, "constraint"> {
  const { tools, toolChoice, parallelToolCalls: many, format } = job;
  if (typeof toolChoice === "object") {
    const named = tools.filter(({ name }) => name === toolChoice.name);
    return { constraint: { kind: "calls", tools: named, many: false } };
  }
  if (toolChoice === "required") return { constraint: { kind: "calls", tools, many } };
  if (format) return { constraint: { kind: "json", schema: format } };
  return toolChoice === "auto" ? { constraint: { kind: "calls_if_any", tools, many } } : {};
}
