import type { ClearTerms } from "@darkbloom/protocol/dialects";
import type { TrustLevel } from "@darkbloom/protocol/evidence";
import type { AccountId, KeyId, RequestId, Sha256Hex } from "@darkbloom/protocol/ids";
import type { CatalogEntry } from "../catalog/catalog.ts";
import type { Share } from "../limits/budget.ts";
import type { Content } from "./privacy/content.ts";

/** Who asks, for what, within which bounds: all that routing, the ledger and the logs are given of a request. */
export interface Terms extends ClearTerms {
  readonly requestId: RequestId;
  readonly account: AccountId;
  readonly keyId: KeyId;
  readonly minTrust: TrustLevel;
  /** Comes back in the receipt. */
  readonly nonce?: string;
  /** Of the caller's `Idempotency-Key`; the key itself goes no further than the door. */
  readonly idempotencyKeySha256?: Sha256Hex;
  /** Of the body as it was sent. */
  readonly bodyBytes: number;
  readonly bodySha256: Sha256Hex;
}

/** One request as it comes through the door. What it says nobody gets out of `content`. */
export interface Ask {
  readonly terms: Terms;
  readonly content: Content;
  /** Room in memory for what of the answer may not go out yet. */
  readonly answerRoom: Share;
  /** Aborts when the caller hangs up. */
  readonly hangUp: AbortSignal;
  /** Aborts, with `draining`, when this coordinator ends and can wait for answers no longer. */
  readonly shutdown: AbortSignal;
}

/** A request whose model is known: what each machine that is tried is asked for. */
export interface Order {
  readonly ask: Ask;
  readonly entry: CatalogEntry;
  /** The most that may be generated, in tokens, all choices together. */
  readonly maxTokens: number;
}
