import type { Usage } from "../../money.ts";
import type { FinishReason, RenderFacts, Renderer, TextDelta } from "../dialect.ts";
import type { Job } from "../job.ts";
import type { ChatResponse, ChatUsage } from "./answer-schema.ts";

/** One `chat.completion` body, which comes out whole at the end. */
export class PlainRenderer implements Renderer {
  readonly #job: Job;
  readonly #facts: RenderFacts;
  #said = "";
  #thought = "";

  constructor(job: Job, facts: RenderFacts) {
    this.#job = job;
    this.#facts = facts;
  }

  begin(): string {
    return "";
  }

  delta(delta: TextDelta): string {
    if (delta.kind === "said") this.#said += delta.text;
    else if (this.#job.includeReasoning) this.#thought += delta.text;
    return "";
  }

  end(finish: FinishReason, usage: Usage): string {
    return JSON.stringify({
      id: `chatcmpl-${this.#facts.jobId}`,
      object: "chat.completion",
      created: this.#facts.createdSec,
      model: this.#facts.model,
      choices: [
        {
          index: 0,
          message: {
            role: "assistant",
            content: this.#said,
            ...(this.#job.includeReasoning ? { reasoning_content: this.#thought } : {}),
            refusal: null,
          },
          logprobs: null,
          finish_reason: finishReasonOf(finish),
        },
      ],
      usage: usageOf(usage),
    } satisfies ChatResponse);
  }
}

/**
 * `chat.completion.chunk` events: the role first, then text, then the reason of the end, then usage
 * where it was asked for, then `[DONE]`. All that is the same in each chunk is written once, since
 * `delta` runs for every token.
 */
export class StreamRenderer implements Renderer {
  readonly #includeReasoning: boolean;
  readonly #includeUsage: boolean;
  /** Up to the list of choices. */
  readonly #head: string;
  /** Up to the delta. */
  readonly #choice: string;
  readonly #said: string;
  readonly #thought: string;
  /** After the choice. OpenAI sends `usage` as null in every chunk but the one that has it. */
  readonly #tail: string;
  readonly #deltaTail: string;

  constructor(job: Job, facts: RenderFacts) {
    this.#includeReasoning = job.includeReasoning;
    this.#includeUsage = job.includeUsage;
    const id = jsonText(`chatcmpl-${facts.jobId}`);
    this.#head = `data: {"id":${id},"object":"chat.completion.chunk","created":${facts.createdSec},"model":${jsonText(facts.model)},"choices":[`;
    this.#choice = `${this.#head}{"index":0,"delta":`;
    this.#said = `${this.#choice}{"content":`;
    this.#thought = `${this.#choice}{"reasoning_content":`;
    this.#tail = `}]${job.includeUsage ? ',"usage":null' : ""}}\n\n`;
    this.#deltaTail = `},"logprobs":null,"finish_reason":null${this.#tail}`;
  }

  begin(): string {
    return `${this.#choice}{"role":"assistant","content":""${this.#deltaTail}`;
  }

  delta(delta: TextDelta): string {
    if (delta.text === "") return "";
    if (delta.kind === "said") return this.#said + jsonText(delta.text) + this.#deltaTail;
    return this.#includeReasoning ? this.#thought + jsonText(delta.text) + this.#deltaTail : "";
  }

  end(finish: FinishReason, usage: Usage): string {
    const last = `${this.#choice}{},"logprobs":null,"finish_reason":"${finishReasonOf(finish)}"${this.#tail}`;
    const sum = this.#includeUsage ? `${this.#head}],"usage":${JSON.stringify(usageOf(usage))}}\n\n` : "";
    return `${last}${sum}data: [DONE]\n\n`;
  }
}

/** A caller who cancelled is gone; whoever reads the record later finds a word that OpenAI's list has. */
const finishReasonOf = (finish: FinishReason): "stop" | "length" => (finish === "length" ? "length" : "stop");

const usageOf = (usage: Usage): ChatUsage => ({
  prompt_tokens: usage.promptTokens,
  completion_tokens: usage.completionTokens,
  total_tokens: usage.promptTokens + usage.completionTokens,
  prompt_tokens_details: { cached_tokens: usage.cachedTokens },
  completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
});

/** Line ends to Unicode though not to JSON or to server-sent events; some clients cut lines there all the same. */
const otherLineEnds = /[\u0085\u2028\u2029]/g;

function jsonText(text: string): string {
  return JSON.stringify(text).replace(
    otherLineEnds,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
