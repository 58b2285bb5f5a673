import type { Job, Message } from "@darkbloom/protocol";
import { Template } from "@huggingface/jinja";
import { EngineRefusal } from "./refusal.ts";
import { describedTool, takesTools, toolsInPlainWords, type ToolSyntax, toolSyntaxOf } from "./tool-syntax.ts";

/** A stretch of the rendered prompt: written by the template, or by whoever wrote the messages. */
export interface Stretch {
  readonly text: string;
  /** Control tokens in it are meant. */
  readonly trusted: boolean;
}

/** What is told to the model. */
export type Conversation = Pick<Job, "messages" | "tools" | "thinks">;

/** Stands around the number of a literal. From Unicode's private use area, so that no template writes it. */
const MARK = "\uE0F0";
/** A template may write JSON in ASCII only; then the marks in it come out escaped. */
const marked = new RegExp(`(?:${MARK}|\\\\ue0f0)(\\d+)(?:${MARK}|\\\\ue0f0)`);
const markedPlainly = new RegExp(`${MARK}(\\d+)${MARK}`);

/**
 * A model's own chat template (Jinja, from its GGUF file), kept apart from the text that fills it.
 *
 * Where a message, a tool or an argument spells a control token, as in `<|im_end|>`, the spelling is
 * taken out before rendering and put back afterwards as a stretch of its own, to be tokenized as plain
 * text. So a caller can write about control tokens, and cannot use them.
 *
 * A template without a place for tools is given them in plain words.
 */
export class ChatTemplate {
  /** How calls are written by a model with this template. */
  readonly toolSyntax: ToolSyntax;
  readonly #template: Template;
  readonly #takesTools: boolean;
  readonly #marked: RegExp;
  readonly #spellings: RegExp;
  readonly #facts: { readonly bos_token: string; readonly eos_token: string };

  /** @throws SyntaxError of the template's own */
  constructor(source: string, controlTokens: readonly string[], bosToken: string, eosToken: string) {
    this.#template = new Template(source);
    this.toolSyntax = toolSyntaxOf(source);
    this.#takesTools = takesTools(source);
    this.#marked = source.includes("ensure_ascii") ? marked : markedPlainly;
    // The longest first, so that a token which begins with another one is taken whole.
    const spellings = [MARK, ...controlTokens.toSorted((a, b) => b.length - a.length)];
    this.#spellings = new RegExp(spellings.map((spelling) => RegExp.escape(spelling)).join("|"), "g");
    this.#facts = { bos_token: bosToken, eos_token: eosToken };
  }

  /** @throws EngineRefusal where the template does not take these messages, e.g. two of one role in a row, or these tools */
  render(conversation: Conversation): Stretch[] {
    const literals: string[] = [];
    const aside = (literal: string) => `${MARK}${literals.push(literal) - 1}${MARK}`;
    const text = this.#rendered(conversation, (given) => given.replaceAll(this.#spellings, aside));
    // Every other part is the number between two marks.
    return text
      .split(this.#marked)
      .map((part, at) =>
        at % 2 === 0 ? { text: part, trusted: true } : { text: literals[Number(part)] ?? "", trusted: false },
      )
      .filter(({ text: part }) => part !== "");
  }

  #rendered({ messages, tools, thinks }: Conversation, aside: (text: string) => string): string {
    try {
      const told = this.#takesTools ? messages : toolsInPlainWords(messages, tools);
      return this.#template.render({
        messages: strings(filled(told), aside),
        ...(this.#takesTools && tools.length > 0 && { tools: strings(tools.map(describedTool), aside) }),
        ...(thinks !== undefined && { enable_thinking: thinks }),
        add_generation_prompt: true,
        ...this.#facts,
      });
    } catch {
      // The template's own words may quote a message, so they end here.
      throw new EngineRefusal(
        tools.length > 0 && this.#takes({ messages, tools: [] }) ? "tools_refused" : "messages_refused",
      );
    }
  }

  #takes(conversation: Conversation): boolean {
    try {
      this.#rendered(conversation, String);
      return true;
    } catch {
      return false;
    }
  }
}

/** The messages under the names that templates know. Templates ask whether a member is there, so none is empty. */
function filled(messages: readonly Message[]): unknown[] {
  const names = new Map(messages.flatMap(({ toolCalls = [] }) => toolCalls.map(({ id, name }) => [id, name])));
  return messages.map(({ role, text, toolCalls = [], thought, callId }) => ({
    role,
    content: text,
    ...(thought !== undefined && { reasoning_content: thought }),
    ...(toolCalls.length > 0 && {
      tool_calls: toolCalls.map(({ id, name, arguments: args }) => ({
        id,
        type: "function",
        function: { name, arguments: JSON.parse(args) as unknown },
      })),
    }),
    ...(callId !== undefined && { tool_call_id: callId, ...(names.has(callId) && { name: names.get(callId) }) }),
  }));
}

/** The same value with each of its strings changed, the names of its members too. */
function strings(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((item) => strings(item, change));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [change(name), strings(member, change)]));
}
