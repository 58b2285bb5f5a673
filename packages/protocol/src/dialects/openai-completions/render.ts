import type { Usage } from "../../money.ts";
import type { Delta, Finish, RenderFacts, Renderer, TokenLogprob } from "../dialect.ts";
import type { Job } from "../job.ts";
import { jsonLine } from "../json-text.ts";
import { chatUsageOf } from "../openai-chat/render.ts";
import type { Completion, CompletionLogprobs } from "./answer-schema.ts";

type Choice = Completion["choices"][number];

/** One `text_completion` body, which comes out whole at the end. */
export class PlainRenderer implements Renderer {
  readonly #job: Job;
  readonly #facts: RenderFacts;
  readonly #choices: { text: string; logprobs: TokenLogprob[]; finish: Choice["finish_reason"] }[] = [];

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
    told.text += delta.text;
    told.logprobs.push(...(delta.logprobs ?? []));
    return "";
  }

  finish(finish: Finish, choice: number): string {
    this.#told(choice).finish = finishReasonOf(finish);
    return "";
  }

  end(usage: Usage): string {
    const choices = this.#choices.map(({ text, logprobs, finish }, index) => ({
      text,
      index,
      logprobs: this.#job.topLogprobs === undefined ? null : logprobsOf(logprobs, 0),
      finish_reason: finish,
    }));
    return JSON.stringify({
      ...frameOf(this.#job, this.#facts),
      choices,
      usage: chatUsageOf(usage),
    } satisfies Completion);
  }

  #told(choice: number) {
    return (this.#choices[choice] ??= { text: "", logprobs: [], finish: "stop" });
  }
}

/** `text_completion` events: text, for each choice an empty one with its reason, usage where asked for, `[DONE]`. */
export class StreamRenderer implements Renderer {
  readonly #frame: ReturnType<typeof frameOf>;
  readonly #includeUsage: boolean;
  #index = 0;
  #offset = 0;

  constructor(job: Job, includeUsage: boolean, facts: RenderFacts) {
    this.#frame = frameOf(job, facts);
    this.#includeUsage = includeUsage;
  }

  begin(): string {
    return "";
  }

  delta(delta: Delta, choice: number): string {
    if (delta.kind !== "said" || delta.text === "") return "";
    if (choice !== this.#index) this.#offset = 0;
    this.#index = choice;
    const logprobs = delta.logprobs ? logprobsOf(delta.logprobs, this.#offset) : null;
    this.#offset += delta.text.length;
    return this.#event([{ text: delta.text, index: choice, logprobs, finish_reason: null }]);
  }

  finish(finish: Finish, choice: number): string {
    return this.#event([{ text: "", index: choice, logprobs: null, finish_reason: finishReasonOf(finish) }]);
  }

  end(usage: Usage): string {
    return `${this.#includeUsage ? this.#event([], usage) : ""}data: [DONE]\n\n`;
  }

  #event(choices: Choice[], usage?: Usage): string {
    const sum = usage ? { usage: chatUsageOf(usage) } : this.#includeUsage ? { usage: null } : {};
    return `data: ${jsonLine({ ...this.#frame, choices, ...sum } satisfies Completion)}\n\n`;
  }
}

const frameOf = (job: Job, facts: RenderFacts) => ({
  id: `cmpl-${facts.jobId}`,
  object: "text_completion" as const,
  created: facts.createdSec,
  model: job.model,
});

const finishReasonOf = ({ reason }: Finish): "stop" | "length" => (reason === "length" ? "length" : "stop");

function logprobsOf(tokens: readonly TokenLogprob[], startsAt: number): CompletionLogprobs {
  let offset = startsAt;
  return {
    tokens: tokens.map(({ text }) => text),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ top }) => Object.fromEntries(top.map(({ text, logprob }) => [text, logprob]))),
    text_offset: tokens.map(({ text }) => {
      const at = offset;
      offset += text.length;
      return at;
    }),
  };
}
