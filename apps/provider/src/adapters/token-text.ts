/** What a decoder writes for bytes that are not, or not yet, a character. */
const REPLACEMENT = "\uFFFD";
/** A character has at most four bytes, and a token at least one of them: more waiting tokens than this are no character. */
const WAITING_TOKENS_MAX = 4;
/** Earlier tokens that a decoder may need, to know whether a leading space belongs to a word. */
const CONTEXT_TOKENS = 4;

/** Tokens in, whole characters out. Only what may still become a character is held back. */
export class TokenText<Token> {
  readonly #decode: (tokens: readonly Token[], before: readonly Token[]) => string;
  #before: readonly Token[];
  #waiting: Token[] = [];

  /** @param before the end of what was read already */
  constructor(decode: (tokens: readonly Token[], before: readonly Token[]) => string, before: readonly Token[]) {
    this.#decode = decode;
    this.#before = before.slice(-CONTEXT_TOKENS);
  }

  push(token: Token): string {
    this.#waiting.push(token);
    const text = this.#decode(this.#waiting, this.#before);
    if (text.endsWith(REPLACEMENT) && this.#waiting.length < WAITING_TOKENS_MAX) return "";
    this.#taken();
    return text;
  }

  /** The model has ended: what was held back will not become a character any more. */
  end(): string {
    if (this.#waiting.length === 0) return "";
    const text = this.#decode(this.#waiting, this.#before);
    this.#taken();
    return text;
  }

  #taken(): void {
    this.#before = [...this.#before, ...this.#waiting].slice(-CONTEXT_TOKENS);
    this.#waiting = [];
  }
}
