import type { Check, TrustLevel } from "@darkbloom/protocol/evidence";
import type { EngineRefusalCode, ProviderFault } from "@darkbloom/protocol/provider-words";

/**
 * What a provider tells its owner, one function per event. Ids, counts, codes and durations only: no
 * field can hold a prompt or an answer.
 */
export interface ProviderEvents {
  /** @param facts `serialAlias` is what that network calls this machine in place of its serial */
  joined(facts: { providerId: string; coordinator: string; serialAlias: string | undefined }): void;
  /** `reason` is one of our own words for how the connection ended. */
  lost(facts: { reason: LossReason; retryInMs: number }): void;
  trust(facts: TrustFacts): void;
  answered(facts: { jobId: string; outcome: AnswerOutcome; durationMs: number; running: number }): void;
  /** The machine's own chip did not do what a proof needs. */
  chipFailed(facts: { step: "evidence" | "quote" | "credential" | "signature"; fault: TpmFault }): void;
  /** The model's process ended, is back, or was given up. */
  engine(state: EngineState): void;
  bug(facts: { where: "session" | "answer" }, error: unknown): void;
}

/** What an engine in a process of its own comes to. `why` is for the machine's owner, in our own words. */
export type EngineState =
  | { readonly state: "ready" }
  | { readonly state: "restarting"; readonly why: string; readonly retryInMs: number }
  | { readonly state: "failed"; readonly why: string };

/** Why a dial came to no connection, as far on the way as it got. */
export type DialFault =
  /** The host's name leads to no address. */
  | "name_unknown"
  /** Nothing listens at that port. */
  | "connection_refused"
  | "no_answer"
  /** Any other fault of the network. */
  | "unreachable"
  /** What answers speaks no TLS, or none that we do. */
  | "tls_failed"
  /** Of a private authority, or of whoever stands between. */
  | "certificate_untrusted"
  | "certificate_out_of_date"
  | "certificate_of_another_name"
  | "redirected"
  /** The coordinator answers, and was not asked for a WebSocket: a proxy left that out. */
  | "upgrade_lost"
  /** A proxy finds nobody behind it. */
  | "nothing_behind_proxy"
  | "no_room"
  /** Before a join token could be shown. */
  | "forbidden"
  /** Something answers at that address, and it is no coordinator. */
  | "no_coordinator";

/** How a connection ended, or why there was none. */
export type LossReason =
  | DialFault
  | "closed"
  /** The coordinator does not take this machine in. */
  | "refused"
  /** The two speak no version of the protocol in common, and this end has to be updated, or that one. */
  | "provider_older"
  | "coordinator_older"
  /** Nor any from another machine: it was shown no join token, or this one is not its own. */
  | "token_missing"
  | "token_refused"
  /** It does not take, or no longer, the token by which this machine is somebody's. */
  | "unlinked"
  /** The same identity has joined from somewhere else. */
  | "replaced"
  | "silent"
  /** The coordinator sends and does not read what it is answered. */
  | "unread"
  | "not_registered"
  /** Its chip does not sign. */
  | "key_unavailable";
export type AnswerOutcome =
  | "complete"
  | "refused"
  | "over_share"
  | "busy"
  | "draining"
  | "cancelled"
  | "lost"
  | EngineRefusalCode
  | ProviderFault;

/** What the coordinator decided about this machine, and why. */
export interface TrustFacts {
  readonly trustLevel: TrustLevel;
  readonly eligible: boolean;
  readonly checks: readonly Check[];
  /** Whose account the machine is in; undefined: nobody's that it has been told of. */
  readonly owner?: string | undefined;
}

/** Why a TPM did not do what it was asked; a closed list, so that it can be logged and counted. */
export type TpmFault =
  /** No device or no socket at the address. */
  | "unreachable"
  /** It is there, but this user may not open it. */
  | "denied"
  | "timeout"
  /** The connection ended, or was given up after a fault. */
  | "lost"
  /** The answer is not what the specification says. */
  | "malformed"
  | "auth_refused"
  | "locked_out"
  /** A wrapped key that this TPM did not make, or no longer can open. */
  | "integrity"
  | "handle"
  | "out_of_memory"
  | "busy"
  | "not_started"
  | "broken"
  | "unsupported"
  /** Any other response code. */
  | "refused";
