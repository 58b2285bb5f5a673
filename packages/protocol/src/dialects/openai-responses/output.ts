import { pushAll } from "../../lists.ts";
import type { Delta, RenderFacts, TokenLogprob } from "../dialect.ts";
import type { OutputItem } from "./answer-schema.ts";
import { CustomInput } from "./custom-input.ts";
import type { ToolName } from "./tools.ts";

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
  readonly #named: ReadonlyMap<string, ToolName>;
  /** Of the custom call that is being told. */
  #input = new CustomInput();

  constructor(facts: RenderFacts, showsThoughts: boolean, named: ReadonlyMap<string, ToolName>) {
    this.#suffix = bareId(facts);
    this.#showsThoughts = showsThoughts;
    this.#named = named;
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

  /** @returns what it adds to the item, as the caller is told it */
  add(item: Item, delta: Delta): string {
    if (item.type === "reasoning" && delta.kind === "thought") {
      for (const part of [...item.summary, ...item.content]) part.text += delta.text;
      return delta.text;
    }
    if (item.type === "message" && delta.kind === "said") {
      const [part] = item.content;
      if (part) part.text += delta.text;
      if (part && delta.logprobs) pushAll(part.logprobs, logprobsOf(delta.logprobs));
      return delta.text;
    }
    if (delta.kind !== "arguments") return "";
    if (item.type === "function_call") {
      item.arguments += delta.text;
      return delta.text;
    }
    if (item.type !== "custom_tool_call") return "";
    const text = this.#input.push(delta.text);
    item.input += text;
    return text;
  }

  #newItem(delta: Delta, suffix: string): Item {
    if (delta.kind === "thought")
      return {
        type: "reasoning",
        id: `rs_${suffix}`,
        summary: [{ type: "summary_text", text: "" }],
        content: [{ type: "reasoning_text", text: "" }],
      };
    if (delta.kind === "call") return this.#newCall(delta, suffix);
    return {
      type: "message",
      id: `msg_${suffix}`,
      status: "in_progress",
      role: "assistant",
      content: [{ type: "output_text", text: "", annotations: [], logprobs: [] }],
    };
  }

  #newCall({ id, name: told }: Extract<Delta, { kind: "call" }>, suffix: string): Item {
    const { kind, name, namespace } = this.#named.get(told) ?? { kind: "function", name: told };
    const call = { call_id: id, name, ...(namespace !== undefined && { namespace }) };
    if (kind === "function")
      return { type: "function_call", id: `fc_${suffix}`, ...call, arguments: "", status: "in_progress" };
    this.#input = new CustomInput();
    return { type: "custom_tool_call", id: `ctc_${suffix}`, ...call, input: "", status: "in_progress" };
  }
}

/** What stands in for the answer of a model that said nothing. */
export const NOTHING: Delta = { kind: "said", text: "" };

/** Job ids carry a prefix; Responses has one of its own for each kind of thing. */
export const bareId = ({ jobId }: RenderFacts): string => jobId.replace(/^job_/, "");

/** An item as it is when nothing of it was told. */
export function emptied(item: Item): object {
  if (item.type === "reasoning") return { ...item, summary: [], content: [] };
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
