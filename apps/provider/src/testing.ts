/** The parts that a network in a process is built from. For tests. */
export { openIdentity, type Identity } from "./identity/identity.ts";
export { SCRIPTED_FAULT, ScriptedEngine, type Script } from "./engine/scripted-engine.ts";
export type { ProviderEvents, TrustFacts } from "./events/events.ts";
export type { Witness } from "./session/witness.ts";
export { openWitness } from "./identity/witness.ts";
export { SealingKeys, type SelfDescription } from "./session/keys.ts";
export { Offers, type Offered } from "./session/offers.ts";
export { stayConnected } from "./session/stay-connected.ts";
export type { Dialer, Listener, Message } from "./session/wire.ts";
