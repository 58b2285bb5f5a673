import { anyObject, type Message, type Tool } from "@darkbloom/protocol";
import type { Abilities, CallAbilities, CallIds, ThinkingSwitch, ThoughtAbilities } from "./abilities.ts";
import { TemplateError } from "./jinja/errors.ts";
import type { JinjaTemplate } from "./jinja/template.ts";
import type { Value } from "./jinja/values.ts";
import { commonStart, learnedSyntax, type TriedCall } from "./learned-calls.ts";
import { bareCalls, syntaxToldBy, type ToolSyntax } from "./tool-syntax.ts";
import { closedTag, inOrder, shows, withoutThought } from "./tried-text.ts";
import { messageValues, type Telling, toolValue } from "./values.ts";

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

const system = (text: string): Message => ({ role: "system", text });
const user = (text: string): Message => ({ role: "user", text });
const says = (text: string): Message => ({ role: "assistant", text });

/** Words that no template has, each in its place. */
const mark = {
  system: "qzsystem",
  later: "qzlater",
  user: "qzuser",
  again: "qzagain",
  said: "qzsaid",
  thought: "qzthought",
  result: "qzresult",
  other: "qzother",
} as const;

const tool = (name: string): Tool => ({
  name,
  description: "qzdescribed",
  parameters: { type: "object", properties: { qzkeya: { type: "string" }, qzkeyb: { type: "integer" } } },
  schema: anyObject,
});
const tools = [tool("qztoola"), tool("qztoolb")];
const idsTried: readonly CallIds[] = ["any", "nine", "named"];

const triedCalls = (ids: CallIds): readonly [TriedCall, TriedCall] => [
  {
    id: ids === "any" ? "qzida" : ids === "nine" ? "call00000" : "functions.qztoola:0",
    name: "qztoola",
    arguments: [
      ["qzkeya", "qzvala"],
      ["qzkeyb", 7],
    ],
  },
  {
    id: ids === "any" ? "qzidb" : ids === "nine" ? "call00001" : "functions.qztoolb:1",
    name: "qztoolb",
    arguments: [
      ["qzkeya", "qzvalb"],
      ["qzkeyb", 8],
    ],
  },
];
const calls = [
  { id: "qzida", name: "qztoola", arguments: '{"qzkeya": "qzvala", "qzkeyb": 7}' },
  { id: "qzidb", name: "qztoolb", arguments: '{"qzkeya": "qzvalb", "qzkeyb": 8}' },
] as const;
const results: readonly [Message, Message] = [
  { role: "tool", text: mark.result, callId: "qzida" },
  { role: "tool", text: mark.other, callId: "qzidb" },
];

const plain: Telling = { content: "text", arguments: "object", ids: "any", emptyText: "empty" };
/** What each prompt is given by us; all else that a template reads is a setting. */
const ours = new Set(["messages", "tools", "add_generation_prompt", "bos_token", "eos_token"]);
/** Names of templates under which a message's thought is told. */
const thoughtNames = ["reasoning_content", "reasoning", "thinking", "thought"];
const thinkTags = { open: "<think>", close: "</think>" };
const aTag = /(?:<[^<>\s]{1,40}>|\[[A-Z_]{1,40}\])/;

/** Tries a template with marked texts, and keeps what came out. @throws TemplateRefusal with the reason */
export function probed(template: JinjaTemplate, source: string, facts: TemplateFacts): Abilities {
  const tries = new Tries(template, facts);
  const content = tries.content();
  const telling = { ...plain, content };
  const takes = (messages: readonly Message[], ...marks: readonly string[]) =>
    tries.shows(messages, telling, ...marks) !== undefined;
  const opening = tries.rendered([user(mark.user)], { telling, begins: true }) ?? "";
  const alternates = !takes([user(mark.user), user(mark.again)], mark.user, mark.again);
  const first = takes([system(mark.system), user(mark.user)], mark.system, mark.user);
  const later = takes(
    [system(mark.system), user(mark.user), says(mark.said), system(mark.later), user(mark.again)],
    mark.system,
    mark.user,
    mark.said,
    mark.later,
    mark.again,
  );
  const both = takes([system(mark.system), system(mark.later), user(mark.user)], mark.system, mark.later, mark.user);
  const thoughts = tries.thoughts(telling, opening, source);
  const speech = tries.speech(telling, opening, thoughts);
  const found = tries.calls({ ...telling, thoughtAs: thoughts.toldAs }, source, thoughts, speech);
  return {
    system: first ? (later && both ? "anywhere" : "first") : "nowhere",
    turns: alternates ? "alternating" : "free",
    assistantMayBegin: takes([says(mark.said), user(mark.user)], mark.said, mark.user),
    content,
    ...found,
    thoughts: {
      ...thoughts,
      close: thoughts.close.slice(0, thoughts.close.length - overlapAtEnd(thoughts.close, speech)),
    },
    speech,
    continues: takes([user(mark.user), says(mark.said)], mark.user, mark.said),
    settings: [...template.free].filter((name) => !ours.has(name)),
  };
}

const overlapAtEnd = (text: string, end: string): number => (end !== "" && text.endsWith(end) ? end.length : 0);

interface How {
  readonly telling: Telling;
  readonly tools?: readonly Tool[];
  /** With what makes the model begin its reply. */
  readonly begins?: boolean;
  readonly settings?: readonly (readonly [string, Value])[];
}

class Tries {
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
    { telling, tools: offered = [], begins = false, settings = [] }: How,
  ): string | undefined {
    try {
      return this.#template.render(
        [
          ["messages", messageValues(messages, telling, String)],
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
    const opened = /(?:<(?<name>[\w:|]{1,40})>|\[THINK\])\s*$/i.exec(opening);
    const opens = opened !== null && /think|reason/i.test(opened[0]);
    const tags = opens ? closedTag(opened[0].trim()) : thinkTags;
    return { ...tags, asTokens: asTokens(tags), known: opens || source.includes(tags.close), ...found };
  }

  /** A setting that changes how the reply begins, of those that speak of thinking. */
  #switch(telling: Telling, opening: string): { readonly switch?: ThinkingSwitch } {
    for (const name of this.#template.free) {
      if (!/think|reason/i.test(name)) continue;
      const by = (value: Value) =>
        this.rendered([user(mark.user)], { telling, begins: true, settings: [[name, value]] });
      for (const [on, off] of [
        [true, false],
        ["high", "none"],
        ["on", "off"],
      ] as const) {
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

  calls(
    telling: Telling,
    source: string,
    thoughts: ThoughtAbilities,
    speech: string,
  ): Pick<Abilities, "tools" | "calls" | "toolSyntax"> {
    const none: CallAbilities = {
      told: "as_text",
      perTurn: "many",
      arguments: "text",
      ids: "any",
      textBeside: true,
      userAfterResult: true,
      emptyText: "empty",
    };
    const told = this.rendered([user(mark.user)], { telling, tools, begins: true });
    const isNative = told !== undefined && ["qztoola", "qzkeya"].every((name) => told.includes(name));
    if (!isNative) return { tools: "plain_words", calls: none, toolSyntax: bareCalls };
    for (const ids of idsTried)
      for (const emptyText of ["empty", "null"] as const)
        for (const args of ["object", "text"] as const) {
          const tried: Telling = { ...telling, ids, emptyText, arguments: args };
          const found = this.#callsTold(tried, told, thoughts, speech, args);
          if (found) return { tools: "native", ...found, toolSyntax: found.toolSyntax ?? syntaxToldBy(source) };
        }
    return { tools: "native", calls: none, toolSyntax: syntaxToldBy(source) };
  }

  #callsTold(
    telling: Telling,
    opening: string,
    thoughts: ThoughtAbilities,
    speech: string,
    args: "object" | "text",
  ): { readonly calls: CallAbilities; readonly toolSyntax: ToolSyntax | undefined } | undefined {
    const render = (...messages: readonly Message[]) =>
      this.rendered([user(mark.user), ...messages], { telling, tools, begins: messages.at(-1)?.role === "tool" });
    const call = (count: 1 | 2, text = ""): Message => ({ role: "assistant", text, toolCalls: calls.slice(0, count) });
    const [tried, other] = triedCalls(telling.ids);
    // Tools are told before: the call is looked for behind the user's words or behind the tools.
    const behind = (text: string | undefined) => text?.slice(commonStart(text, opening).length);
    const ended = behind(render(call(1)));
    const answered = behind(render(call(1), results[0]));
    const shown = answered ?? ended;
    if (shown === undefined || !shows(shown, tried, args)) return undefined;
    const many = behind(render(call(2), ...results));
    const perTurn = many !== undefined && shows(many, tried, args) && shows(many, other, args) ? "many" : "one";
    const beside = behind(render(call(1, mark.said), results[0]));
    const after = render(call(1), results[0], user(mark.again));
    const isAnswered =
      answered?.includes(mark.result) === true && (perTurn === "one" || many?.includes(mark.other) === true);
    if (!isAnswered) return undefined;
    return {
      calls: {
        told: "natively",
        perTurn,
        arguments: args,
        ids: telling.ids,
        textBeside: beside?.includes(mark.said) === true,
        userAfterResult: after?.includes(mark.again) === true,
        emptyText: telling.emptyText,
      },
      toolSyntax: this.#syntax(render, call, perTurn === "many", opening, thoughts, speech, [tried, other]),
    };
  }

  #syntax(
    render: (...messages: readonly Message[]) => string | undefined,
    call: (count: 1 | 2) => Message,
    takesTwo: boolean,
    opening: string,
    thoughts: ThoughtAbilities,
    speech: string,
    tried: readonly [TriedCall, TriedCall],
  ): ToolSyntax | undefined {
    const said = render(says(mark.said));
    const ending = said?.slice(said.indexOf(mark.said) + mark.said.length) ?? "";
    const turn = (text: string | undefined): string | undefined => {
      if (text === undefined) return undefined;
      const reply = withoutThought(text.slice(commonStart(text, opening).length), thoughts);
      const spoken =
        speech !== "" && reply.trimStart().startsWith(speech) ? reply.trimStart().slice(speech.length) : reply;
      return this.#withoutEnding(spoken, ending);
    };
    const one = turn(render(call(1)));
    return one === undefined ? undefined : learnedSyntax(one, takesTwo ? turn(render(call(2))) : undefined, tried);
  }

  /** The end of a turn is a token and no text. */
  #withoutEnding(text: string, ending: string): string {
    if (ending !== "" && text.endsWith(ending)) return text.slice(0, -ending.length);
    const trimmed = text.trimEnd();
    const { eosToken, controlTokens } = this.#facts;
    const token = [
      eosToken,
      ending.trim(),
      ...controlTokens.filter((one) => /eo[mst]|call|end|return/i.test(one)),
    ].find((one) => one !== "" && trimmed.endsWith(one) && !/tool|action/i.test(one));
    return token === undefined ? text : trimmed.slice(0, -token.length);
  }
}
