export * from "./checkpoint.ts";
export * from "./entries.ts";
export { LeafRange } from "./leaf-range.ts";
export { leafHash, type Hash } from "./merkle.ts";
export * from "./note.ts";
export * from "./proof-file.ts";
export * from "./tiles.ts";
export * from "./tree.ts";
