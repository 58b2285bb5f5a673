export * from "./checkpoint.ts";
export * from "./entries.ts";
export { leafHash } from "./merkle.ts";
export * from "./note.ts";
export * from "./proof-file.ts";
export * from "./tiles.ts";
export * from "./tree.ts";
