export * from "./crypto.ts";
export * from "./hpke.ts";
