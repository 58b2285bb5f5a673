import { endsBegun, type Job } from "@darkbloom/protocol/dialects";
import type { Abilities } from "./abilities.ts";
import { TemplateError } from "./jinja/errors.ts";
import { JinjaTemplate } from "./jinja/template.ts";
import { probed } from "./probe.ts";
import { type TemplateFacts, TemplateRefusal } from "./tries.ts";
import { EngineRefusal } from "./refusal.ts";
import type { ReplyForm } from "./reply.ts";
import { shaped } from "./shaped.ts";
import { literalsIn } from "./tool-syntax.ts";
import { changed, messageValues, type Telling, toolValue, valueOf } from "./values.ts";

/** A stretch of the rendered prompt: written by the template, or by whoever wrote the messages. */
export interface Stretch {
  readonly text: string;
  /** Control tokens in it are meant. */
  readonly trusted: boolean;
}

/** What is told to the model. */
export type Conversation = Pick<Job, "messages" | "tools" | "thinks" | "thinksOrRefuses" | "continues" | "settings">;

export interface Told {
  readonly stretches: readonly Stretch[];
  readonly form: ReplyForm;
}

/** Stands around the number of a literal. From Unicode's private use area, so that no template writes it. */
const MARK = "\uE0F0";
/** Stands where a text that is gone on with ends. */
const END_MARK = "\uE0F3";
/** A template may write JSON in ASCII only; then the marks in it come out escaped. */
const marked = new RegExp(`(?:${MARK}|\\\\ue0f0)(\\d+)(?:${MARK}|\\\\ue0f0)`);
const markedPlainly = new RegExp(`${MARK}(\\d+)${MARK}`);

interface Tried {
  readonly template: JinjaTemplate;
  readonly abilities: Abilities;
  readonly marked: RegExp;
}

/**
 * A model's own chat template (Jinja, from its GGUF file), kept apart from the text that fills it.
 *
 * Where a message, a tool or an argument spells a control token, as in `<|im_end|>`, the spelling is
 * taken out before rendering and put back afterwards as a stretch of its own, to be tokenized as plain
 * text. So a caller can write about control tokens, and cannot use them.
 *
 * What a template can be told was tried when it was loaded; a conversation is put into that form.
 */
export class ChatTemplate {
  readonly #plain: Tried;
  /** Some models have a template of their own for conversations with tools. */
  readonly #withTools: Tried;
  readonly #spellings: RegExp;
  readonly #facts: TemplateFacts;
  readonly #nowMs: () => number;

  /**
   * @param sources templates by their names: `default`, and `tool_use` where there is one
   * @throws TemplateRefusal with the reason why this model cannot be served
   */
  constructor(sources: Readonly<Record<string, string>>, facts: TemplateFacts, nowMs: () => number) {
    const { default: plain = "", tool_use: forTools } = sources;
    this.#facts = facts;
    this.#nowMs = nowMs;
    this.#plain = tried(plain, facts);
    this.#withTools = forTools === undefined ? this.#plain : tried(forTools, facts);
    // The longest first, so that a token which begins with another one is taken whole.
    const spellings = [MARK, END_MARK, ...facts.controlTokens.toSorted((a, b) => b.length - a.length)];
    this.#spellings = new RegExp(spellings.map((spelling) => RegExp.escape(spelling)).join("|"), "g");
  }

  /** Spellings of tokens that tell thoughts, speech and calls apart. */
  get steering(): readonly string[] {
    const literals = [this.#plain, this.#withTools].flatMap(({ abilities }) => literalsOf(abilities));
    return this.#facts.controlTokens.filter((token) => literals.some((literal) => literal.includes(token)));
  }

  /** Of the template that a conversation with tools is told by. */
  get abilities(): Abilities {
    return this.#withTools.abilities;
  }

  /** @throws EngineRefusal where the template does not take these messages, or these tools */
  render(conversation: Conversation): Told {
    const { messages, tools } = conversation;
    const isWithTools = tools.length > 0 || messages.some(({ toolCalls = [] }) => toolCalls.length > 0);
    const by = isWithTools ? this.#withTools : this.#plain;
    const literals: string[] = [];
    const aside = (text: string) =>
      text.replaceAll(this.#spellings, (literal) => `${MARK}${literals.push(literal) - 1}${MARK}`);
    const text = this.#rendered(by, conversation, aside);
    const stretches = text
      .split(by.marked)
      // Every other part is the number between two marks.
      .map((part, at) =>
        at % 2 === 0 ? { text: part, trusted: true } : { text: literals[Number(part)] ?? "", trusted: false },
      )
      .filter(({ text: part }) => part !== "");
    return { stretches, form: formOf(by.abilities, conversation, stretches) };
  }

  #rendered(by: Tried, conversation: Conversation, aside: (text: string) => string): string {
    const { tools, messages } = conversation;
    if (conversation.continues === true && !by.abilities.continues) throw new EngineRefusal("continuation_refused");
    if (conversation.thinksOrRefuses && !canThink(by.abilities, conversation))
      throw new EngineRefusal("thinking_refused");
    try {
      const text = this.#prompt(by, conversation, aside);
      if (!isContinued(conversation, by.abilities)) return text;
      const end = text.lastIndexOf(END_MARK);
      if (end >= 0) return text.slice(0, end);
    } catch (error) {
      // A template's own words may quote a message, so they end here. Any error is one of this conversation's.
      if (!(error instanceof TemplateError || error instanceof RangeError)) throw error;
    }
    throw new EngineRefusal(
      tools.length > 0 && this.#takes(by, { messages, tools: [] }) ? "tools_refused" : "messages_refused",
    );
  }

  #prompt({ template, abilities }: Tried, conversation: Conversation, aside: (text: string) => string) {
    const { messages, tools, thinks, settings = [] } = conversation;
    const { thoughts, calls } = abilities;
    const continued = isContinued(conversation, abilities);
    const told = shaped(messages, tools, abilities);
    const telling: Telling = {
      content: abilities.content,
      arguments: calls.arguments,
      ids: calls.ids,
      emptyText: calls.emptyText,
      thoughtAs: thoughts.toldAs,
    };
    const values = messageValues(
      continued ? told.map((one, at) => (at === told.length - 1 ? { ...one, text: one.text + END_MARK } : one)) : told,
      telling,
      (text) => (text.endsWith(END_MARK) && continued ? aside(text.slice(0, -1)) + END_MARK : aside(text)),
      messages,
    );
    return template.render(
      [
        ["messages", values],
        ...(abilities.tools === "native" && tools.length > 0
          ? [["tools", tools.map((tool) => toolValue(tool, aside))] as const]
          : []),
        ["add_generation_prompt", !continued],
        ["bos_token", this.#facts.bosToken],
        ["eos_token", this.#facts.eosToken],
        ...(thinks !== undefined && thoughts.switch
          ? [[thoughts.switch.name, valueOf(thinks ? thoughts.switch.on : thoughts.switch.off)] as const]
          : []),
        ...settings
          .filter(([name]) => abilities.settings.includes(name))
          .map(([name, value]) => [name, changed(valueOf(value), aside)] as const),
      ],
      this.#nowMs(),
    );
  }

  #takes(by: Tried, conversation: Conversation): boolean {
    try {
      this.#prompt(by, conversation, String);
      return true;
    } catch {
      return false;
    }
  }
}

const literalsOf = ({ thoughts, speech, toolSyntax }: Abilities): readonly string[] => [
  thoughts.open,
  thoughts.close,
  speech,
  ...literalsIn(toolSyntax),
];

function tried(source: string, facts: TemplateFacts): Tried {
  let template: JinjaTemplate;
  try {
    template = new JinjaTemplate(source);
  } catch (cause) {
    if (!(cause instanceof TemplateError)) throw cause;
    const why = cause.fault === "unsupported" ? "uses what is not known here" : "cannot be read";
    throw new TemplateRefusal(`its chat template ${why}: ${cause.message}`, { cause });
  }
  return {
    template,
    abilities: probed(template, source, facts),
    marked: source.includes("ensure_ascii") ? marked : markedPlainly,
  };
}

/** An assistant's message at the end is not answered but gone on with. */
const isContinued = (conversation: Pick<Conversation, "messages" | "continues">, { continues }: Abilities): boolean =>
  continues && conversation.continues !== false && endsBegun(conversation.messages);

/** It is told to think, or not to; or it does by itself what is asked for. */
const canThink = ({ thoughts }: Abilities, { thinks }: Conversation): boolean =>
  thoughts.switch !== undefined || thoughts.known === thinks;

function formOf(abilities: Abilities, conversation: Conversation, stretches: readonly Stretch[]): ReplyForm {
  const { tools, thinks } = conversation;
  const { open, close, asTokens, known } = abilities.thoughts;
  const last = stretches.at(-1);
  const ending = last?.trusted === true ? last.text.trimEnd() : "";
  const continues = isContinued(conversation, abilities);
  return {
    opensThinking: !continues && ending.toLowerCase().endsWith(open.toLowerCase()),
    ...(!continues && {
      thought: { open, close, asTokens, expected: known && thinks !== false && !ending.endsWith(close) },
    }),
    ...(abilities.speech !== "" && { speech: abilities.speech }),
    ...(tools.length > 0 && { toolSyntax: abilities.toolSyntax }),
    ...(continues && { continues }),
  };
}
