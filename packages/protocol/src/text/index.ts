export * from "./stop-watcher.ts";
export * from "./think-splitter.ts";
