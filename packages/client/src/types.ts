/** What a program sees of this library. Nothing here names a type of another package, so that none has to be installed for it. */

/** The level that a machine has shown: that it holds one key, or that a maker's root vouches for it. */
export type Level = "self_signed" | "hardware";

/** Where a log's last checkpoint is kept between two runs, by the log's name. */
export interface CheckpointStore {
  read(origin: string): Promise<string | undefined>;
  /** Replaces what was there. */
  write(origin: string, checkpoint: string): Promise<void>;
}

/** A set of weights, by the name that the network has for it, by the SHA-256 of its file, or by both. */
export interface AllowedBuild {
  readonly build?: string;
  readonly weightsSha256?: string;
}

/** What has to be true of a machine before anything is sent to it, and of an answer before it is given out. */
export interface Policy {
  /**
   * Who may read: with `sealed`, the default, up to four machines that are as the policy wants them, and not the coordinator; with
   * `transparent` the coordinator and the machine that answers. It is never lowered by itself.
   */
  readonly mode?: "sealed" | "transparent";
  /** The least that a machine must have shown. Without it `hardware`; where machines are pinned, `self_signed`. */
  readonly minTrust?: Level;
  /** Serials of the only machines that may answer. */
  readonly pins?: readonly string[];
  /** The only weights that may answer. */
  readonly builds?: readonly AllowedBuild[];
  /** Whether an answer without a receipt is refused. It is, unless this says `optional`. */
  readonly receipts?: "required" | "optional";
  /** Base64 of the only coordinator's keys (Ed25519, 32 bytes) that may countersign. Without it those that it publishes. */
  readonly coordinatorKeys?: readonly string[];
  /** Demands that a machine's keys stand in the coordinator's log, and that the log only grows. */
  readonly log?: LogPolicy;
  /** Makers' roots, without which no machine is shown to be at `hardware`. */
  readonly roots?: Roots;
  /** Values that a PCR of a machine's TPM may have, lower-case hex, by its index. */
  readonly pcrs?: Readonly<Record<number, readonly string[]>>;
  /**
   * That a TPM's two keys share a chip nobody but the coordinator can see. With `coordinator` its signed word on that is taken;
   * without it no machine reaches `hardware` by a TPM. Needs `coordinatorKeys`.
   */
  readonly activationBy?: "coordinator";
  /** Identities that somebody has withdrawn: SHA-256 of the identity key, lower-case hex. */
  readonly revoked?: { readonly at: string; readonly identityKeySha256: readonly string[] };
}

export interface LogPolicy {
  /** The log's verifier key, `name+id+key` (c2sp.org/signed-note). Without it the one that the coordinator publishes. */
  readonly key?: string;
  /** Without it the last checkpoint is kept for as long as this object lives. */
  readonly store?: CheckpointStore;
  /** Verifier keys of witnesses, `name+id+key` (c2sp.org/tlog-cosignature), who must have signed what the log shows. */
  readonly witnesses?: readonly string[];
  /** How many of them. Without it all. */
  readonly quorum?: number;
}

export interface Roots {
  /** Apple Enterprise Attestation Root CA, PEM or DER. */
  readonly apple?: string | Uint8Array;
  /** Makers of TPMs: each with the fingerprint (SHA-256 of the DER) that it must have. */
  readonly tpm?: readonly { readonly certificate: string | Uint8Array; readonly sha256: string }[];
}

export interface DarkbloomOptions {
  /** The coordinator's address, with or without `/v1`. */
  readonly baseURL: string;
  /** Sent where a request brings no key of its own. */
  readonly apiKey?: string;
  readonly policy?: Policy;
  /**
   * How a stream ends that does not hold: by throwing a `DarkbloomError` to whoever reads it, or with the error event of the SDK's own
   * API, for whoever hands the bytes on.
   */
  readonly brokenStreams?: "throw" | "event";
  /** Told of each answer once everything about it is known. */
  readonly onVerified?: (verification: Verification) => void;
  /** In place of the platform's. */
  readonly fetch?: typeof fetch;
}

export type StepStatus = "pass" | "fail" | "unknown";

/** Who says what a step claims: a chip or its maker; this library's own computing; the machine; the coordinator. */
export type StepSource = "hardware" | "verifier" | "provider" | "coordinator";

export interface Step {
  /** Stable, e.g. `receipt.signature`. */
  readonly id: string;
  readonly claim: string;
  readonly status: StepStatus;
  readonly source: StepSource;
  /** What was found, in one short phrase. */
  readonly seen: string;
  /** What would mend it; empty where nothing needs mending. */
  readonly remedy: string;
}

/**
 * - `verified`: the whole answer was given out, and everything that the policy asks for was shown
 * - `refused`: something did not hold. Of a plain answer nothing was given out, of a stream not its end
 * - `failed`: the coordinator or a machine answered with an error
 * - `left`: the program stopped reading before the end
 */
export type Outcome = "verified" | "refused" | "failed" | "left";

/** What is known of one answer, and from whom. */
export interface Verification {
  readonly v: 1;
  /** When it was finished, RFC 3339. */
  readonly at: string;
  readonly outcome: Outcome;
  readonly mode: "sealed" | "transparent";
  readonly endpoint: string;
  /** As asked for. */
  readonly model?: string;
  readonly status: number;
  readonly jobId?: string;
  readonly machine?: {
    readonly providerId: string;
    readonly serial: string | null;
    readonly chip: string;
    readonly level: "none" | Level;
    readonly identityKey: string;
    readonly evidenceSha256: string;
  };
  /** As `GET /v1/receipts/{job_id}` gives it. */
  readonly receipt?: Readonly<Record<string, unknown>>;
  /** What was not as it must be. */
  readonly error?: { readonly code: string; readonly action: Action; readonly message: string };
  readonly steps: readonly Step[];
}

/** What a caller should do about an error: mend something of its own, try again, or trust nobody here. */
export type Action = "fix" | "retry" | "stop";

/** What an SDK's constructor takes. */
export interface SdkOptions {
  readonly baseURL: string;
  readonly apiKey: string;
  readonly fetch: typeof fetch;
}

export interface Darkbloom {
  /**
   * Drops into OpenAI's and Anthropic's SDKs. An answer comes out of it only after it was checked; what is refused is an error
   * response in the form of the SDK's own API, or, in the middle of a stream, a `DarkbloomError`.
   */
  readonly fetch: typeof fetch;
  /** `new OpenAI(darkbloom.openai)` */
  readonly openai: SdkOptions;
  /** `new Anthropic(darkbloom.anthropic)` */
  readonly anthropic: SdkOptions;
  /**
   * Everything that was checked of this answer: once its body was read or left.
   *
   * @throws RangeError for a response that is none of this object's answers
   */
  verificationOf(response: Response): Promise<Verification>;
  /**
   * What the coordinator keeps of an answer that was left before its end. It is there once the machine has closed it, after
   * half a minute at most.
   */
  receiptOf(jobId: string, options?: { readonly signal?: AbortSignal }): Promise<Verification | undefined>;
}
