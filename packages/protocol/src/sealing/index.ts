export * from "./answer.ts";
export * from "./envelope.ts";
export * from "./hpke.ts";
