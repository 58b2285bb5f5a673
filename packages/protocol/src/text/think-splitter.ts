import type { TextDelta } from "../dialects/dialect.ts";

const tags = ["<think>", "</think>"];
const anyTag = /<(?<close>\/?)think>/i;
const TAG_CHARS_MAX = 8;
/** From this length on, what an answer breaks off with is half a tag; `<`, `</` and `<t` may be text. */
const HALF_TAG_CHARS_MIN = 3;

/**
 * Splits a model's text, as it comes, into what is thought (`<think>…</think>`) and what is said.
 *
 * - Tags are found in any case and across any chunk borders. Several blocks and an unterminated one
 *   are fine; a closing tag without an opening one, or a second opening one, is dropped.
 * - White space right after a closing tag, and before the first visible text, is dropped.
 * - Only what may be the beginning of a tag is held back.
 * - The pieces of either kind, joined, never hold a tag: half a tag that runs into a tag goes with it,
 *   or `<thi<think></think>nk>` would spell one.
 */
export class ThinkSplitter {
  #thinking: boolean;
  /** Held back: the beginning of a tag, at the end of what has come. */
  #half = "";
  /** Held back too: half tags that run into it. Kept apart, so that a long run is not read again. */
  #debris = "";
  #trimming = true;

  /** @param options.startsThinking the chat template has opened the block already, in the prompt */
  constructor(options: { readonly startsThinking?: boolean } = {}) {
    this.#thinking = options.startsThinking ?? false;
  }

  get thinking(): boolean {
    return this.#thinking;
  }

  /** What is held back, in UTF-16 units. */
  get heldUnits(): number {
    return this.#debris.length + this.#half.length;
  }

  push(text: string): TextDelta[] {
    const deltas: TextDelta[] = [];
    let rest = this.#half + text;
    for (let tag = anyTag.exec(rest); tag; tag = anyTag.exec(rest)) {
      this.#addBefore(deltas, rest, startOfHalfTags(rest, tag.index));
      this.#debris = "";
      rest = rest.slice(tag.index + tag[0].length);
      this.#thinking = tag.groups?.["close"] === "";
      if (!this.#thinking) this.#trimming = true;
    }
    const held = startOfHalfTags(rest, rest.length);
    this.#addBefore(deltas, rest, held);
    const half = held < rest.length ? rest.lastIndexOf("<") : held;
    this.#debris += rest.slice(held, half);
    this.#half = rest.slice(half);
    return deltas;
  }

  /** The model has ended. A single `<` that was held back is text after all; half a tag is not. */
  end(): TextDelta[] {
    const deltas: TextDelta[] = [];
    if (this.#half.length < HALF_TAG_CHARS_MIN) this.#add(deltas, this.#debris + this.#half);
    this.#debris = this.#half = "";
    return deltas;
  }

  /** Lets out what comes before `end`, if anything does, and the debris before that, which was text. */
  #addBefore(deltas: TextDelta[], text: string, end: number): void {
    if (end === 0) return;
    this.#add(deltas, this.#debris + text.slice(0, end));
    this.#debris = "";
  }

  #add(deltas: TextDelta[], text: string): void {
    const kind = this.#thinking ? "thought" : "said";
    const kept = !this.#thinking && this.#trimming ? text.trimStart() : text;
    if (kept === "") return;
    if (kind === "said") this.#trimming = false;
    const last = deltas.at(-1);
    if (last?.kind === kind) deltas[deltas.length - 1] = { kind, text: last.text + kept };
    else deltas.push({ kind, text: kept });
  }
}

/** Where the run of half tags starts that ends at `end`; `end` itself if there is none. */
function startOfHalfTags(text: string, end: number): number {
  let start = end;
  while (start > 0) {
    const at = text.lastIndexOf("<", start - 1);
    if (at < 0 || start - at >= TAG_CHARS_MAX) break;
    const half = text.slice(at, start).toLowerCase();
    if (!tags.some((tag) => half.length < tag.length && tag.startsWith(half))) break;
    start = at;
  }
  return start;
}
