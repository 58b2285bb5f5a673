/** What a decoder writes for bytes that are not, or not yet, a character. */
const REPLACEMENT = "\uFFFD";
/** A character that is not whole has at most three bytes, each of which may be written as one replacement. */
const REPLACEMENTS_HELD_MAX = 3;
/** Tokens that are decoded again because none of them has ended with a character. Only noise goes on for longer. */
const WAITING_TOKENS_MAX = 32;
/** Earlier tokens that a decoder may need, to know whether a leading space belongs to a word. */
const CONTEXT_TOKENS = 4;

/** Tokens in, whole characters out. Only what may still become a character is held back. */
export class TokenText<Token> {
  readonly #decode: (tokens: readonly Token[], before: readonly Token[]) => string;
  #before: readonly Token[];
  #waiting: Token[] = [];
  /** What of the waiting tokens is out already, in UTF-16 units. */
  #outUnits = 0;

  /** @param before the end of what was read already */
  constructor(decode: (tokens: readonly Token[], before: readonly Token[]) => string, before: readonly Token[]) {
    this.#decode = decode;
    this.#before = before.slice(-CONTEXT_TOKENS);
  }

  push(token: Token): string {
    this.#waiting.push(token);
    const text = this.#decode(this.#waiting, this.#before);
    if (!text.endsWith(REPLACEMENT) || this.#waiting.length >= WAITING_TOKENS_MAX) return this.#all(text);
    let whole = text.length;
    while (text.length - whole < REPLACEMENTS_HELD_MAX && text.charAt(whole - 1) === REPLACEMENT) whole--;
    if (whole <= this.#outUnits) return "";
    const next = text.slice(this.#outUnits, whole);
    this.#outUnits = whole;
    return next;
  }

  /** The model has ended: what was held back will not become a character any more. */
  end(): string {
    return this.#waiting.length === 0 ? "" : this.#all(this.#decode(this.#waiting, this.#before));
  }

  #all(text: string): string {
    const rest = text.slice(this.#outUnits);
    this.#before = [...this.#before, ...this.#waiting].slice(-CONTEXT_TOKENS);
    this.#waiting = [];
    this.#outUnits = 0;
    return rest;
  }
}
