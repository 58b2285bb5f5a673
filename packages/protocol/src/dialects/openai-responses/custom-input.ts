/**
 * Reads the input of a custom tool out of the arguments that a model writes, `{"input":"…"}`, piece by piece:
 * the caller is told the text alone, as it comes.
 */
export class CustomInput {
  #state: "before" | "inside" | "after" = "before";
  /** The beginning that was not understood yet: the head of the object, half an escape, half a character. */
  #held = "";

  /** @returns what this piece adds to the input */
  push(argumentsText: string): string {
    if (this.#state === "after") return "";
    this.#held += argumentsText;
    if (this.#state === "before") {
      const head = /^\s*\{\s*"input"\s*:\s*"/.exec(this.#held);
      if (!head) return "";
      this.#held = this.#held.slice(head[0].length);
      this.#state = "inside";
    }
    return this.#take();
  }

  #take(): string {
    let end = 0;
    while (end < this.#held.length) {
      const next = this.#held[end];
      if (next === '"') {
        this.#state = "after";
        break;
      }
      const step = next === "\\" ? escapeLength(this.#held, end) : 1;
      if (step === undefined) break;
      end += step;
    }
    const whole = this.#held.slice(0, end);
    this.#held = this.#state === "after" ? "" : this.#held.slice(end);
    return JSON.parse(`"${whole}"`) as string;
  }
}

/** Of the escape at this place, with the second half of a character that is written as two; undefined: not all of it is there. */
function escapeLength(text: string, at: number): number | undefined {
  if (text.length < at + 2) return undefined;
  if (text[at + 1] !== "u") return 2;
  if (text.length < at + 6) return undefined;
  const isFirstHalf = /^d[89ab]/i.test(text.slice(at + 2, at + 6));
  if (!isFirstHalf) return 6;
  // Until it is known whether the second half follows.
  if (text.length < at + 12) return "\\u".startsWith(text.slice(at + 6, at + 8)) ? undefined : 6;
  return /^\\ud[c-f]/i.test(text.slice(at + 6, at + 12)) ? 12 : 6;
}
