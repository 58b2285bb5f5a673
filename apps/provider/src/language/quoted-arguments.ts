import { halfUnits } from "./text-ends.ts";

/** Whitespace, and where a value that no mark begins is over. */
const spaces = /^\s+/;
const endOfBare = /[\s,{}[\]]/;

type State = "key" | "value" | "text" | "json_text" | "after" | "over";

/**
 * Arguments whose names stand bare and whose texts stand between marks of their own, as `{key:<|"|>text<|"|>,n:3,of:[1,{a:true}]}`,
 * turned into JSON while they are written. Nothing in such a text is escaped: it ends with the next mark.
 */
export class QuotedArguments {
  readonly #quote: string;
  /** What is open: an object or a list. */
  readonly #open: ("{" | "[")[] = [];
  #state: State = "value";
  #held = "";

  constructor(quote: string) {
    this.#quote = quote;
  }

  /** @returns JSON of what has come; `rest` is what stands behind the arguments, once they are over */
  push(text: string): { readonly json: string; readonly rest?: string } {
    this.#held += text;
    let json = "";
    for (;;) {
      const before = this.#held.length;
      const state = this.#state;
      json += this.#step();
      if (this.#state === "over") return { json, rest: this.#held };
      if (this.#held.length === before && this.#state === state) return { json };
    }
  }

  #step(): string {
    switch (this.#state) {
      case "key":
        return this.#key();
      case "value":
        return this.#value();
      case "text":
        return this.#text();
      case "json_text":
        return this.#jsonText();
      case "after":
        return this.#after();
      case "over":
        return "";
    }
  }

  #key(): string {
    this.#held = this.#held.replace(spaces, "");
    if (this.#held.startsWith("}")) return this.#close();
    const end = this.#held.indexOf(":");
    if (end < 0) return "";
    const written = this.#held.slice(0, end).trim();
    const quoted = [this.#quote, '"'].find((quote) => written.length >= 2 * quote.length && written.startsWith(quote));
    const name = quoted === undefined ? written : written.slice(quoted.length, -quoted.length);
    this.#take(end + 1, "value");
    return `${JSON.stringify(name)}:`;
  }

  #value(): string {
    this.#held = this.#held.replace(spaces, "");
    const first = this.#held.charAt(0);
    if (first === "{" || first === "[") {
      this.#open.push(first);
      this.#take(1, first === "{" ? "key" : "value");
      return first;
    }
    if (first === "]" && this.#open.at(-1) === "[") return this.#close();
    if (this.#held.startsWith(this.#quote)) {
      this.#take(this.#quote.length, "text");
      return '"';
    }
    if (this.#quote.startsWith(this.#held)) return "";
    if (first === '"') {
      this.#take(1, "json_text");
      return '"';
    }
    const end = this.#held.search(endOfBare);
    if (end < 0) return "";
    const written = this.#held.slice(0, end);
    this.#take(end, "after");
    return isJson(written) ? written : JSON.stringify(written);
  }

  #text(): string {
    const end = this.#held.indexOf(this.#quote);
    if (end >= 0) {
      const text = this.#held.slice(0, end);
      this.#take(end + this.#quote.length, "after");
      return `${inJson(text)}"`;
    }
    const text = this.#held.slice(0, this.#held.length - halfUnits(this.#held, this.#quote));
    this.#take(text.length, "text");
    return inJson(text);
  }

  /** As some models write them after all. */
  #jsonText(): string {
    const whole = /^(?:[^"\\]|\\[^])*"/.exec(this.#held)?.[0];
    if (whole === undefined) return "";
    this.#take(whole.length, "after");
    return isJson(`"${whole}`) ? whole : `${inJson(whole.slice(0, -1))}"`;
  }

  #after(): string {
    this.#held = this.#held.replace(spaces, "");
    const first = this.#held.charAt(0);
    if (first === "}" || first === "]") return this.#close();
    if (first === "") return "";
    // What stands where a comma should is skipped: half a call is worth more than none.
    this.#take(1, first !== "," ? "after" : this.#open.at(-1) === "{" ? "key" : "value");
    return first === "," ? "," : "";
  }

  #close(): string {
    const open = this.#open.pop();
    this.#take(1, this.#open.length === 0 ? "over" : "after");
    return open === "{" ? "}" : "]";
  }

  #take(units: number, next: State): void {
    this.#held = this.#held.slice(units);
    this.#state = next;
  }
}

const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
