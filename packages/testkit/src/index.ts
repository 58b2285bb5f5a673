export * from "./caller.ts";
export * from "./every.ts";
export * from "./memory-signer.ts";
export * from "./network.ts";
export * from "./simulated-clock.ts";
export { HttpNetwork, KEY } from "./http-network.ts";
