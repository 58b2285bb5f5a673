import type { Failure } from "../failures.ts";
import { ourWords, type OurWords, type ParamPath } from "../ids.ts";
import type { EngineRefusalCode } from "../provider-words.ts";
import type { Endpoint } from "./job.ts";

/** Where each dialect has what a model can refuse. */
const fields: Readonly<Record<Endpoint, { readonly prompt: string; readonly schema: string }>> = {
  "/v1/chat/completions": { prompt: "messages", schema: "response_format.json_schema.schema" },
  "/v1/responses": { prompt: "input", schema: "text.format.schema" },
  "/v1/responses/compact": { prompt: "input", schema: "input" },
  // It takes no schema; an endpoint has one all the same, so that no path stays without a name.
  "/v1/completions": { prompt: "prompt", schema: "prompt" },
  "/v1/messages": { prompt: "messages", schema: "output_config.format.schema" },
  "/v1/embeddings": { prompt: "input", schema: "input" },
  "/v1/messages/count_tokens": { prompt: "messages", schema: "output_config.format.schema" },
};

const reasons: Readonly<Record<Exclude<EngineRefusalCode, "context_exceeded">, OurWords>> = {
  messages_refused: ourWords`this model's chat template does not take these messages; try without system messages, with user and assistant in turns, and without tool calls`,
  continuation_refused: ourWords`this model's chat template cannot go on with a message that an assistant began; end with a user's message`,
  schema_refused: ourWords`this model cannot be held to this schema; make it smaller, with fewer bounds and less nesting`,
  tools_refused: ourWords`this model cannot be given these tools; send fewer, with simpler parameters, or none`,
  thinking_refused: ourWords`this model cannot be told so: it always thinks, or never; leave the field out`,
  tokens_refused: ourWords`these are no tokens of this model's own vocabulary, which is another than that of OpenAI's models; send text`,
  dimensions_refused: ourWords`this model's vectors have fewer numbers; leave the field out`,
};

/** The field of a dialect that holds the prompt. */
export const promptFieldOf = (endpoint: Endpoint): ParamPath => fields[endpoint].prompt as ParamPath;

/**
 * What a model's refusal is to the caller: every word is ours, since the machine chose one of a closed list.
 *
 * @param lengths the context of the machine's model as it signed it, and what the prompt comes to
 */
export function failureOfRefusal(
  refusal: EngineRefusalCode,
  { endpoint, formatParam }: { readonly endpoint: Endpoint; readonly formatParam?: ParamPath | undefined },
  { contextTokens, promptTokens }: { readonly contextTokens: number; readonly promptTokens: number },
): Failure {
  switch (refusal) {
    case "context_exceeded":
      return { code: "context_length_exceeded", contextTokens, promptTokens };
    case "messages_refused":
    case "continuation_refused":
    case "tokens_refused":
      return { code: "unsupported", param: promptFieldOf(endpoint), reason: reasons[refusal] };
    case "schema_refused":
      return {
        code: "unsupported",
        param: formatParam ?? (fields[endpoint].schema as ParamPath),
        reason: reasons[refusal],
      };
    case "thinking_refused":
      return { code: "unsupported", param: "thinking" as ParamPath, reason: reasons[refusal] };
    case "tools_refused":
      return { code: "unsupported", param: "tools" as ParamPath, reason: reasons[refusal] };
    case "dimensions_refused":
      return { code: "unsupported", param: "dimensions" as ParamPath, reason: reasons[refusal] };
  }
}
