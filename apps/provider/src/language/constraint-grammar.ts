import type { Constraint } from "./constraint.ts";
import { grammarOf, grammarOfCallBody, grammarOfCalls } from "./gbnf.ts";
import type { ReplyForm } from "./reply.ts";
import { bareCalls } from "./tool-syntax.ts";

/** A grammar in llama.cpp's GBNF, and the rule that it begins with. */
export interface ReplyGrammar {
  readonly grammar: string;
  readonly rootRuleName: string;
}

/** White space that a model may write between its thoughts and its answer. */
const SPACES_MAX = 4;
/** Our rules stand beside those of the constraint itself, whose first one is `root`. */
const own = (name: string) => `engine-${name}`;

/**
 * All that a model may write in one reply, from its first token on: thoughts that the template opened, free
 * text as far as it is allowed, and the constrained part. As one grammar it needs nobody to watch for the
 * place where the constraint begins, wherever the tokens' borders lie.
 */
export function replyGrammar(constraint: Constraint, prompt: ReplyForm): ReplyGrammar {
  const answer = answerGrammar(constraint, prompt);
  if (!prompt.opensThinking) return answer;
  const thought = own("thought");
  const spaced = own("spaced");
  return {
    grammar: [
      answer.grammar,
      `${spaced} ::= [ \\t\\r\\n]{0,${SPACES_MAX}} ${answer.rootRuleName}`,
      // Free text may end in the thoughts; an answer that is owed may not be forgotten over them.
      ...untilWritten("</think>", thought, spaced, constraint.kind === "calls_if_any"),
    ].join("\n"),
    rootRuleName: `${thought}-0`,
  };
}

function answerGrammar(constraint: Constraint, { toolSyntax = bareCalls }: ReplyForm): ReplyGrammar {
  const root = "root";
  switch (constraint.kind) {
    case "json":
      return { grammar: grammarOf(constraint.schema), rootRuleName: root };
    case "calls":
      return { grammar: grammarOfCalls(constraint.tools, toolSyntax, constraint.many), rootRuleName: root };
    case "calls_if_any": {
      const body = grammarOfCallBody(constraint.tools, toolSyntax, constraint.many);
      const text = own("text");
      if (toolSyntax.open === "") {
        const rule = `${text} ::= [ \\t\\r\\n]{0,${SPACES_MAX}} (${root} | [^{ \\t\\r\\n] .*)?`;
        return { grammar: `${body}\n${rule}`, rootRuleName: text };
      }
      // A model that has written the tag is calling, whatever white space it would have put behind it.
      const tag = toolSyntax.open.trimEnd();
      const begun = own("begun");
      const rule = `${begun} ::= ${literal(toolSyntax.open.slice(tag.length))} ${root}`;
      const rules = [body, rule, ...untilWritten(tag, text, begun, true)];
      return { grammar: rules.join("\n"), rootRuleName: `${text}-0` };
    }
  }
}

/**
 * Rules for any text up to and with the first `tag`, then `next`. Rule `name-i` stands where the last `i`
 * characters are the tag's first ones, so that no tag is overlooked.
 *
 * @param mayEnd the text may also end without the tag
 */
function untilWritten(tag: string, name: string, next: string, mayEnd: boolean): string[] {
  const known = [...new Set(tag)];
  return Array.from(tag, (_, written) => {
    const steps = known.map((character) => {
      const reached = overlap(tag.slice(0, written) + character, tag);
      return `[${escaped(character)}] ${reached === tag.length ? next : `${name}-${reached}`}`;
    });
    const other = `[^${known.map(escaped).join("")}] ${name}-0`;
    return `${name}-${written} ::= ${[...steps, other, ...(mayEnd ? ['""'] : [])].join(" | ")}`;
  });
}

/** How many of the tag's first characters the text ends with. */
function overlap(text: string, tag: string): number {
  let length = Math.min(text.length, tag.length);
  while (!text.endsWith(tag.slice(0, length))) length--;
  return length;
}

const literal = (text: string): string => (text === "" ? "" : `"${Array.from(text, escaped).join("")}"`);

/** Means the character itself, in a class and in a literal alike. */
const escaped = (character: string): string =>
  `\\U${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(8, "0")}`;
