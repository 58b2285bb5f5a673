import { NONCE_CHARS_MAX } from "./limits.ts";

/** Header names that callers depend on. Lower case, as HTTP/2 and Node spell them. */
export const responseHeaders = {
  attested: "x-provider-attested",
  trustLevel: "x-provider-trust-level",
  chip: "x-provider-chip",
  serial: "x-provider-serial",
  providerId: "x-provider-id",
  jobId: "x-inference-job-id",
  responseHash: "x-response-hash",
  signature: "x-se-signature",
  receipt: "x-darkbloom-receipt",
  privacy: "x-darkbloom-privacy",
  timing: "x-darkbloom-timing",
  requestId: "x-request-id",
  /** The same id under the name that Anthropic's SDKs read. */
  anthropicRequestId: "request-id",
} as const;

export const requestHeaders = {
  nonce: "x-darkbloom-nonce",
  minTrust: "x-darkbloom-min-trust",
  route: "x-darkbloom-route",
  receipt: "x-darkbloom-receipt",
  requestId: "x-request-id",
  idempotencyKey: "idempotency-key",
  /** A team's account, which whoever is signed in and in it acts on. */
  account: "x-darkbloom-account",
} as const;

/** A caller's nonce, in its header and in what it seals: whatever it is, a receipt can hold it. */
export const nonceShape = new RegExp(`^[\\x20-\\x7e]{1,${NONCE_CHARS_MAX}}$`);
