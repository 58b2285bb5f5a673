import type { TrustLevel } from "@darkbloom/protocol/evidence";
import type { JobId, ProviderId, Serial } from "@darkbloom/protocol/ids";
import type { ReceiptDocument } from "@darkbloom/protocol/receipts";

/** What is known when the first content exists, or a stream begins before it: the response headers of every successful inference. */
export interface AnswerFacts {
  readonly jobId: JobId;
  readonly providerId: ProviderId;
  /** Undefined where the operator discloses none. */
  readonly serial: Serial | undefined;
  readonly chip: string;
  /** Of the verdict that was in force when the request was handed over. */
  readonly attested: boolean;
  readonly trustLevel: TrustLevel;
  readonly privacy: "transparent" | "sealed";
  /** Our own share of the latency by stage, in milliseconds. */
  readonly timing: {
    readonly holdMs: number;
    readonly queueMs: number;
    readonly sealMs: number;
    /** Undefined where the stream began while the prompt was read. */
    readonly firstContentMs: number | undefined;
  };
}

export interface Closing {
  /** Lower-case hex SHA-256 of the body. */
  readonly responseHash: string;
  /** Base64 of the DER signature over it; empty of a sealed answer, whose caller has it sealed. */
  readonly responseSignature: string;
  readonly receipt: ReceiptDocument;
}

/**
 * Where the answer goes. The HTTP edge implements it for a stream and for one plain body.
 *
 * - Nothing reaches the caller before `begin`; a plain body's caller sees nothing before `end`.
 * - `write` resolves when the caller can take more, and throws `caller_gone` once they have left.
 * - `end` resolves when the last bytes are on their way, and calls `delivered` once they have left this program: what is lost
 *   after that, nobody here can know. Where the caller leaves before, it is not called.
 * - After `begin` exactly one of `end` or `fail` follows, unless the caller left.
 */
export interface Reply {
  begin(facts: AnswerFacts): void;
  write(bytes: Uint8Array): Promise<void>;
  end(closing: Closing, delivered?: () => void): Promise<void>;
}
