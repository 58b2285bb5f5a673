import type { TrustLevel } from "@darkbloom/protocol/evidence";
import type { Failure, FailureCode, Mismatch } from "@darkbloom/protocol/failures";
import type {
  AccountId,
  BuildId,
  CoordinatorId,
  JobId,
  KeyId,
  ModelId,
  ProviderId,
  RequestId,
  Serial,
} from "@darkbloom/protocol/ids";
import type { ReceiptField } from "@darkbloom/protocol/receipts";
import type { MailFault } from "../accounts/mail.ts";
import type { OpenIdFault } from "../accounts/open-id.ts";
import type { Outcome } from "../ledger/settlement.ts";

/** Why somebody may not join. */
export type JoinRefusal =
  /** A page in a browser. */
  | "origin"
  | "too_many"
  /** It waited longest of too many that had not registered. */
  | "crowded_out"
  | "flood"
  | "no_registration"
  /** It speaks another version of the protocol. */
  | "protocol"
  | "token_missing"
  | "token_refused"
  /** A machine token that is not known, was taken back, or is bound to another key. */
  | "machine_token"
  | "blob"
  | "pseudonym"
  | "evidence";

/** What an operator did, over the admin socket or with a session; what only reads is not told. */
export type AdminAction =
  | "keys.create"
  | "keys.edit"
  | "keys.rotate"
  | "keys.revoke"
  | "credit"
  | "deposits.refund"
  | "payouts.take"
  | "payouts.paid"
  | "payouts.failed"
  | "machines.approve"
  | "machines.refuse"
  | "machines.forgive";

/** Why something that came over the bus was not taken: it is of another version, not sealed with the network's key, not what we say, has a piece missing, or is of one coordinator too many. */
export type BusSkip = "version" | "seal" | "shape" | "lost" | "crowd";

/** Why a provider's connection ended, and whether it is told: one that is gone or does not read is not. */
export const leaveReasons = {
  closed: "unsaid",
  silent: "unsaid",
  /** It does not read what it is sent. */
  unread: "unsaid",
  replaced: "said",
  protocol: "said",
  untrusted: "said",
  overrun: "said",
  /** It sends more frames than its work is worth. */
  flood: "said",
  stuck: "said",
  /** Its owner has it no more. */
  unlinked: "said",
} as const;
export type LeaveReason = keyof typeof leaveReasons;

/**
 * What is worth telling an operator, one function per event: the adapter turns each into a log line
 * and its counters together. No field is a plain string: ids are branded, the rest are closed words
 * and numbers, so that text of a prompt or an answer has no place to go.
 */
export interface Events {
  started(facts: { port: number }): void;
  stopping(facts: { running: number }): void;
  requestSettled(facts: {
    requestId: RequestId;
    jobId: JobId | undefined;
    account: AccountId;
    /** Whose machine answered; the machine's own account where it is nobody's. */
    earner: AccountId;
    model: ModelId;
    build: BuildId;
    outcome: Outcome;
    attempts: number;
    promptTokens: number;
    completionTokens: number;
    chargedMicroUsd: bigint;
    queueMs: number;
    firstContentMs: number | undefined;
    totalMs: number;
  }): void;
  requestFailed(facts: { requestId: RequestId; failure: Failure; status: number; durationMs: number }): void;
  attemptFailed(facts: {
    requestId: RequestId;
    jobId: JobId;
    providerId: ProviderId;
    code: FailureCode;
    /** Of an answer that is not what its machine signed: in what, and in which field of the receipt. */
    mismatch?: Mismatch;
    field?: ReceiptField;
    durationMs: number;
  }): void;
  providerJoined(facts: {
    providerId: ProviderId;
    serial: Serial;
    trustLevel: TrustLevel;
    slots: number;
    models: number;
  }): void;
  /** @param facts `address` is a bucket: an IPv4 address or the first half of an IPv6 one */
  joinRefused(facts: { reason: JoinRefusal; address: string }): void;
  adminActed(facts: {
    action: AdminAction;
    outcome: "done" | "refused";
    keyId?: KeyId;
    account?: AccountId;
    creditMicroUsd?: bigint;
    /** How many were decided on. */
    machines?: number;
    /** How many were taken in hand. */
    withdrawals?: number;
  }): void;
  providerLeft(facts: { providerId: ProviderId; reason: LeaveReason; running: number; connectedMs: number }): void;
  /** A machine may not serve, since its clock and ours are too far apart. */
  clockOff(facts: { providerId: ProviderId; offsetMs: number }): void;
  verdictChanged(facts: { providerId: ProviderId; from: TrustLevel; to: TrustLevel; failedChecks: number }): void;
  /** A frame that could not be understood; it was skipped. */
  frameSkipped(facts: { providerId: ProviderId }): void;
  /** The database's server is away, and nothing is taken; or it is back. Or another coordinator has given back what this one held. */
  databaseChanged(facts: { state: "away" | "back" | "lease_lost" }): void;
  /** The bus between coordinators is away, and this one serves its own machines alone; or it is back. */
  busChanged(facts: { state: "away" | "back" }): void;
  /** The bus could not be reached, and is tried again. The error's class and stack are logged, its message is not. */
  busFailed(error: unknown): void;
  /** Something that came over the bus was skipped. */
  busSkipped(facts: { why: BusSkip }): void;
  /** Another coordinator is there; or it has said goodbye, has said nothing for too long, or is beyond a bus that is away. */
  peerChanged(facts: { coordinatorId: CoordinatorId; state: "joined" | "left" | "silent" | "unreachable" }): void;
  /** The transparency log could not be added to for so long that keys which machines showed are not in it. */
  logFactsDropped(facts: { facts: number }): void;
  /** A mail was not taken; to whom it should go is told nobody. */
  mailFailed(facts: { fault: MailFault }): void;
  /** An OpenID provider signed nobody in; whom it should have is told nobody. */
  openIdFailed(facts: { fault: OpenIdFault }): void;
  /** An assumption of ours broke. The error's class and stack are logged, its message is not. */
  bug(
    facts: { where: "http" | "session" | "serve" | "background"; requestId?: RequestId | undefined },
    error: unknown,
  ): void;
}
