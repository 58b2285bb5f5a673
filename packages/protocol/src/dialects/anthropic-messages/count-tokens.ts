import type { Usage } from "../../money.ts";
import type { Decoded, Renderer } from "../dialect.ts";
import { neutralSampling } from "../fields.ts";
import type { Job } from "../job.ts";
import type { TokenCount } from "./answer-schema.ts";
import { parseRequest, promptOf } from "./request.ts";
import { countTokensRequestSchema } from "./request-schema.ts";

/**
 * Reads a prompt that is only to be counted. It may end with the assistant's words: nothing has to
 * follow them.
 *
 * @throws NetworkError `body_invalid` or `unsupported`, naming the field and nothing that was sent
 */
export function decodeCountTokensRequest(body: unknown): Decoded {
  const job: Job = {
    ...promptOf(parseRequest(countTokensRequestSchema, body)),
    endpoint: "/v1/messages/count_tokens",
    stream: false,
    generates: false,
    sampling: neutralSampling,
    // The least that a bound can be: no token follows.
    maxTokens: 1,
  };
  return { job, renderer: () => new CountRenderer() };
}

class CountRenderer implements Renderer {
  #inputTokens = 0;

  begin(prompt: Pick<Usage, "promptTokens">): string {
    this.#inputTokens = prompt.promptTokens;
    return "";
  }

  delta(): string {
    return "";
  }

  finish(): string {
    return "";
  }

  end(): string {
    return JSON.stringify({ input_tokens: this.#inputTokens } satisfies TokenCount);
  }
}
