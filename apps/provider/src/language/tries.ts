import type { Message, Tool } from "@darkbloom/protocol/dialects";
import type { Abilities, ThinkingSwitch, ThoughtAbilities } from "./abilities.ts";
import { TemplateError } from "./jinja/errors.ts";
import type { JinjaTemplate } from "./jinja/template.ts";
import type { Value } from "./jinja/values.ts";
import { mark, says, user } from "./marked-texts.ts";
import { aTag, closedTag, commonStart, inOrder, withoutThought } from "./tried-text.ts";
import { messageValues, type Telling, toolValue, valueOf } from "./values.ts";

export const plain: Telling = { content: "text", arguments: "object", ids: "any", emptyText: "empty" };
/** Names of templates under which a message's thought is told. */
const thoughtNames = ["reasoning_content", "reasoning", "thinking", "thought"];
const speaksOfThinking = /think|thought|reason/i;
const emptyThought =
  /(?<open><[^<>\s/]{1,40}>(?:thought)?|\[[A-Z_]{1,40}\])\s*(?<close><[^<>\s]{1,40}>|\[\/[A-Z_]{1,40}\])$/;
/** What a template may know as on and off. */
const switches = [
  [true, false],
  ["high", "none"],
  ["on", "off"],
] as const;
/** Tokens that may be thought: any number, or none. */
const budgets = [[-1, 0]] as const;
/** Of a model whose template names them and shows no thought. */
const bracketed = { open: "[THINK]", close: "[/THINK]" };
const thinkTags = { open: "<think>", close: "</think>" };

/** What of a model file shapes its prompts. */
export interface TemplateFacts {
  readonly bosToken: string;
  readonly eosToken: string;
  /** Spellings that steer the model. */
  readonly controlTokens: readonly string[];
}

/** Why a model's template cannot be worked with. */
export class TemplateRefusal extends Error {
  override readonly name = "TemplateRefusal";
}

export interface How {
  readonly telling: Telling;
  readonly tools?: readonly Tool[];
  /** With what makes the model begin its reply. */
  readonly begins?: boolean;
  readonly settings?: readonly (readonly [string, Value])[];
  /** Messages with calls that results among the others answer. */
  readonly answered?: readonly Message[];
}

export class Tries {
  readonly #template: JinjaTemplate;
  readonly #facts: TemplateFacts;
  /** The last reason why nothing was rendered. */
  #reason = "";

  constructor(template: JinjaTemplate, facts: TemplateFacts) {
    this.#template = template;
    this.#facts = facts;
  }

  rendered(
    messages: readonly Message[],
    { telling, tools: offered = [], begins = false, settings = [], answered = [] }: How,
  ): string | undefined {
    try {
      return this.#template.render(
        [
          ["messages", messageValues(messages, telling, String, [...messages, ...answered])],
          ...(offered.length > 0 ? [["tools", offered.map((one) => toolValue(one, String))] as const] : []),
          ["add_generation_prompt", begins],
          ["bos_token", this.#facts.bosToken],
          ["eos_token", this.#facts.eosToken],
          ...settings,
        ],
        0,
      );
    } catch (error) {
      // Whatever a template does wrong is known by its not having rendered.
      this.#reason = error instanceof TemplateError ? error.message : "it is nested too deep";
      if (error instanceof TemplateError && error.fault === "unsupported")
        throw new TemplateRefusal(`its chat template uses what is not known here: ${error.message}`, { cause: error });
      return undefined;
    }
  }

  /** The text, where all the marks are in it, in their order. */
  shows(messages: readonly Message[], telling: Telling, ...marks: readonly string[]): string | undefined {
    return inOrder(this.rendered(messages, { telling, begins: messages.at(-1)?.role !== "assistant" }), marks);
  }

  content(): Abilities["content"] {
    for (const content of ["text", "parts"] as const)
      if (this.shows([user(mark.user)], { ...plain, content }, mark.user) !== undefined) return content;
    const why = this.#reason === "" ? "it leaves the message out" : this.#reason;
    throw new TemplateRefusal(`its chat template cannot be told one user's message: ${why}`);
  }

  thoughts(telling: Telling, opening: string, source: string): ThoughtAbilities {
    const found = this.#switch(telling, opening);
    const asTokens = (tags: { readonly open: string; readonly close: string }) =>
      [tags.open, tags.close].every((tag) => this.#facts.controlTokens.includes(tag.trim()));
    for (const toldAs of thoughtNames) {
      const told = inOrder(
        this.rendered([user(mark.user), { ...says(mark.said), thought: mark.thought }], {
          telling: { ...telling, thoughtAs: toldAs },
        }),
        [mark.thought, mark.said],
      );
      if (told === undefined) continue;
      const begun = commonStart(told, opening).length;
      const at = told.indexOf(mark.thought);
      const close = told.slice(at + mark.thought.length, told.indexOf(mark.said));
      // Where the opening itself opens the thought, the tag is the last one before it.
      const before = told.slice(0, at).trimEnd();
      const last = [...before.matchAll(new RegExp(aTag, "g"))].at(-1);
      const lastTag = last && last.index + last[0].length === before.length ? last[0] : "";
      const open = told.slice(begun, at).trim() === "" ? lastTag : told.slice(begun, at);
      if (open.trim() === "" || close.trim() === "") continue;
      const tags = { open: open.trim(), close: close.trim() };
      return { ...tags, asTokens: asTokens(tags), known: true, toldAs, ...found };
    }
    // An empty thought, with which a reply begins that has none, shows both tags.
    const off = found.switch && this.#switched(telling, found.switch.name, found.switch.off);
    for (const begun of [opening, off ?? ""]) {
      const { open, close } = emptyThought.exec(begun.trimEnd())?.groups ?? {};
      if (open === undefined || close === undefined || !speaksOfThinking.test(open)) continue;
      const tags = { open, close };
      return { ...tags, asTokens: asTokens(tags), known: true, ...found };
    }
    const opened = /(?:<(?<name>[\w:|]{1,40})>|\[THINK\])\s*$/i.exec(opening);
    const opens = opened !== null && speaksOfThinking.test(opened[0]) && !/end/i.test(opened[0]);
    const named = source.includes("[/THINK]") ? bracketed : thinkTags;
    const tags = opens ? closedTag(opened[0].trim()) : named;
    return { ...tags, asTokens: asTokens(tags), known: opens || source.includes(tags.close), ...found };
  }

  #switched(telling: Telling, name: string, value: ThinkingSwitch["on"]): string | undefined {
    return this.rendered([user(mark.user)], { telling, begins: true, settings: [[name, valueOf(value)]] });
  }

  /** A setting that changes how the reply begins, of those that speak of thinking. */
  #switch(telling: Telling, opening: string): { readonly switch?: ThinkingSwitch } {
    for (const name of this.#template.free) {
      if (!speaksOfThinking.test(name)) continue;
      const by = (value: ThinkingSwitch["on"]) => this.#switched(telling, name, value);
      for (const [on, off] of name.includes("budget") ? budgets : switches) {
        const [yes, no] = [by(on), by(off)];
        if (yes !== undefined && no !== undefined && yes !== no && (yes === opening || no === opening || on === true))
          return { switch: { name, on, off } };
      }
    }
    return {};
  }

  /** What stands between the opening and what is said, but for an empty thought. */
  speech(telling: Telling, opening: string, thoughts: ThoughtAbilities): string {
    const said = this.shows([user(mark.user), says(mark.said)], telling, mark.user, mark.said);
    if (said === undefined) return "";
    const between = said.slice(commonStart(said, opening).length, said.indexOf(mark.said));
    return withoutThought(between, thoughts).trim();
  }
}
