import type { Usage } from "../../money.ts";
import type { FinishReason, RenderFacts } from "../dialect.ts";
import type { Job } from "../job.ts";
import type { ResponseBody, ResponsesUsage } from "./answer-schema.ts";
import { bareId, type Ending, type Item } from "./output.ts";
import type { ResponsesRequest } from "./request-schema.ts";
import type { ResponsesTools } from "./tools.ts";

/** How far a response is: not ended, or why it ended. */
type State = "in_progress" | FinishReason;

/** What of a body is the same from its first event to its last. */
export function bodyOf(
  job: Job,
  request: ResponsesRequest,
  { echoed }: ResponsesTools,
  facts: RenderFacts,
  previousId: string | null = null,
) {
  return (state: State, output: readonly Item[], usage: Usage | undefined): ResponseBody => ({
    id: `resp_${bareId(facts)}`,
    object: "response",
    created_at: facts.createdSec,
    completed_at: state !== "in_progress" && endingOf(state) === "completed" ? facts.nowSec() : null,
    access_programs: null,
    status: state === "in_progress" ? state : endingOf(state),
    background: false,
    error: null,
    incomplete_details: state === "length" ? { reason: "max_output_tokens" } : null,
    instructions: request.instructions ?? null,
    frequency_penalty: request.frequency_penalty ?? 0,
    presence_penalty: request.presence_penalty ?? 0,
    max_tool_calls: request.max_tool_calls ?? null,
    safety_identifier: request.safety_identifier ?? null,
    prompt_cache_key: request.prompt_cache_key ?? null,
    service_tier: "default",
    max_output_tokens: request.max_output_tokens ?? request.max_completion_tokens ?? request.max_tokens ?? null,
    model: job.model,
    output: [...output],
    parallel_tool_calls: job.parallelToolCalls,
    previous_response_id: previousId,
    reasoning: { effort: request.reasoning?.effort ?? null, summary: request.reasoning?.summary ?? null },
    store: false,
    temperature: request.temperature ?? 1,
    text: { format: request.text?.format ?? { type: "text" } },
    tool_choice: request.tool_choice ?? "auto",
    tools: echoed.map((tool) =>
      tool.type === "function"
        ? {
            ...tool,
            description: tool.description ?? null,
            parameters: tool.parameters ?? null,
            strict: tool.strict ?? null,
          }
        : tool,
    ),
    top_logprobs: request.top_logprobs ?? 0,
    top_p: request.top_p ?? 1,
    truncation: "disabled",
    usage: usage ? usageOf(usage) : null,
    metadata: request.metadata ?? {},
  });
}

export const endingOf = (reason: FinishReason): Ending =>
  reason === "length" || reason === "cancelled" ? "incomplete" : "completed";

export const usageOf = (usage: Usage): ResponsesUsage => ({
  input_tokens: usage.promptTokens,
  input_tokens_details: { cached_tokens: usage.cachedTokens, cache_write_tokens: 0 },
  output_tokens: usage.completionTokens,
  output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  total_tokens: usage.promptTokens + usage.completionTokens,
});
