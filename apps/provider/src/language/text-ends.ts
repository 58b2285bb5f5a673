/** Where white space stands that may belong to a coming tag, or the tag itself in part; the length if nothing does. */
export function startOfHalf(text: string, tag: string): number {
  return text.slice(0, text.length - halfUnits(text, tag)).trimEnd().length;
}

/** How much of the text's end is the beginning of the tag, and not all of it. */
export function halfUnits(text: string, tag: string): number {
  for (let length = Math.min(tag.length - 1, text.length); length > 0; length--)
    if (text.endsWith(tag.slice(0, length))) return length;
  return 0;
}

/** Finds the end of one value with brackets, as JSON and Python have them, in text that comes in pieces. */
export class ValueScanner {
  #depth: number;
  #quote: string | undefined;
  #escaped = false;
  readonly #quotes: string;

  /** @param depth 1 where its opening bracket has been read @param quotes what texts stand between */
  constructor(depth = 0, quotes = '"') {
    this.#depth = depth;
    this.#quotes = quotes;
  }

  /** @returns the length, in this piece, up to and with the end of the value; undefined while it goes on */
  push(text: string): number | undefined {
    for (let at = 0; at < text.length; at++) {
      const char = text.charAt(at);
      if (this.#escaped) this.#escaped = false;
      else if (this.#quote !== undefined) {
        if (char === "\\") this.#escaped = true;
        else if (char === this.#quote) this.#quote = undefined;
      } else if (this.#quotes.includes(char)) this.#quote = char;
      else if (char === "{" || char === "[" || char === "(") this.#depth++;
      else if (char === "}" || char === "]" || char === ")") {
        this.#depth--;
        if (this.#depth === 0) return at + 1;
      }
    }
    return undefined;
  }
}
