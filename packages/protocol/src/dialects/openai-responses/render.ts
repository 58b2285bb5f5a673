import type { Usage } from "../../money.ts";
import type { Delta, Finish, FinishReason, RenderFacts, Renderer } from "../dialect.ts";
import type { Job } from "../job.ts";
import { jsonLine, jsonText } from "../json-text.ts";
import { bodyOf, endingOf } from "./body.ts";
import { closeItem, emptied, type Ending, type Item, logprobsOf, NOTHING, Output } from "./output.ts";
import type { ResponsesRequest } from "./request-schema.ts";
import type { ResponsesTools } from "./tools.ts";

/** One body, which comes out whole at the end. */
export class PlainRenderer implements Renderer {
  readonly #body: ReturnType<typeof bodyOf>;
  readonly #output: Output;
  #reason: FinishReason = "stop";

  constructor(job: Job, request: ResponsesRequest, tools: ResponsesTools, facts: RenderFacts) {
    this.#body = bodyOf(job, request, tools, facts);
    this.#output = new Output(facts, showsThoughts(request), tools.named);
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
    this.#reason = reason;
    if (this.#output.items.length === 0) this.#output.begin(NOTHING);
    closeItem(this.#output.last, endingOf(reason));
    return "";
  }

  end(usage: Usage): string {
    return JSON.stringify(this.#body(this.#reason, this.#output.items, usage));
  }
}

/** The events of a stream, numbered from 0. Text and arguments take the short way: they come with every token. */
export class StreamRenderer implements Renderer {
  readonly #body: ReturnType<typeof bodyOf>;
  readonly #output: Output;
  #sequence = 0;
  #reason: FinishReason = "stop";
  readonly #framing: Framing;
  /** Of the item that is being told: a delta's event up to its number. */
  #deltaHead = "";
  /** The same of the second event that each piece of thinking has. */
  #secondHead = "";

  constructor(
    job: Job,
    request: ResponsesRequest,
    tools: ResponsesTools,
    facts: RenderFacts,
    previousId: string | null = null,
  ) {
    this.#framing = job.asLines ? asLines : asEvents;
    this.#body = bodyOf(job, request, tools, facts, previousId);
    this.#output = new Output(facts, showsThoughts(request), tools.named);
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
    if (!item || delta.kind === "call" || (delta.kind === "arguments" && delta.text === "")) return begun;
    const text = this.#output.add(item, delta);
    if (text === "" && delta.kind === "arguments") return begun;
    const { deltaTail, plainTail } = this.#framing;
    const logprobs = delta.kind === "said" ? delta.logprobs : undefined;
    const tail = logprobs ? `,"logprobs":${jsonLine(logprobsOf(logprobs))}${deltaTail}` : undefined;
    const told = `,"delta":${jsonText(text)}${tail ?? (delta.kind === "said" ? plainTail : deltaTail)}`;
    const events = begun + this.#deltaHead + this.#sequence++ + told;
    return delta.kind === "thought" ? events + this.#secondHead + this.#sequence++ + told : events;
  }

  finish({ reason }: Finish): string {
    this.#reason = reason;
    const empty = this.#output.items.length === 0 ? this.#beginItem(NOTHING) : "";
    return empty + this.#endItem(endingOf(reason));
  }

  end(usage: Usage): string {
    const response = this.#body(this.#reason, this.#output.items, usage);
    return this.#event(`response.${endingOf(this.#reason)}`, { response });
  }

  #beginItem(delta: Delta): string {
    const item = this.#output.begin(delta);
    const added = this.#event("response.output_item.added", { output_index: this.#index, item: emptied(item) });
    switch (item.type) {
      case "reasoning": {
        this.#deltaHead = this.#headOf("response.reasoning_summary_text.delta", item.id, ',"summary_index":0');
        this.#secondHead = this.#headOf("response.reasoning_text.delta", item.id, ',"content_index":0');
        return (
          added +
          this.#summaryEvent("response.reasoning_summary_part.added", item) +
          this.#partEvent("response.content_part.added", item)
        );
      }
      case "message":
        this.#deltaHead = this.#headOf("response.output_text.delta", item.id, ',"content_index":0');
        return added + this.#partEvent("response.content_part.added", item);
      case "function_call":
        this.#deltaHead = this.#headOf("response.function_call_arguments.delta", item.id, "");
        return added;
      case "custom_tool_call":
        this.#deltaHead = this.#headOf("response.custom_tool_call_input.delta", item.id, "");
        return added;
    }
  }

  #endItem(ending: Ending): string {
    const item = this.#output.last;
    if (!item) return "";
    closeItem(item, ending);
    const at = { item_id: item.id, output_index: this.#index };
    const done = (): string => this.#event("response.output_item.done", { output_index: this.#index, item });
    switch (item.type) {
      case "reasoning": {
        const text = item.summary[0]?.text ?? "";
        return (
          this.#event("response.reasoning_summary_text.done", { ...at, summary_index: 0, text }) +
          this.#summaryEvent("response.reasoning_summary_part.done", item) +
          this.#event("response.reasoning_text.done", { ...at, content_index: 0, text }) +
          this.#partEvent("response.content_part.done", item) +
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
        return this.#event("response.function_call_arguments.done", { ...at, arguments: item.arguments }) + done();
      }
      case "custom_tool_call":
        return this.#event("response.custom_tool_call_input.done", { ...at, input: item.input }) + done();
    }
  }

  #summaryEvent(type: string, item: Extract<Item, { type: "reasoning" }>): string {
    return this.#event(type, {
      item_id: item.id,
      output_index: this.#index,
      summary_index: 0,
      part: item.summary[0],
    });
  }

  #partEvent(type: string, item: Extract<Item, { type: "reasoning" | "message" }>): string {
    return this.#event(type, {
      item_id: item.id,
      output_index: this.#index,
      content_index: 0,
      part: item.content[0],
    });
  }

  get #index(): number {
    return this.#output.items.length - 1;
  }

  #headOf(type: string, itemId: string, more: string): string {
    return `${this.#framing.head(type)}{"type":"${type}","item_id":${jsonText(itemId)},"output_index":${this.#index}${more},"sequence_number":`;
  }

  #event(type: string, fields: object): string {
    const { head, end } = this.#framing;
    return `${head(type)}${jsonLine({ type, sequence_number: this.#sequence++, ...fields })}${end}`;
  }
}

const showsThoughts = ({ reasoning }: ResponsesRequest): boolean => typeof reasoning?.summary === "string";

/** What stands around an event's JSON; `deltaTail` and `plainTail` end the events that come with every token. */
interface Framing {
  readonly head: (type: string) => string;
  readonly end: string;
  readonly deltaTail: string;
  readonly plainTail: string;
}

const framed = (head: Framing["head"], end: string): Framing => ({
  head,
  end,
  deltaTail: `}${end}`,
  plainTail: `,"logprobs":[]}${end}`,
});

const asEvents = framed((type) => `event: ${type}\ndata: `, "\n\n");
const asLines = framed(() => "", "\n");
