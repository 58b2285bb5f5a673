import type { ClearTerms } from "@darkbloom/protocol/dialects";
import type { TrustLevel } from "@darkbloom/protocol/evidence";
import type { AccountId, KeyId, RequestId, Sha256Hex } from "@darkbloom/protocol/ids";
import type { CatalogEntry } from "../catalog/catalog.ts";
import type { Cap } from "../ledger/caps.ts";
import type { KeyRates } from "../limits/key-rates.ts";
import type { Candidate, Route } from "../machines/eligibility.ts";

/** Who asks, for what, within which bounds: all that routing, the ledger and the logs are given of a request. */
export interface Terms extends ClearTerms {
  readonly requestId: RequestId;
  readonly account: AccountId;
  readonly keyId: KeyId;
  /** What of its key's, or of whom that belongs to, its hold has to fit. */
  readonly caps: readonly Cap[];
  /** How fast its key may be used. */
  readonly rates: KeyRates;
  readonly minTrust: TrustLevel;
  /** Whose machines are wanted, where the caller says. */
  readonly route?: Route;
  /** Comes back in the receipt. */
  readonly nonce?: string;
  /** Of the caller's `Idempotency-Key`; the key itself goes no further than the door. */
  readonly idempotencyKeySha256?: Sha256Hex;
  /** Of a sealed request: who can open it. */
  readonly candidates?: readonly Candidate[];
  /** Of a sealed request, whose choices nobody here can count: the most of all of them together, in tokens. */
  readonly maxTokensInAll?: number;
  /** Of the body: as it was sent, or before it was sealed. */
  readonly bodyBytes: number;
  /** Of what was sent. */
  readonly bodySha256: Sha256Hex;
}

/** What each machine that is tried is asked for. */
export interface ModelTerms {
  readonly entry: CatalogEntry;
  /** The most that may be generated, in tokens, all choices together. */
  readonly maxTokens: number;
}
