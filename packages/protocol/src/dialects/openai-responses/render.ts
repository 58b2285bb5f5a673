import type { Usage } from "../../money.ts";
import type { Delta, Finish, FinishReason, RenderFacts, Renderer, TokenLogprob } from "../dialect.ts";
import type { Job } from "../job.ts";
import { jsonLine, jsonText } from "../json-text.ts";
import type { OutputItem, ResponseBody, ResponsesUsage } from "./answer-schema.ts";
import type { ResponsesRequest } from "./request-schema.ts";

type Item = OutputItem;

/**
 * A response, item by item: reasoning where it was asked for, messages, function calls. The same fold
 * gives the plain body and the snapshot that ends a stream, so that the two cannot differ.
 */
class Output {
  readonly items: Item[] = [];
  readonly #suffix: string;
  readonly #showsThoughts: boolean;

  constructor(facts: RenderFacts, showsThoughts: boolean) {
    this.#suffix = facts.jobId.replace(/^job_/, "");
    this.#showsThoughts = showsThoughts;
  }

  get last(): Item | undefined {
    return this.items.at(-1);
  }

  /** Whether this delta goes on with the last item, begins one, or is not told at all. */
  placeOf(delta: Delta): "on" | "begins" | "nowhere" {
    switch (delta.kind) {
      case "thought":
        if (!this.#showsThoughts || delta.text === "") return "nowhere";
        return this.last?.type === "reasoning" ? "on" : "begins";
      case "said":
        if (delta.text === "") return "nowhere";
        return this.last?.type === "message" ? "on" : "begins";
      case "call":
        return "begins";
      case "arguments":
        return "on";
    }
  }

  begin(delta: Delta): Item {
    const item = this.#newItem(delta, `${this.#suffix}${this.items.length}`);
    this.items.push(item);
    return item;
  }

  add(item: Item, delta: Delta): void {
    if (item.type === "reasoning" && delta.kind === "thought") {
      const [part] = item.summary;
      if (part) part.text += delta.text;
    }
    if (item.type === "message" && delta.kind === "said") {
      const [part] = item.content;
      if (!part) return;
      part.text += delta.text;
      part.logprobs.push(...logprobsOf(delta.logprobs ?? []));
    }
    if (item.type === "function_call" && delta.kind === "arguments") item.arguments += delta.text;
  }

  #newItem(delta: Delta, suffix: string): Item {
    if (delta.kind === "thought")
      return { type: "reasoning", id: `rs_${suffix}`, summary: [{ type: "summary_text", text: "" }] };
    if (delta.kind === "call")
      return {
        type: "function_call",
        id: `fc_${suffix}`,
        call_id: delta.id,
        name: delta.name,
        arguments: "",
        status: "in_progress",
      };
    return {
      type: "message",
      id: `msg_${suffix}`,
      status: "in_progress",
      role: "assistant",
      content: [{ type: "output_text", text: "", annotations: [], logprobs: [] }],
    };
  }
}

const NOTHING: Delta = { kind: "said", text: "" };

/** What of a body is the same from its first event to its last. */
function bodyOf(job: Job, request: ResponsesRequest, facts: RenderFacts) {
  return (status: ResponseBody["status"], output: readonly Item[], usage: Usage | undefined): ResponseBody => ({
    id: `resp_${facts.jobId.replace(/^job_/, "")}`,
    object: "response",
    created_at: facts.createdSec,
    status,
    background: false,
    error: null,
    incomplete_details: status === "incomplete" ? { reason: "max_output_tokens" } : null,
    instructions: request.instructions ?? null,
    max_output_tokens: request.max_output_tokens ?? null,
    model: job.model,
    output: [...output],
    parallel_tool_calls: job.parallelToolCalls,
    previous_response_id: null,
    reasoning: { effort: request.reasoning?.effort ?? null, summary: request.reasoning?.summary ?? null },
    store: false,
    temperature: request.temperature ?? 1,
    text: { format: request.text?.format ?? { type: "text" } },
    tool_choice: request.tool_choice ?? "auto",
    tools: (request.tools ?? []).map((tool) => ({
      ...tool,
      description: tool.description ?? null,
      parameters: tool.parameters ?? null,
      strict: tool.strict ?? false,
    })),
    top_logprobs: request.top_logprobs ?? 0,
    top_p: request.top_p ?? 1,
    truncation: "disabled",
    usage: usage ? usageOf(usage) : null,
    metadata: request.metadata ?? {},
  });
}

const statusOf = (reason: FinishReason): "completed" | "incomplete" =>
  reason === "length" ? "incomplete" : "completed";

/** One body, which comes out whole at the end. */
export class PlainRenderer implements Renderer {
  readonly #body: ReturnType<typeof bodyOf>;
  readonly #output: Output;
  #status: "completed" | "incomplete" = "completed";

  constructor(job: Job, request: ResponsesRequest, facts: RenderFacts) {
    this.#body = bodyOf(job, request, facts);
    this.#output = new Output(facts, showsThoughts(request));
  }

  begin(): string {
    return "";
  }

  delta(delta: Delta): string {
    const place = this.#output.placeOf(delta);
    if (place === "begins") closeItem(this.#output.last, "completed");
    const item = place === "begins" ? this.#output.begin(delta) : this.#output.last;
    if (place !== "nowhere" && item) this.#output.add(item, delta);
    return "";
  }

  finish({ reason }: Finish): string {
    this.#status = statusOf(reason);
    if (this.#output.items.length === 0) this.#output.begin(NOTHING);
    closeItem(this.#output.last, this.#status);
    return "";
  }

  end(usage: Usage): string {
    return JSON.stringify(this.#body(this.#status, this.#output.items, usage));
  }
}

/** The events of a stream, numbered from 0. Text and arguments take the short way: they come with every token. */
export class StreamRenderer implements Renderer {
  readonly #body: ReturnType<typeof bodyOf>;
  readonly #output: Output;
  #sequence = 0;
  #status: "completed" | "incomplete" = "completed";
  /** Of the item that is being told: a delta's event up to its number. */
  #deltaHead = "";

  constructor(job: Job, request: ResponsesRequest, facts: RenderFacts) {
    this.#body = bodyOf(job, request, facts);
    this.#output = new Output(facts, showsThoughts(request));
  }

  begin(): string {
    const response = this.#body("in_progress", [], undefined);
    return this.#event("response.created", { response }) + this.#event("response.in_progress", { response });
  }

  delta(delta: Delta): string {
    const place = this.#output.placeOf(delta);
    if (place === "nowhere") return "";
    const begun = place === "begins" ? this.#endItem("completed") + this.#beginItem(delta) : "";
    const item = this.#output.last;
    if (!item || delta.kind === "call" || delta.text === "") return begun;
    this.#output.add(item, delta);
    const logprobs = delta.kind === "said" ? `,"logprobs":${jsonLine(logprobsOf(delta.logprobs ?? []))}` : "";
    return `${begun}${this.#deltaHead}${this.#sequence++},"delta":${jsonText(delta.text)}${logprobs}}\n\n`;
  }

  finish({ reason }: Finish): string {
    this.#status = statusOf(reason);
    const empty = this.#output.items.length === 0 ? this.#beginItem(NOTHING) : "";
    return empty + this.#endItem(this.#status);
  }

  end(usage: Usage): string {
    const response = this.#body(this.#status, this.#output.items, usage);
    return this.#event(`response.${this.#status}`, { response });
  }

  #beginItem(delta: Delta): string {
    const item = this.#output.begin(delta);
    const added = this.#event("response.output_item.added", { output_index: this.#index, item: emptied(item) });
    switch (item.type) {
      case "reasoning": {
        this.#deltaHead = this.#headOf("response.reasoning_summary_text.delta", item.id, ',"summary_index":0');
        return added + this.#partEvent("response.reasoning_summary_part.added", item);
      }
      case "message":
        this.#deltaHead = this.#headOf("response.output_text.delta", item.id, ',"content_index":0');
        return added + this.#partEvent("response.content_part.added", item);
      case "function_call":
        this.#deltaHead = this.#headOf("response.function_call_arguments.delta", item.id, "");
        return added;
    }
  }

  #endItem(status: "completed" | "incomplete"): string {
    const item = this.#output.last;
    if (!item) return "";
    closeItem(item, status);
    const at = { item_id: item.id, output_index: this.#index };
    const done = (): string => this.#event("response.output_item.done", { output_index: this.#index, item });
    switch (item.type) {
      case "reasoning": {
        const text = item.summary[0]?.text ?? "";
        return (
          this.#event("response.reasoning_summary_text.done", { ...at, summary_index: 0, text }) +
          this.#partEvent("response.reasoning_summary_part.done", item) +
          done()
        );
      }
      case "message": {
        const { text = "", logprobs = [] } = item.content[0] ?? {};
        return (
          this.#event("response.output_text.done", { ...at, content_index: 0, text, logprobs }) +
          this.#partEvent("response.content_part.done", item) +
          done()
        );
      }
      case "function_call": {
        const { arguments: text, name } = item;
        return this.#event("response.function_call_arguments.done", { ...at, name, arguments: text }) + done();
      }
    }
  }

  #partEvent(type: string, item: Extract<Item, { type: "reasoning" | "message" }>): string {
    const at = { item_id: item.id, output_index: this.#index };
    return item.type === "reasoning"
      ? this.#event(type, { ...at, summary_index: 0, part: item.summary[0] })
      : this.#event(type, { ...at, content_index: 0, part: item.content[0] });
  }

  get #index(): number {
    return this.#output.items.length - 1;
  }

  #headOf(type: string, itemId: string, more: string): string {
    return `event: ${type}\ndata: {"type":"${type}","item_id":${jsonText(itemId)},"output_index":${this.#index}${more},"sequence_number":`;
  }

  #event(type: string, fields: object): string {
    return `event: ${type}\ndata: ${jsonLine({ type, sequence_number: this.#sequence++, ...fields })}\n\n`;
  }
}

/** An item as it is when nothing of it was told. */
function emptied(item: Item): object {
  if (item.type === "reasoning") return { ...item, summary: [] };
  return item.type === "message" ? { ...item, content: [] } : item;
}

function closeItem(item: Item | undefined, status: "completed" | "incomplete"): void {
  if (item && item.type !== "reasoning") item.status = status;
}

const showsThoughts = ({ reasoning }: ResponsesRequest): boolean => typeof reasoning?.summary === "string";

const logprobsOf = (tokens: readonly TokenLogprob[]) =>
  tokens.map(({ text, bytes, logprob, top }) => ({
    token: text,
    logprob,
    bytes: [...bytes],
    top_logprobs: top.map((other) => ({ token: other.text, logprob: other.logprob, bytes: [...other.bytes] })),
  }));

const usageOf = (usage: Usage): ResponsesUsage => ({
  input_tokens: usage.promptTokens,
  input_tokens_details: { cached_tokens: usage.cachedTokens, cache_write_tokens: 0 },
  output_tokens: usage.completionTokens,
  output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  total_tokens: usage.promptTokens + usage.completionTokens,
});
