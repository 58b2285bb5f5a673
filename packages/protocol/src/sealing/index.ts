export * from "./answer.ts";
export * from "./envelope.ts";
export { readEnvelope, writeEnvelope, type Envelope } from "./envelope-bytes.ts";
export * from "./hpke.ts";
