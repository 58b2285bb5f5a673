import type { TextDelta } from "../dialects/dialect.ts";

export interface ThinkRules {
  readonly open: string;
  readonly close: string;
  /** The chat template has opened the block already, in the prompt. */
  readonly startsThinking: boolean;
  /** The tags are tokens of their own: the same characters from other tokens are text. */
  readonly asTokens: boolean;
}

/** From this length on, what an answer breaks off with is half a tag; `<`, `</` and `<t` may be text. */
const HALF_TAG_CHARS_MIN = 3;

/**
 * Splits a model's text, as it comes, into what is thought and what is said.
 *
 * - A tag counts as the model's own token, where it is one. Else it counts at the beginning of the reply
 *   alone, or right behind a thought, and where the template opened a thought: a text that mentions a tag
 *   is text. There it is found in any case and across any borders of chunks.
 * - An unterminated thought is fine. A closing tag that closes nothing is text; as a token it is dropped.
 * - White space at both ends of a thought is dropped, and so is that before the first visible text.
 * - Only what may be the beginning of a tag is held back.
 */
export class ThinkSplitter {
  readonly #rules: ThinkRules;
  #state: "start" | "thinking" | "said";
  /** Held back: the beginning of a tag, or white space before one. */
  #held = "";
  /** White space that a thought may end with. */
  #space = "";
  #thoughtBegan = false;
  #trimming = true;
  #mayReopen: boolean;
  readonly #closing: RegExp;

  constructor(rules: ThinkRules) {
    this.#rules = rules;
    this.#mayReopen = rules.startsThinking;
    this.#closing = new RegExp(RegExp.escape(rules.close), "i");
    this.#state = rules.startsThinking ? "thinking" : "start";
  }

  get thinking(): boolean {
    return this.#state === "thinking";
  }

  /** What is held back, in UTF-16 units. */
  get heldUnits(): number {
    return this.#held.length + this.#space.length;
  }

  /** @param special the text ends with one token that steers the model */
  push(text: string, special = false): TextDelta[] {
    const deltas: TextDelta[] = [];
    if (this.#rules.asTokens) this.#pushTokens(deltas, text, special);
    else this.#pushText(deltas, text);
    return deltas;
  }

  /** The model has ended. A single `<` that was held back is text after all; half a tag is not. */
  end(): TextDelta[] {
    const deltas: TextDelta[] = [];
    if (this.#held.length < HALF_TAG_CHARS_MIN) this.#add(deltas, this.#held);
    this.#held = this.#space = "";
    return deltas;
  }

  #pushTokens(deltas: TextDelta[], text: string, special: boolean): void {
    const { open, close } = this.#rules;
    const tag = special ? [open, close].find((one) => text.endsWith(one)) : undefined;
    this.#add(deltas, tag === undefined ? text : text.slice(0, -tag.length));
    if (tag === open) this.#think();
    else if (tag === close && this.thinking) this.#say();
  }

  #pushText(deltas: TextDelta[], text: string): void {
    let rest = this.#held + text;
    this.#held = "";
    while (rest !== "")
      switch (this.#state) {
        case "said":
          this.#add(deltas, rest);
          return;
        case "start": {
          const start = rest.trimStart();
          const { open } = this.#rules;
          if (startsWith(start, open)) {
            rest = start.slice(open.length);
            this.#think();
          } else if (start.length < open.length && startsWith(open, start)) {
            this.#held = start;
            return;
          } else this.#state = "said";
          break;
        }
        case "thinking": {
          const { close } = this.#rules;
          // Some models open again what the template has opened.
          if (this.#mayReopen && this.#reopened(rest)) return;
          rest = this.#mayReopen ? this.#withoutOpening(rest) : rest;
          const at = rest.search(this.#closing);
          if (at >= 0) {
            this.#add(deltas, rest.slice(0, at));
            rest = rest.slice(at + close.length);
            this.#say();
            break;
          }
          const half = halfAtEnd(rest, close);
          this.#add(deltas, rest.slice(0, rest.length - half));
          this.#held = rest.slice(rest.length - half);
          return;
        }
      }
  }

  /** Whether more must come to know; it is held back. */
  #reopened(rest: string): boolean {
    const start = rest.trimStart();
    const { open } = this.#rules;
    if (start.length >= open.length || !startsWith(open, start)) return false;
    this.#held = rest;
    return true;
  }

  #withoutOpening(rest: string): string {
    this.#mayReopen = false;
    const start = rest.trimStart();
    return startsWith(start, this.#rules.open) ? start.slice(this.#rules.open.length) : rest;
  }

  #think(): void {
    this.#state = "thinking";
    this.#space = "";
    this.#thoughtBegan = false;
  }

  #say(): void {
    this.#state = this.#rules.asTokens ? "said" : "start";
    this.#space = "";
    this.#trimming = true;
  }

  #add(deltas: TextDelta[], text: string): void {
    const kind = this.thinking ? "thought" : "said";
    let kept = text;
    if (this.thinking) {
      const spaced = this.#space + (this.#thoughtBegan ? text : text.trimStart());
      kept = spaced.trimEnd();
      this.#space = spaced.slice(kept.length);
      if (kept !== "") this.#thoughtBegan = true;
    } else if (this.#trimming) kept = text.trimStart();
    if (kept === "") return;
    if (kind === "said") this.#trimming = false;
    const last = deltas.at(-1);
    if (last?.kind === kind) deltas[deltas.length - 1] = { kind, text: last.text + kept };
    else deltas.push({ kind, text: kept });
  }
}

const startsWith = (text: string, start: string): boolean =>
  text.slice(0, start.length).toLowerCase() === start.toLowerCase();

function halfAtEnd(text: string, tag: string): number {
  for (let length = Math.min(tag.length - 1, text.length); length > 0; length--)
    if (text.slice(-length).toLowerCase() === tag.slice(0, length).toLowerCase()) return length;
  return 0;
}
