import type { TrustLevel } from "@darkbloom/protocol/evidence";
import type { AccountId, KeyId, Serial, Sha256Hex } from "@darkbloom/protocol/ids";

/** An API key's public side. The key itself is shown once and only its SHA-256 is kept. */
export interface KeyRecord {
  readonly keyId: KeyId;
  readonly account: AccountId;
  /** The operator's own words, e.g. `laptop`. */
  readonly label: string;
  /** No machine below this level serves the key's requests; null leaves it to the operator's floor. */
  readonly minTrust: TrustLevel | null;
  /** The only machines that serve the key's requests; empty: any. */
  readonly pins: readonly Serial[];
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly revokedAt: number | null;
}

/**
 * Who may call. An adapter passes `accountsContract`.
 *
 * - `find` answers revoked keys too; the caller refuses them.
 * - `revoke` is idempotent and answers undefined for an unknown id.
 */
export interface Accounts {
  add(keyHash: Sha256Hex, record: KeyRecord): Promise<void>;
  find(keyHash: Sha256Hex): Promise<KeyRecord | undefined>;
  /** Oldest first. */
  list(): Promise<KeyRecord[]>;
  revoke(keyId: KeyId, at: number): Promise<KeyRecord | undefined>;
}
