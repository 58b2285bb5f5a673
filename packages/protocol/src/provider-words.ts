/** What the provider said went wrong on its side; `engine_ended`: its model made no progress with this request and was ended for it. Beside these it can send the refusals below, and `over_share`, `busy`, `draining` and `cancelled`. */
export const providerFaults = [
  "invalid_request",
  "model_unavailable",
  "cannot_open",
  "generation_failed",
  "engine_ended",
  "backpressure_timeout",
  "internal",
] as const;
export type ProviderFault = (typeof providerFaults)[number];

/**
 * What only a machine can find out about a request, and what every other machine with the same model would
 * find: nobody's fault but the request's. The caller is told in our words; `dialects/engine-refusals.ts` has them.
 */
export const engineRefusals = [
  "context_exceeded",
  "messages_refused",
  "schema_refused",
  "tools_refused",
  "continuation_refused",
  "thinking_refused",
  "tokens_refused",
  "dimensions_refused",
] as const;
export type EngineRefusalCode = (typeof engineRefusals)[number];
