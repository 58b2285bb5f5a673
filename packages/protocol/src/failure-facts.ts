import type { ErasureRefusal } from "./erasure.ts";
import type { Gate } from "./gates.ts";
import type { ModelId, OurWords, ParamPath, ProviderId } from "./ids.ts";
import type { ProviderFault } from "./provider-words.ts";
import type { ReceiptField } from "./receipts/receipt-fields.ts";

/** What a closing check found wrong with an answer. */
export const mismatches = ["response_hash", "receipt_signature", "receipt_fields", "receipt_shape", "stream"] as const;
export type Mismatch = (typeof mismatches)[number];

/** Why a coordinator's storage takes or gives nothing. */
export const storageFaults = ["disk_full", "read_only", "io_error", "busy", "damaged", "away"] as const;
export type StorageFault = (typeof storageFaults)[number];

type Phase = "before_content" | "after_content";

/** The facts that each code carries: what is logged, counted and told. No plain `string` here. */
export interface Facts {
  key_missing: unknown;
  key_invalid: unknown;
  key_disabled: unknown;
  key_expired: unknown;
  model_not_allowed: { models: number };
  sealing_needed: unknown;
  not_allowed: unknown;
  session_missing: unknown;
  session_invalid: unknown;
  session_needed: unknown;
  role_needed: unknown;
  token_invalid: unknown;
  scope_needed: unknown;
  origin_foreign: unknown;
  session_not_found: unknown;
  passkey_not_found: unknown;
  /** It does not fit what was asked; the person has as many as one may have, or it is known already; or no passkey works at this address. */
  passkey_refused: { why: "unfit" | "full" | "address" };
  key_not_found: unknown;
  key_revoked: unknown;
  /** Of one account. */
  keys_too_many: { most: number };
  account_not_found: unknown;
  team_not_found: unknown;
  team_role_needed: unknown;
  member_not_found: unknown;
  invite_not_found: unknown;
  last_owner: unknown;
  /** What a team still has: keys that were not revoked, and money. */
  team_not_empty: { keys: number; microUsd: bigint };
  /** Of one person, and of one team. */
  teams_too_many: { most: number };
  members_too_many: { most: number };
  machine_not_found: unknown;
  erasure_refused: ErasureRefusal;
  body_invalid: { param: ParamPath | null; expected: OurWords };
  unsupported: { param: ParamPath; reason: OurWords };
  previous_response_not_found: unknown;
  websocket_connection_limit_reached: { lifeMs: number };
  /** The model's context, and what the prompt comes to or at least comes to. */
  context_length_exceeded: { contextTokens: number; promptTokens: number };
  insufficient_funds: { neededMicroUsd: bigint; availableMicroUsd: bigint };
  account_in_debt: { owedMicroUsd: bigint };
  /** `needed` and `remaining`: micro-USD, or tokens. */
  key_limit_reached: {
    limit: "usd" | "tokens";
    needed: bigint;
    remaining: bigint;
    reset: "none" | "daily" | "weekly" | "monthly";
    /** Milliseconds since 1970. */
    resetsAt: number | null;
  };
  model_not_found: { knownModels: number };
  receipt_not_found: unknown;
  deposit_not_found: unknown;
  withdrawal_not_found: unknown;
  withdrawal_not_open: unknown;
  withdrawals_too_many: { most: number };
  not_withdrawable: { availableMicroUsd: bigint };
  payouts_off: unknown;
  webhook_invalid: unknown;
  payments_off: unknown;
  payments_unavailable: { retryAfterSec: number };
  tile_not_found: unknown;
  /** Where the path is near one of ours: which base URL it asks for. */
  route_not_found: { baseUrl?: OurWords };
  method_not_allowed: { allow: OurWords };
  upgrade_needed: unknown;
  /** `others`: machines that the same request could be sealed to. */
  no_candidate: { model: ModelId; others: number };
  cannot_open: { providerId: ProviderId };
  request_refused: unknown;
  idempotency_conflict: { conflict: "other_body" } | { conflict: "running"; retryAfterSec: number };
  payload_too_large: { maxBytes: number };
  /** `rate`: of the key in use, not of its account or address. */
  rate_limit_exceeded: { retryAfterSec: number; rate?: "requests" | "promptTokens" | "answerTokens" };
  capacity_full: { model: ModelId; retryAfterSec: number; waitedMs: number };
  caller_gone: { phase: Phase };
  internal_error: unknown;
  provider_fault: { providerId: ProviderId; phase: Phase; fault: ProviderFault };
  provider_gone: { providerId: ProviderId; phase: Phase };
  provider_silent: { providerId: ProviderId; phase: Phase };
  engine_ended: { providerId: ProviderId; phase: Phase };
  provider_busy: { providerId: ProviderId };
  receipt_mismatch: { providerId: ProviderId; phase: Phase; mismatch: Mismatch; field?: ReceiptField };
  no_provider: {
    model: ModelId;
    connected: number;
    gates: Partial<Record<Gate, number>>;
    keyIsBound?: boolean;
    ofOwn?: boolean;
  };
  overloaded: { retryAfterSec: number };
  /** `mayStand`: the disk failed behind the commit, so that nobody knows whether it holds. */
  storage_unavailable: { fault: StorageFault; retryAfterSec: number; mayStand?: true };
  draining: { retryAfterSec: number };
  /** `reading`: it said that it reads the prompt, and was not done. */
  too_slow: { providerId: ProviderId; phase: Phase; waitedMs: number; reading?: true };
}
