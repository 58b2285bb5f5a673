/** The parts that a network in a process is built from. For tests. */
export { openIdentity, type Identity } from "./adapters/identity.ts";
export { SCRIPTED_FAULT, ScriptedEngine, type Script } from "./adapters/scripted-engine.ts";
export type { ProviderEvents } from "./events/events.ts";
export { SealingKeys } from "./session/keys.ts";
export { stayConnected } from "./session/stay-connected.ts";
export type { Dialer, Listener } from "./session/wire.ts";
