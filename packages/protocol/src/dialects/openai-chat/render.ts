import { pushAll } from "../../lists.ts";
import type { Usage } from "../../money.ts";
import type { Delta, Finish, FinishReason, RenderFacts, Renderer, TokenLogprob } from "../dialect.ts";
import type { Job } from "../job.ts";
import { jsonLine, jsonText } from "../json-text.ts";
import type { ChatLogprobs, ChatResponse, ChatUsage } from "./answer-schema.ts";
import type { ChatWishes } from "./request.ts";

interface Told {
  said: string;
  thought: string;
  logprobs: TokenLogprob[];
  calls: { id: string; name: string; arguments: string }[];
  finish: FinishReason;
}

/** One `chat.completion` body, which comes out whole at the end. */
export class PlainRenderer implements Renderer {
  readonly #job: Job;
  readonly #wishes: ChatWishes;
  readonly #facts: RenderFacts;
  readonly #choices: Told[] = [];

  constructor(job: Job, wishes: ChatWishes, facts: RenderFacts) {
    this.#job = job;
    this.#wishes = wishes;
    this.#facts = facts;
  }

  begin(): string {
    return "";
  }

  delta(delta: Delta, choice: number): string {
    const told = this.#told(choice);
    switch (delta.kind) {
      case "said":
        told.said += delta.text;
        pushAll(told.logprobs, delta.logprobs ?? []);
        return "";
      case "thought":
        told.thought += delta.text;
        return "";
      case "call":
        told.calls.push({ id: delta.id, name: delta.name, arguments: "" });
        return "";
      case "arguments": {
        const call = told.calls.at(-1);
        if (call) call.arguments += delta.text;
        return "";
      }
    }
  }

  finish({ reason }: Finish, choice: number): string {
    this.#told(choice).finish = reason;
    return "";
  }

  end(usage: Usage): string {
    return JSON.stringify({
      id: `chatcmpl-${this.#facts.jobId}`,
      object: "chat.completion",
      created: this.#facts.createdSec,
      model: this.#job.model,
      choices: this.#choices.map((told, index) => ({
        index,
        message: {
          role: "assistant",
          content: told.said === "" && told.calls.length > 0 ? null : told.said,
          ...(this.#wishes.includeReasoning &&
            told.thought !== "" && { reasoning_content: told.thought, reasoning: told.thought }),
          refusal: null,
          ...(told.calls.length > 0 && {
            tool_calls: told.calls.map(({ id, ...call }) => ({ id, type: "function", function: call })),
          }),
        },
        logprobs: this.#job.topLogprobs === undefined ? null : logprobsOf(told.logprobs),
        finish_reason: finishReasonOf(told.finish),
      })),
      usage: chatUsageOf(usage),
    } satisfies ChatResponse);
  }

  #told(choice: number): Told {
    return (this.#choices[choice] ??= { said: "", thought: "", logprobs: [], calls: [], finish: "stop" });
  }
}

/**
 * `chat.completion.chunk` events: for each choice the role first, then text, then the reason of its end;
 * then usage where it was asked for, then `[DONE]`. All that is the same in each chunk of a choice is
 * written once, since `delta` runs for every token.
 */
export class StreamRenderer implements Renderer {
  readonly #includeReasoning: boolean;
  readonly #includeUsage: boolean;
  /** Up to the list of choices. */
  readonly #head: string;
  /** After the choice. OpenAI sends `usage` as null in every chunk but the one that has it. */
  readonly #tail: string;
  readonly #deltaTail: string;
  #index = -1;
  /** Up to the delta. */
  #choice = "";
  #said = "";
  #thought = "";
  #calls = 0;

  constructor(job: Job, { includeReasoning, includeUsage }: ChatWishes, facts: RenderFacts) {
    this.#includeReasoning = includeReasoning;
    this.#includeUsage = includeUsage;
    const id = jsonText(`chatcmpl-${facts.jobId}`);
    this.#head = `data: {"id":${id},"object":"chat.completion.chunk","created":${facts.createdSec},"model":${jsonText(job.model)},"choices":[`;
    this.#tail = `}]${includeUsage ? ',"usage":null' : ""}}\n\n`;
    this.#deltaTail = `},"logprobs":null,"finish_reason":null${this.#tail}`;
  }

  begin(): string {
    return this.#to(0);
  }

  delta(delta: Delta, choice: number): string {
    return this.#to(choice) + this.#event(delta);
  }

  finish({ reason }: Finish, choice: number): string {
    const begun = this.#to(choice);
    return `${begun}${this.#choice}{},"logprobs":null,"finish_reason":"${finishReasonOf(reason)}"${this.#tail}`;
  }

  end(usage: Usage): string {
    const sum = this.#includeUsage ? `${this.#head}],"usage":${JSON.stringify(chatUsageOf(usage))}}\n\n` : "";
    return `${sum}data: [DONE]\n\n`;
  }

  #event(delta: Delta): string {
    switch (delta.kind) {
      case "said": {
        if (delta.text === "") return "";
        const said = this.#said + jsonText(delta.text);
        if (!delta.logprobs) return said + this.#deltaTail;
        return `${said}},"logprobs":${jsonLine(logprobsOf(delta.logprobs))},"finish_reason":null${this.#tail}`;
      }
      case "thought":
        return this.#includeReasoning && delta.text !== "" ? this.#thoughtEvent(jsonText(delta.text)) : "";
      case "call": {
        const call = `{"index":${this.#calls++},"id":${jsonText(delta.id)},"type":"function","function":{"name":${jsonText(delta.name)},"arguments":""}}`;
        return `${this.#choice}{"tool_calls":[${call}]${this.#deltaTail}`;
      }
      case "arguments":
        return `${this.#choice}{"tool_calls":[{"index":${this.#calls - 1},"function":{"arguments":${jsonText(delta.text)}}}]${this.#deltaTail}`;
    }
  }

  #thoughtEvent(text: string): string {
    return `${this.#thought}${text},"reasoning":${text}${this.#deltaTail}`;
  }

  /** Begins a choice with its role, where it has not begun. */
  #to(choice: number): string {
    if (choice === this.#index) return "";
    this.#index = choice;
    this.#choice = `${this.#head}{"index":${choice},"delta":`;
    this.#said = `${this.#choice}{"content":`;
    this.#thought = `${this.#choice}{"reasoning_content":`;
    this.#calls = 0;
    return `${this.#choice}{"role":"assistant","content":""${this.#deltaTail}`;
  }
}

/** A caller who cancelled is gone; whoever reads the record later finds a word that OpenAI's list has. */
const finishReasonOf = (reason: FinishReason): "stop" | "length" | "tool_calls" =>
  reason === "cancelled" ? "stop" : reason;

const logprobsOf = (tokens: readonly TokenLogprob[]): NonNullable<ChatLogprobs> => ({
  content: tokens.map(({ text, bytes, logprob, top }) => ({
    token: text,
    logprob,
    bytes: [...bytes],
    top_logprobs: top.map((other) => ({ token: other.text, logprob: other.logprob, bytes: [...other.bytes] })),
  })),
  refusal: null,
});

export const chatUsageOf = (usage: Usage): ChatUsage => ({
  prompt_tokens: usage.promptTokens,
  completion_tokens: usage.completionTokens,
  total_tokens: usage.promptTokens + usage.completionTokens,
  prompt_tokens_details: { cached_tokens: usage.cachedTokens },
  completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
});
