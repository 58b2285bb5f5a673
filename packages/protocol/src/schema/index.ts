export * from "./allowance.ts";
export { literalTree, type LiteralTree } from "./literal-tree.ts";
export { NUMBER_DIGITS_MAX, type NumberBounds } from "./number-bounds.ts";
export * from "./read-schema.ts";
export * from "./shape.ts";
export type { TextState, TextStep } from "./text-state.ts";
export { WAYS_MAX } from "./ways.ts";
