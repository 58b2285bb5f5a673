/** The parts that a network in a process is built from. For tests. */
export { MemoryAccounts } from "./adapters/memory-accounts.ts";
export { MemoryLedger } from "./adapters/memory-ledger.ts";
export { makeTpmCredential } from "./adapters/tpm-credential.ts";
export { Catalog, type CatalogEntry } from "./catalog/catalog.ts";
export type { Events } from "./events/events.ts";
export { Fleet, type Member, type Sealing } from "./fleet/fleet.ts";
export { MachineRecords } from "./fleet/records.ts";
export type { ProvenView, ProviderView } from "./fleet/view.ts";
export { createHttpServer } from "./http/server.ts";
export type { Ask } from "./inference/ask.ts";
export type { Net } from "./inference/net.ts";
export type { AnswerFacts, Closing, Reply } from "./inference/reply.ts";
export { serve } from "./inference/serve.ts";
export { Slots, SLOT_WAIT_MS } from "./routing/slots.ts";
export { hostProvider, type Connection } from "./session/host-provider.ts";
export type { Line, LineEvent } from "./session/line.ts";
export { Mailbox } from "./session/mailbox.ts";
export type { Wire } from "./session/wire.ts";
