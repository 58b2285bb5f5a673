import { pushAll } from "../../lists.ts";
import type { Delta, RenderFacts, TokenLogprob } from "../dialect.ts";
import type { OutputItem } from "./answer-schema.ts";

export type Item = OutputItem;

/** An item's end: whole, or cut off where the answer ended. */
export type Ending = "completed" | "incomplete";

/**
 * A response, item by item: reasoning where it was asked for, messages, function calls. The same fold
 * gives the plain body and the snapshot that ends a stream, so that the two cannot differ.
 */
export class Output {
  readonly items: Item[] = [];
  readonly #suffix: string;
  readonly #showsThoughts: boolean;

  constructor(facts: RenderFacts, showsThoughts: boolean) {
    this.#suffix = bareId(facts);
    this.#showsThoughts = showsThoughts;
  }

  /** The item that is being told. */
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
        if (delta.text === "" && !delta.logprobs?.length) return "nowhere";
        return this.last?.type === "message" ? "on" : "begins";
      case "call":
        return "begins";
      case "arguments":
        return "on";
    }
  }

  begin(delta: Delta): Item {
    const item = this.#newItem(delta, `${this.#suffix}_${this.items.length}`);
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
      if (delta.logprobs) pushAll(part.logprobs, logprobsOf(delta.logprobs));
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

/** What stands in for the answer of a model that said nothing. */
export const NOTHING: Delta = { kind: "said", text: "" };

/** Job ids carry a prefix; Responses has one of its own for each kind of thing. */
export const bareId = ({ jobId }: RenderFacts): string => jobId.replace(/^job_/, "");

/** An item as it is when nothing of it was told. */
export function emptied(item: Item): object {
  if (item.type === "reasoning") return { ...item, summary: [] };
  return item.type === "message" ? { ...item, content: [] } : item;
}

export function closeItem(item: Item | undefined, status: Ending): void {
  if (item && item.type !== "reasoning") item.status = status;
}

export const logprobsOf = (tokens: readonly TokenLogprob[]) =>
  tokens.map(({ text, bytes, logprob, top }) => ({
    token: text,
    logprob,
    bytes: [...bytes],
    top_logprobs: top.map((other) => ({ token: other.text, logprob: other.logprob, bytes: [...other.bytes] })),
  }));
