export * from "./caller.ts";
export * from "./every.ts";
export * from "./memory-signer.ts";
export * from "./network.ts";
export * from "./simulated-clock.ts";
export { HttpNetwork, KEY, questionFor } from "./http-network.ts";
