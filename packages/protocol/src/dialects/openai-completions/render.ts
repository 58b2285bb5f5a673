import type { Usage } from "../../money.ts";
import type { Delta, Finish, RenderFacts, Renderer, TokenLogprob } from "../dialect.ts";
import type { Job } from "../job.ts";
import { jsonLine, jsonText } from "../json-text.ts";
import { chatUsageOf } from "../openai-chat/render.ts";
import type { Completion, CompletionLogprobs } from "./answer-schema.ts";

type Choice = Completion["choices"][number];

/** One `text_completion` body, which comes out whole at the end. */
export class PlainRenderer implements Renderer {
  readonly #job: Job;
  readonly #facts: RenderFacts;
  readonly #choices: Choice[] = [];

  constructor(job: Job, facts: RenderFacts) {
    this.#job = job;
    this.#facts = facts;
  }

  begin(): string {
    return "";
  }

  delta(delta: Delta, choice: number): string {
    if (delta.kind !== "said") return "";
    const told = this.#told(choice);
    if (delta.logprobs && told.logprobs) addLogprobs(told.logprobs, delta.logprobs, told.text.length);
    told.text += delta.text;
    return "";
  }

  finish(finish: Finish, choice: number): string {
    this.#told(choice).finish_reason = finishReasonOf(finish);
    return "";
  }

  end(usage: Usage): string {
    return JSON.stringify({
      id: idOf(this.#facts),
      object: "text_completion",
      created: this.#facts.createdSec,
      model: this.#job.model,
      choices: this.#choices,
      usage: chatUsageOf(usage),
    } satisfies Completion);
  }

  #told(index: number): Choice {
    const logprobs = this.#job.topLogprobs === undefined ? null : noLogprobs();
    return (this.#choices[index] ??= { text: "", index, logprobs, finish_reason: "stop" });
  }
}

/**
 * `text_completion` events: text, for each choice an empty one with its reason, usage where asked for,
 * `[DONE]`. What is the same in each event is written once, since `delta` runs for every token.
 */
export class StreamRenderer implements Renderer {
  readonly #includeUsage: boolean;
  /** Up to the list of choices. */
  readonly #head: string;
  /** Up to the text. */
  readonly #text: string;
  /** After the choice. OpenAI sends `usage` as null in every event but the one that has it. */
  readonly #tail: string;
  #index = -1;
  #offset = 0;
  /** Of the choice that is being told: what follows its text. */
  #textTail = "";

  constructor(job: Job, includeUsage: boolean, facts: RenderFacts) {
    this.#includeUsage = includeUsage;
    this.#head = `data: {"id":${jsonText(idOf(facts))},"object":"text_completion","created":${facts.createdSec},"model":${jsonText(job.model)},"choices":[`;
    this.#text = `${this.#head}{"text":`;
    this.#tail = `}]${includeUsage ? ',"usage":null' : ""}}\n\n`;
  }

  begin(): string {
    return "";
  }

  delta(delta: Delta, choice: number): string {
    if (delta.kind !== "said" || delta.text === "") return "";
    this.#to(choice);
    const offset = this.#offset;
    this.#offset += delta.text.length;
    const text = this.#text + jsonText(delta.text);
    if (!delta.logprobs) return text + this.#textTail;
    const logprobs = addLogprobs(noLogprobs(), delta.logprobs, offset);
    return `${text},"index":${choice},"logprobs":${jsonLine(logprobs)},"finish_reason":null${this.#tail}`;
  }

  finish(finish: Finish, choice: number): string {
    return `${this.#text}"","index":${choice},"logprobs":null,"finish_reason":"${finishReasonOf(finish)}"${this.#tail}`;
  }

  end(usage: Usage): string {
    const sum = this.#includeUsage ? `${this.#head}],"usage":${JSON.stringify(chatUsageOf(usage))}}\n\n` : "";
    return `${sum}data: [DONE]\n\n`;
  }

  #to(choice: number): void {
    if (choice === this.#index) return;
    this.#index = choice;
    this.#offset = 0;
    this.#textTail = `,"index":${choice},"logprobs":null,"finish_reason":null${this.#tail}`;
  }
}

const idOf = ({ jobId }: RenderFacts): string => `cmpl-${jobId}`;

const finishReasonOf = ({ reason }: Finish): "stop" | "length" => (reason === "length" ? "length" : "stop");

const noLogprobs = (): CompletionLogprobs => ({ tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] });

/** @param offset where the text begins that these tokens are of, in UTF-16 units; they may hold more than was told */
function addLogprobs(told: CompletionLogprobs, tokens: readonly TokenLogprob[], offset: number): CompletionLogprobs {
  let at = offset;
  for (const { text, logprob, top } of tokens) {
    told.tokens.push(text);
    told.token_logprobs.push(logprob);
    told.top_logprobs.push(Object.fromEntries(top.map((other) => [other.text, other.logprob])));
    told.text_offset.push(at);
    at += text.length;
  }
  return told;
}
