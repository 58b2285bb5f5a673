import type { OurWords } from "../ids.ts";

/** What a schema asks for cannot be enforced, or it is none. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly words: OurWords;

  constructor(words: OurWords) {
    super(words);
    this.words = words;
  }
}

/** Called for what cannot be enforced: it throws a `Refusal`, or returns where that may be left out. */
export type LeaveOut = (words: OurWords) => void;
