/** A template, read. */
export type Expression =
  | { readonly kind: "constant"; readonly value: null | boolean | bigint | number | string }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "list" | "tuple"; readonly items: readonly Expression[] }
  | { readonly kind: "dict"; readonly members: readonly (readonly [Expression, Expression])[] }
  | { readonly kind: "attribute"; readonly of: Expression; readonly name: string }
  | { readonly kind: "item"; readonly of: Expression; readonly at: Expression }
  | { readonly kind: "slice"; readonly of: Expression; readonly bounds: readonly (Expression | undefined)[] }
  | { readonly kind: "call"; readonly callee: Expression; readonly args: Arguments }
  | { readonly kind: "filter"; readonly of: Expression | undefined; readonly name: string; readonly args: Arguments }
  | { readonly kind: "test"; readonly of: Expression; readonly name: string; readonly args: Arguments }
  | { readonly kind: "not" | "minus" | "plus"; readonly of: Expression }
  | { readonly kind: "and" | "or"; readonly left: Expression; readonly right: Expression }
  | { readonly kind: "operation"; readonly operator: Operator; readonly left: Expression; readonly right: Expression }
  | { readonly kind: "comparison"; readonly first: Expression; readonly others: readonly Compared[] }
  | {
      readonly kind: "condition";
      readonly test: Expression;
      readonly yes: Expression;
      readonly no: Expression | undefined;
    };

export type Operator = "+" | "-" | "*" | "/" | "//" | "%" | "**" | "~";
export type Comparison = "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not in";
export interface Compared {
  readonly operator: Comparison;
  readonly with: Expression;
}

export interface Arguments {
  readonly positional: readonly Expression[];
  readonly named: readonly (readonly [string, Expression])[];
  readonly spread?: Expression | undefined;
  readonly namedSpread?: Expression | undefined;
}

/** Where a value is put. */
export type Target =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "member"; readonly of: string; readonly name: string }
  | { readonly kind: "names"; readonly targets: readonly Target[] };

export interface Parameter {
  readonly name: string;
  readonly otherwise: Expression | undefined;
}

export type Statement =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "output"; readonly value: Expression }
  | { readonly kind: "if"; readonly test: Expression; readonly yes: Block; readonly no: Block }
  | {
      readonly kind: "for";
      readonly target: Target;
      readonly over: Expression;
      readonly only: Expression | undefined;
      readonly recursive: boolean;
      readonly body: Block;
      readonly otherwise: Block;
    }
  | { readonly kind: "set"; readonly target: Target; readonly value: Expression }
  | {
      readonly kind: "capture";
      readonly target: Target;
      /** Filters of the block, the innermost first. */
      readonly filter: Expression | undefined;
      readonly body: Block;
    }
  | { readonly kind: "macro"; readonly name: string; readonly parameters: readonly Parameter[]; readonly body: Block }
  | {
      readonly kind: "call";
      readonly call: Extract<Expression, { kind: "call" }>;
      readonly parameters: readonly Parameter[];
      readonly body: Block;
    }
  | { readonly kind: "filtered"; readonly filter: Expression; readonly body: Block }
  | {
      readonly kind: "with";
      readonly values: readonly (readonly [Target, Expression])[];
      readonly body: Block;
    }
  | { readonly kind: "break" | "continue" };

export type Block = readonly Statement[];
