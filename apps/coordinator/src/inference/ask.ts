import type { Dialect, Job } from "@darkbloom/protocol/dialects";
import type { TrustLevel } from "@darkbloom/protocol/evidence";
import type { AccountId, KeyId, RequestId, Serial, Sha256Hex } from "@darkbloom/protocol/ids";
import type { Share } from "../limits/budget.ts";

/** One request as it comes through the door: who asks, for what, and the exact bytes that they sent. */
export interface Ask {
  readonly requestId: RequestId;
  readonly account: AccountId;
  readonly keyId: KeyId;
  readonly dialect: Dialect;
  readonly job: Job;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly bodySha256: Sha256Hex;
  /** Comes back in the receipt. */
  readonly nonce?: string;
  /** Of the caller's `Idempotency-Key`; the key itself goes no further than the door. */
  readonly idempotencyKeySha256?: Sha256Hex;
  readonly minTrust: TrustLevel;
  /** The only machines that may answer; empty: any. */
  readonly pins: readonly Serial[];
  /** Room in memory for what of the answer may not go out yet. */
  readonly held: Share;
  /** Aborts when the caller hangs up. */
  readonly hangUp: AbortSignal;
  /** Aborts, with `draining`, when this coordinator ends and can wait for answers no longer. */
  readonly shutdown: AbortSignal;
}
