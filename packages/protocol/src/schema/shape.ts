import type { NumberBounds } from "./number-bounds.ts";
import type { TextState } from "./text-state.ts";

/**
 * What JSON a model may write: JSON Schema, reduced to the few forms that a grammar can enforce while
 * the model writes. `readSchema` makes it of a caller's schema.
 */
export type Shape =
  | { readonly kind: "any" | "boolean" | "null" }
  /** Without bounds any number. */
  | { readonly kind: "number"; readonly bounds?: NumberBounds }
  | { readonly kind: "integer"; readonly min: number | undefined; readonly max: number | undefined }
  /** Lengths are in Unicode code points. */
  | { readonly kind: "string"; readonly minChars: number; readonly maxChars: number | undefined }
  /** A string of a pattern or a format. Its text begins at the first state. */
  | { readonly kind: "text"; readonly states: readonly TextState[] }
  /** One of these JSON texts (an enum, a constant). */
  | { readonly kind: "literal"; readonly texts: readonly string[] }
  | { readonly kind: "array"; readonly items: Shape; readonly min: number; readonly max: number | undefined }
  /** Written in this order. `rest`: what members may hold where none is named; undefined: there are no others. */
  | { readonly kind: "object"; readonly members: readonly Member[]; readonly rest: Shape | undefined }
  | { readonly kind: "choice"; readonly of: readonly Shape[] }
  /** A name in `Schema.defs`. */
  | { readonly kind: "ref"; readonly name: string };

export interface Member {
  readonly name: string;
  readonly shape: Shape;
  readonly required: boolean;
}

export interface Schema {
  readonly root: Shape;
  readonly defs: ReadonlyMap<string, Shape>;
}

/** Any JSON object: what `json_object` asks for. */
export const anyObject: Schema = { root: { kind: "object", members: [], rest: { kind: "any" } }, defs: new Map() };
