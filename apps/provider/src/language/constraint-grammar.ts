import type { Tool } from "@darkbloom/protocol/dialects";
import type { Constraint } from "./constraint.ts";
import {
  grammarOf,
  grammarOfCallBody,
  grammarOfCalls,
  grammarOfCallsOrJson,
  grammarOfCallTails,
  grammarOfText,
} from "./gbnf.ts";
import { escaped, untilWritten } from "./gbnf-text.ts";
import { type Step, stepsOf } from "./head-steps.ts";
import type { ReplyForm } from "./reply.ts";
import { announced, bareCalls, type ToolSyntax } from "./tool-syntax.ts";

/** A grammar in llama.cpp's GBNF, and the rule that it begins with. */
export interface ReplyGrammar {
  readonly grammar: string;
  readonly rootRuleName: string;
}

/** White space that a model may write between its thoughts and its answer. */
const SPACES_MAX = 4;
const spaces = `[ \\t\\r\\n]{0,${SPACES_MAX}}`;
/** Our rules stand beside those of the constraint itself, whose first one is `root`. */
const own = (name: string) => `engine-${name}`;

/**
 * All that a model may write in one reply, from its first token on: thoughts, free text as far as it is
 * allowed, and the constrained part. As one grammar it needs nobody to watch for the place where the
 * constraint begins, wherever the tokens' borders lie.
 *
 * Thoughts are free: those that the template opened, and those that a model which thinks begins itself.
 */
export function replyGrammar(constraint: Constraint, form: ReplyForm): ReplyGrammar {
  const answer = answerGrammar(constraint, form);
  const { open = "<think>", close = "</think>", expected = false } = form.thought ?? {};
  if (!form.opensThinking && !expected) return answer;
  const [thought, spaced, reply] = [own("thought"), own("spaced"), own("reply")];
  // Free text may end in the thoughts; an answer that is owed may not be forgotten over them.
  const grammar = [
    answer.grammar,
    `${spaced} ::= ${spaces} ${speechOf(form)} ${answer.rootRuleName}`,
    ...untilWritten(close, thought, spaced, constraint.kind === "calls_if_any"),
  ];
  if (form.opensThinking) return { grammar: grammar.join("\n"), rootRuleName: `${thought}-0` };
  const begun = `${reply} ::= ${speechOf(form)} ${answer.rootRuleName} | ${spaces} ${literal(open)} ${thought}-0`;
  return { grammar: [...grammar, begun].join("\n"), rootRuleName: reply };
}

/** What stands before speech may stand before an answer too. */
const speechOf = ({ speech = "" }: ReplyForm): string => (speech === "" ? "" : `${literal(speech)}?`);

function answerGrammar(constraint: Constraint, { toolSyntax = bareCalls }: ReplyForm): ReplyGrammar {
  const root = "root";
  switch (constraint.kind) {
    case "json":
      return { grammar: grammarOf(constraint.schema), rootRuleName: root };
    case "text":
      return { grammar: grammarOfText(constraint.schema), rootRuleName: root };
    case "calls":
      return { grammar: grammarOfCalls(constraint.tools, toolSyntax, constraint.many), rootRuleName: root };
    case "calls_or_json": {
      const { tools, many, schema } = constraint;
      return { grammar: grammarOfCallsOrJson(tools, toolSyntax, many, schema), rootRuleName: root };
    }
    case "calls_if_any": {
      const { tag, rest, isBare } = announced(toolSyntax);
      if (isBare) return freeOrBare(constraint.tools, toolSyntax, constraint.many);
      const [text, begun] = [own("text"), own("begun")];
      const body = grammarOfCallBody(constraint.tools, toolSyntax, constraint.many);
      // A model that has written the tag is calling, whatever white space it would have put behind it.
      const rule = `${begun} ::= ${literal(rest)} ${root}`;
      return { grammar: [body, rule, ...untilWritten(tag, text, begun, true)].join("\n"), rootRuleName: `${text}-0` };
    }
  }
}

/**
 * Any text; but what begins as a call of one of the tools does, up to its arguments, goes on as one. An
 * answer that is another object may be written.
 */
function freeOrBare(tools: readonly Tool[], syntax: ToolSyntax, many: boolean): ReplyGrammar {
  const { grammar, tails } = grammarOfCallTails(tools, syntax, many);
  const rules: string[] = [];
  const free = own("free");
  const name = own("text");
  const { body, begin, open } = syntax;
  const heads = tools.map((tool, at) => {
    const isJson = body.kind === "object";
    const head = isJson ? body.head + tool.name + body.infix : tool.name + (body.kind === "python" ? "(" : body.infix);
    return { steps: stepsOf(begin + open + head, isJson), tail: tails[at] ?? "" };
  });
  let count = 0;
  /** A rule for the place that all these heads have come to. */
  const place = (at: readonly { readonly steps: readonly Step[]; readonly tail: string }[]): string => {
    const rule = `${name}-${count++}`;
    const isSpaced = count === 1 || at.some(({ steps }) => steps[0]?.kind === "space");
    const past = at.map(({ steps, tail }) => ({ tail, steps: steps.slice(leadingSpaces(steps)) }));
    const ended = past.filter(({ steps }) => steps.length === 0).map(({ tail }) => tail);
    const known = new Map<string, { readonly steps: readonly Step[]; readonly tail: string }[]>();
    for (const { steps, tail } of past) {
      const [first] = steps;
      if (first?.kind !== "char") continue;
      known.set(first.char, [...(known.get(first.char) ?? []), { steps: steps.slice(1), tail }]);
    }
    const chars = [...known.keys(), ...(ended.length > 0 ? ["{"] : [])];
    const others = `[^${chars.map(escaped).join("")}${isSpaced ? " \\t\\r\\n" : ""}] ${free}`;
    const ways = [
      ...(isSpaced ? [`[ \\t\\r\\n] ${rule}`] : []),
      ...[...known].map(([char, next]) => `[${escaped(char)}] ${place(next)}`),
      ...ended,
      others,
      '""',
    ];
    rules.push(`${rule} ::= ${ways.join(" | ")}`);
    return rule;
  };
  const rootRuleName = place(heads);
  return { grammar: [grammar, ...rules, `${free} ::= [^\\x00]*`].join("\n"), rootRuleName };
}

function leadingSpaces(steps: readonly Step[]): number {
  const at = steps.findIndex(({ kind }) => kind !== "space");
  return at < 0 ? steps.length : at;
}

const literal = (text: string): string => (text === "" ? "" : `"${Array.from(text, escaped).join("")}"`);
