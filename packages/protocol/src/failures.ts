import type { Facts } from "./failure-facts.ts";
import { badRequest, conflict, forbidden, notFound, unknownCaller, unpaid } from "./failure-kinds.ts";

export { mismatches, storageFaults, type Mismatch, type StorageFault } from "./failure-facts.ts";
export { gates, type Gate } from "./gates.ts";

/**
 * Every way a request can fail, and what each party should do about it. One row per code; the HTTP
 * edge, the retry loop, the dialects and the documents read this table and hold no second opinion.
 *
 * `retry` is for our own loop: `elsewhere` means that another provider may be tried while nothing
 * has been sent. `openai` and `anthropic` are the `type` words of those dialects' envelopes.
 */
export const failures = {
  key_missing: unknownCaller,
  key_invalid: unknownCaller,
  key_disabled: unknownCaller,
  key_expired: unknownCaller,
  /** The key is for other models. */
  model_not_allowed: forbidden,
  /** The key is for requests that their sender seals. */
  sealing_needed: forbidden,
  not_allowed: forbidden,
  session_missing: unknownCaller,
  /** It is not known, is over, or is of somebody who may sign in no more. */
  session_invalid: unknownCaller,
  /** A key was shown for what only somebody who is signed in may do. */
  session_needed: forbidden,
  role_needed: forbidden,
  /** It is not known, is over, was revoked, or is of somebody who is no operator any more. */
  token_invalid: unknownCaller,
  /** An operator's token was shown where another scope, or none, is taken. */
  scope_needed: forbidden,
  /** Another site's page asks with a cookie that it was not given. */
  origin_foreign: forbidden,
  session_not_found: notFound,
  passkey_not_found: notFound,
  passkey_refused: conflict,
  key_not_found: notFound,
  key_revoked: conflict,
  keys_too_many: conflict,
  /** None that may be acted on: another's, a team's that one is not in, or nobody's. */
  account_not_found: notFound,
  /** Of those that somebody is in. */
  team_not_found: notFound,
  team_role_needed: forbidden,
  member_not_found: notFound,
  invite_not_found: notFound,
  last_owner: conflict,
  team_not_empty: conflict,
  teams_too_many: conflict,
  members_too_many: conflict,
  machine_not_found: notFound,
  /** Somebody would lose or owe something by it that they have not been told of. */
  erasure_refused: conflict,
  body_invalid: badRequest,
  /** A notice that none of the secrets here has signed, or too long ago. */
  webhook_invalid: badRequest,
  unsupported: badRequest,
  /** On a connection that keeps the latest response alone: another was named. */
  previous_response_not_found: badRequest,
  /** A connection that was open for as long as one may be. */
  websocket_connection_limit_reached: badRequest,
  context_length_exceeded: badRequest,
  insufficient_funds: unpaid,
  /** What its key, or whoever it belongs to, may use in a window. */
  key_limit_reached: unpaid,
  /** Money that was paid in and spent was taken back: nothing is spent before that is paid. */
  account_in_debt: unpaid,
  model_not_found: notFound,
  receipt_not_found: notFound,
  deposit_not_found: notFound,
  withdrawal_not_found: notFound,
  /** It is on its way out, or over. */
  withdrawal_not_open: conflict,
  withdrawals_too_many: conflict,
  /** More is to be withdrawn than has cleared and is there. */
  not_withdrawable: conflict,
  tile_not_found: notFound,
  route_not_found: notFound,
  method_not_allowed: { ...badRequest, status: 405 },
  /** The providers' door was asked for without a WebSocket. */
  upgrade_needed: { ...badRequest, status: 426 },
  /** None of the machines that a request is sealed to can serve it now; others could, if it were sealed to them. */
  no_candidate: {
    status: 409,
    retry: "never",
    blame: "network",
    openai: "invalid_request_error",
    anthropic: "invalid_request_error",
  },
  /** What was sealed, or how: a machine that it names cannot open it. */
  cannot_open: {
    status: 400,
    retry: "elsewhere",
    blame: "caller",
    openai: "invalid_request_error",
    anthropic: "invalid_request_error",
  },
  /** A machine refuses what was sealed; why is told to its caller alone. */
  request_refused: badRequest,
  /** An `Idempotency-Key` that came with another body, or whose request still runs. */
  idempotency_conflict: conflict,
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
  /** This coordinator takes no payments: its operator has set none up. */
  payments_off: { status: 503, retry: "never", blame: "network", openai: "server_error", anthropic: "api_error" },
  /** This coordinator pays nothing out: its operator has not said how. */
  payouts_off: { status: 503, retry: "never", blame: "network", openai: "server_error", anthropic: "api_error" },
  /** Whoever takes payments for it does not answer, or refused. */
  payments_unavailable: {
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
