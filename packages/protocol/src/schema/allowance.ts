import { ourWords } from "../ids.ts";
import { Refusal } from "./refusal.ts";
import { partsOf } from "./shape-facts.ts";
import type { Schema, Shape } from "./shape.ts";
import { PatternAllowance } from "./text-state.ts";

/** Of all schemas of a request: what their grammars spell out, in characters and rules. */
export const GRAMMAR_SIZE_MAX = 400_000;
/** About what a grammar takes for a form by itself. */
const SHAPE_SIZE = 8;

/** What the schemas of one request may cost together, whoever compiles them. */
export class SchemaAllowance {
  readonly patterns = new PatternAllowance();
  #size = GRAMMAR_SIZE_MAX;

  /** @throws Refusal where what is read would make too large a grammar */
  take({ root, defs }: Schema): void {
    for (const shape of [root, ...defs.values()]) this.#takeShape(shape);
  }

  #takeShape(shape: Shape): void {
    this.#size -= SHAPE_SIZE + ownSize(shape);
    if (this.#size < 0)
      throw new Refusal(
        ourWords`the schemas of a request cannot be larger together: their grammar would take more than ${GRAMMAR_SIZE_MAX} characters and rules`,
      );
    for (const part of partsOf(shape)) this.#takeShape(part);
  }
}

/** A pattern's states are counted where they are made. */
function ownSize(shape: Shape): number {
  if (shape.kind === "literal") return shape.texts.reduce((sum, text) => sum + SHAPE_SIZE + text.length, 0);
  if (shape.kind === "object") return shape.members.reduce((sum, { name }) => sum + SHAPE_SIZE + name.length, 0);
  if (shape.kind === "array") return shape.max ?? shape.min;
  return shape.kind === "string" ? (shape.maxChars ?? shape.minChars) : 0;
}
