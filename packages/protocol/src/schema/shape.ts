/**
 * What JSON a model may write: JSON Schema, reduced to the few forms that a grammar can enforce while
 * the model writes. `readSchema` makes it of a caller's schema.
 */
export type Shape =
  | { readonly kind: "any" | "boolean" | "null" }
  /** Absent bounds are none. */
  | { readonly kind: "number"; readonly above?: NumberBound; readonly below?: NumberBound }
  /** `pattern` is one that `readSchema` has found to be enforceable. Lengths are in Unicode code points. */
  | {
      readonly kind: "string";
      readonly minChars: number;
      readonly maxChars: number | undefined;
      readonly pattern?: string;
      readonly format?: StringFormat;
    }
  | { readonly kind: "integer"; readonly min: number | undefined; readonly max: number | undefined }
  /** One of these JSON texts (an enum, a constant). */
  | { readonly kind: "literal"; readonly texts: readonly string[] }
  | { readonly kind: "array"; readonly items: Shape; readonly min: number; readonly max: number | undefined }
  /** Written in this order. `rest`: what further members may hold; undefined: there are none. */
  | { readonly kind: "object"; readonly members: readonly Member[]; readonly rest: Shape | undefined }
  | { readonly kind: "choice"; readonly of: readonly Shape[] }
  /** A name in `Schema.defs`. */
  | { readonly kind: "ref"; readonly name: string };

export const stringFormats = ["date", "time", "date-time", "uuid", "email", "ipv4"] as const;
export type StringFormat = (typeof stringFormats)[number];

/** A whole number; `open`: it is itself outside. */
export interface NumberBound {
  readonly at: number;
  readonly open: boolean;
}

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
