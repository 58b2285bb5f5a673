import type { ModelId, OurWords, ParamPath, ProviderId } from "./ids.ts";
import type { ProviderFault } from "./provider-words.ts";
import type { ReceiptField } from "./receipts/receipt-fields.ts";
import { formatUsd } from "./money.ts";

/**
 * Every way a request can fail, and what each party should do about it. One row per code; the HTTP
 * edge, the retry loop, the dialects and the documents read this table and hold no second opinion.
 *
 * `retry` is for our own loop: `elsewhere` means that another provider may be tried while nothing
 * has been sent. `openai` and `anthropic` are the `type` words of those dialects' envelopes.
 */
export const failures = {
  key_missing: {
    status: 401,
    retry: "never",
    blame: "caller",
    openai: "authentication_error",
    anthropic: "authentication_error",
  },
  key_invalid: {
    status: 401,
    retry: "never",
    blame: "caller",
    openai: "authentication_error",
    anthropic: "authentication_error",
  },
  not_allowed: {
    status: 403,
    retry: "never",
    blame: "caller",
    openai: "permission_error",
    anthropic: "permission_error",
  },
  body_invalid: {
    status: 400,
    retry: "never",
    blame: "caller",
    openai: "invalid_request_error",
    anthropic: "invalid_request_error",
  },
  unsupported: {
    status: 400,
    retry: "never",
    blame: "caller",
    openai: "invalid_request_error",
    anthropic: "invalid_request_error",
  },
  context_length_exceeded: {
    status: 400,
    retry: "never",
    blame: "caller",
    openai: "invalid_request_error",
    anthropic: "invalid_request_error",
  },
  insufficient_funds: {
    status: 402,
    retry: "never",
    blame: "caller",
    openai: "insufficient_funds",
    anthropic: "billing_error",
  },
  model_not_found: {
    status: 404,
    retry: "never",
    blame: "caller",
    openai: "invalid_request_error",
    anthropic: "not_found_error",
  },
  receipt_not_found: {
    status: 404,
    retry: "never",
    blame: "caller",
    openai: "invalid_request_error",
    anthropic: "not_found_error",
  },
  route_not_found: {
    status: 404,
    retry: "never",
    blame: "caller",
    openai: "invalid_request_error",
    anthropic: "not_found_error",
  },
  method_not_allowed: {
    status: 405,
    retry: "never",
    blame: "caller",
    openai: "invalid_request_error",
    anthropic: "invalid_request_error",
  },
  /** An `Idempotency-Key` that came with another body, or whose request still runs. */
  idempotency_conflict: {
    status: 409,
    retry: "never",
    blame: "caller",
    openai: "invalid_request_error",
    anthropic: "invalid_request_error",
  },
  payload_too_large: {
    status: 413,
    retry: "never",
    blame: "caller",
    openai: "invalid_request_error",
    anthropic: "request_too_large",
  },
  rate_limit_exceeded: {
    status: 429,
    retry: "never",
    blame: "caller",
    openai: "rate_limit_error",
    anthropic: "rate_limit_error",
  },
  capacity_full: {
    status: 429,
    retry: "never",
    blame: "network",
    openai: "rate_limit_error",
    anthropic: "rate_limit_error",
  },
  caller_gone: {
    status: 499,
    retry: "never",
    blame: "caller",
    openai: "invalid_request_error",
    anthropic: "invalid_request_error",
  },
  internal_error: { status: 500, retry: "never", blame: "network", openai: "server_error", anthropic: "api_error" },
  provider_fault: {
    status: 502,
    retry: "elsewhere",
    blame: "provider",
    openai: "server_error",
    anthropic: "api_error",
  },
  provider_gone: { status: 502, retry: "elsewhere", blame: "provider", openai: "server_error", anthropic: "api_error" },
  provider_busy: {
    status: 503,
    retry: "elsewhere",
    blame: "network",
    openai: "server_error",
    anthropic: "overloaded_error",
  },
  /** It may have been the request that silenced it: no second machine is risked. */
  provider_silent: {
    status: 502,
    retry: "never",
    blame: "provider",
    openai: "server_error",
    anthropic: "api_error",
  },
  /** The model's process was ended because it made no progress with this request: no second one is risked. */
  engine_ended: { status: 502, retry: "never", blame: "provider", openai: "server_error", anthropic: "api_error" },
  receipt_mismatch: { status: 502, retry: "never", blame: "provider", openai: "server_error", anthropic: "api_error" },
  no_provider: { status: 503, retry: "never", blame: "network", openai: "server_error", anthropic: "overloaded_error" },
  overloaded: { status: 503, retry: "never", blame: "network", openai: "server_error", anthropic: "overloaded_error" },
  /** Nothing can be written: no money is set aside, and what is set aside goes back as soon as something can. */
  storage_unavailable: {
    status: 503,
    retry: "never",
    blame: "network",
    openai: "server_error",
    anthropic: "overloaded_error",
  },
  draining: { status: 503, retry: "never", blame: "network", openai: "server_error", anthropic: "overloaded_error" },
  too_slow: { status: 504, retry: "elsewhere", blame: "provider", openai: "server_error", anthropic: "timeout_error" },
} as const satisfies Record<
  string,
  {
    status: number;
    retry: "never" | "elsewhere";
    blame: "caller" | "network" | "provider";
    openai: string;
    anthropic: string;
  }
>;

export type FailureCode = keyof typeof failures;

/** Why a provider may not serve a request; every exclusion has one of these names. */
export const gates = [
  "model_not_served",
  "pinned_elsewhere",
  "trust_below_minimum",
  "evidence_failed",
  "challenge_stale",
  "untrusted",
  "not_approved",
  "draining",
  "context_too_small",
  "ejected",
  "already_tried",
] as const;
export type Gate = (typeof gates)[number];

/** What a closing check found wrong with an answer. */
export const mismatches = [
  "response_hash",
  "response_signature",
  "receipt_signature",
  "receipt_fields",
  "receipt_shape",
  "stream",
] as const;
export type Mismatch = (typeof mismatches)[number];

/** Why a coordinator's storage takes or gives nothing. */
export const storageFaults = ["disk_full", "read_only", "io_error", "busy", "damaged"] as const;
export type StorageFault = (typeof storageFaults)[number];

type Phase = "before_content" | "after_content";

/** The facts that each code carries: what is logged, counted and told. No plain `string` here. */
interface Facts {
  key_missing: unknown;
  key_invalid: unknown;
  not_allowed: unknown;
  body_invalid: { param: ParamPath | null; expected: OurWords };
  unsupported: { param: ParamPath; reason: OurWords };
  /** The model's context, and what the prompt comes to or at least comes to. */
  context_length_exceeded: { contextTokens: number; promptTokens: number };
  insufficient_funds: { neededMicroUsd: bigint; availableMicroUsd: bigint };
  model_not_found: { knownModels: number };
  receipt_not_found: unknown;
  /** Where the path is near one of ours: which base URL it asks for. */
  route_not_found: { baseUrl?: OurWords };
  method_not_allowed: { allow: OurWords };
  idempotency_conflict: { conflict: "other_body" } | { conflict: "running"; retryAfterSec: number };
  payload_too_large: { maxBytes: number };
  rate_limit_exceeded: { retryAfterSec: number };
  capacity_full: { model: ModelId; retryAfterSec: number; waitedMs: number };
  caller_gone: { phase: Phase };
  internal_error: unknown;
  provider_fault: { providerId: ProviderId; phase: Phase; fault: ProviderFault };
  provider_gone: { providerId: ProviderId; phase: Phase };
  provider_silent: { providerId: ProviderId; phase: Phase };
  engine_ended: { providerId: ProviderId; phase: Phase };
  provider_busy: { providerId: ProviderId };
  receipt_mismatch: { providerId: ProviderId; phase: Phase; mismatch: Mismatch; field?: ReceiptField };
  no_provider: { model: ModelId; connected: number; gates: Partial<Record<Gate, number>>; keyIsBound?: boolean };
  overloaded: { retryAfterSec: number };
  storage_unavailable: { fault: StorageFault; retryAfterSec: number };
  draining: { retryAfterSec: number };
  too_slow: { providerId: ProviderId; phase: Phase; waitedMs: number };
}

export type Failure = { [Code in FailureCode]: { readonly code: Code } & Readonly<Facts[Code]> }[FailureCode];

/** A failure on its way to whoever can answer for it. `failure` may be logged; a `cause` never is. */
export class NetworkError extends Error {
  override readonly name = "NetworkError";
  readonly failure: Failure;

  constructor(failure: Failure, options?: ErrorOptions) {
    super(failure.code, options);
    this.failure = failure;
  }
}

const gateWords: Record<Gate, readonly [ofOne: string, ofMore: string]> = {
  model_not_served: ["does not serve this model", "do not serve this model"],
  pinned_elsewhere: ["is not the pinned machine", "are not the pinned machine"],
  trust_below_minimum: ["is below the needed trust level", "are below the needed trust level"],
  evidence_failed: ["fails a check of what it shows of itself", "fail a check of what they show of themselves"],
  challenge_stale: ["has not passed a recent attestation challenge", "have not passed a recent attestation challenge"],
  untrusted: ["is untrusted", "are untrusted"],
  not_approved: ["is not approved by the operator", "are not approved by the operator"],
  draining: ["is draining", "are draining"],
  context_too_small: ["has too small a context", "have too small a context"],
  ejected: ["fails too often and is left out for a while", "fail too often and are left out for a while"],
  already_tried: ["failed this request already", "failed this request already"],
};

const storageWords: Record<StorageFault, string> = {
  disk_full: "its disk is full",
  read_only: "its disk or its database can only be read",
  io_error: "its disk fails",
  busy: "another program holds its database",
  damaged: "its database is damaged",
};

/** What happened and what to do next, made of facts alone: nothing that a caller sent can appear in it. */
export function sentenceOf(failure: Failure): string {
  switch (failure.code) {
    case "key_missing":
      return "No API key was sent. Send it as 'Authorization: Bearer KEY' or as 'x-api-key: KEY'.";
    case "key_invalid":
      return "This API key is not known or was revoked. Ask the operator for a key ('darkbloom keys create').";
    case "not_allowed":
      return "That is not allowed: by this API key, or under this Host, which is not one of the network's own.";
    case "body_invalid":
      return failure.param === null
        ? `The request body is not valid: ${failure.expected}.`
        : `'${failure.param}' is not valid: ${failure.expected}.`;
    case "unsupported":
      return `'${failure.param}' is not supported here: ${failure.reason}.`;
    case "context_length_exceeded":
      return `This model's maximum context length is ${failure.contextTokens} tokens. However, the messages come to at least ${failure.promptTokens} tokens. Shorten the messages.`;
    case "insufficient_funds":
      return `This request may cost up to ${formatUsd(failure.neededMicroUsd)} USD and the balance that can be spent is ${formatUsd(failure.availableMicroUsd)} USD. Add credit or lower max_tokens.`;
    case "model_not_found":
      return `This model is not in the catalog, which knows ${failure.knownModels} ${failure.knownModels === 1 ? "model" : "models"}. GET /v1/models lists them.`;
    case "receipt_not_found":
      return "There is no receipt with this job id for this account; receipts are kept for 90 days, unless the operator has set another time.";
    case "route_not_found":
      return `There is no such route. ${failure.baseUrl === undefined ? "" : `${failure.baseUrl}. `}GET /openapi.json lists what there is.`;
    case "method_not_allowed":
      return `This route does not take that method; it takes ${failure.allow}.`;
    case "idempotency_conflict":
      return failure.conflict === "other_body"
        ? "This Idempotency-Key came with another request body before. Nothing was charged. Send a new key with a new request."
        : `A request with this Idempotency-Key still runs. Nothing was charged for this one. Try again in ${failure.retryAfterSec} s, or send another key.`;
    case "payload_too_large":
      return `The request body is larger than ${failure.maxBytes} bytes. Send less.`;
    case "rate_limit_exceeded":
      return `Too many requests. Try again in ${failure.retryAfterSec} s.`;
    case "capacity_full":
      return `Every machine that serves this model is busy, and stayed so for ${Math.round(failure.waitedMs / 1000)} s. Try again in ${failure.retryAfterSec} s.`;
    case "caller_gone":
      return "The caller hung up.";
    case "internal_error":
      return "Something went wrong on our side. Nothing was charged. Try again; if it stays, tell the operator the request id.";
    case "provider_fault":
      return `The provider failed (${failure.fault}). Nothing was charged. Try again.`;
    case "provider_gone":
      return "The provider's connection was lost. Nothing was charged. Try again.";
    case "provider_silent":
      return "The provider fell silent with this request. Nothing was charged. It was not tried on another machine, since the request itself may be the reason.";
    case "engine_ended":
      return "The model could not get on with this request and was ended. Nothing was charged. It was not tried on another machine; send something simpler.";
    case "provider_busy":
      return "The provider took no more work. Nothing was charged. Try again.";
    case "receipt_mismatch":
      return `The provider's answer did not match its signature (${failure.field ?? failure.mismatch}). Nothing was charged and the provider is no longer trusted. Try again.`;
    case "no_provider": {
      const reasons = gates.flatMap((gate) => {
        const machines = failure.gates[gate] ?? 0;
        return machines === 0 ? [] : [`${machines} ${gateWords[gate][machines === 1 ? 0 : 1]}`];
      });
      const seen =
        failure.connected === 0
          ? "no provider is connected"
          : `of ${failure.connected} connected, ${reasons.join(", ")}`;
      const bound =
        failure.keyIsBound === true ? " This key is bound to a trust level or to machines: GET /v1/key." : "";
      return `No machine can serve this request now: ${seen}.${bound} GET /v1/providers/attestation shows every machine with its checks.`;
    }
    case "overloaded":
      return `This coordinator holds as much at once as it can. Try again in ${failure.retryAfterSec} s.`;
    case "storage_unavailable":
      return `This coordinator cannot keep its books now: ${storageWords[failure.fault]}. Nothing was charged. Tell its operator, and try again in ${failure.retryAfterSec} s.`;
    case "draining":
      return `This coordinator is shutting down. Nothing was charged. Try again in ${failure.retryAfterSec} s.`;
    case "too_slow":
      return `The provider sent nothing for ${Math.round(failure.waitedMs / 1000)} s. Nothing was charged. Try again.`;
  }
}
