import type { TrustLevel } from "@darkbloom/protocol/evidence";
import type { AccountId, KeyId, PersonId, Serial, Sha256Hex } from "@darkbloom/protocol/ids";
import type { MicroUsd } from "@darkbloom/protocol/money";
import type { LimitReset } from "../ledger/windows.ts";

/** Whether a key's requests may be readable here and on the machine's wire, or must be sealed by whoever sends them. */
export const keyPrivacies = ["any", "sealed"] as const;
export type KeyPrivacy = (typeof keyPrivacies)[number];

/** What bounds a key, and can be changed while it is used. Null bounds nothing, nor does an empty list. */
export interface KeyTerms {
  /** Its owner's own words, e.g. `laptop`. */
  readonly name: string;
  readonly disabled: boolean;
  /** The most that it may spend in a window. */
  readonly limitMicroUsd: MicroUsd | null;
  /** The most tokens in a window, those of prompts and of answers together. */
  readonly limitTokens: number | null;
  readonly limitReset: LimitReset;
  /** A minute: requests, tokens of prompts, and tokens of answers. */
  readonly rpmLimit: number | null;
  readonly itpmLimit: number | null;
  readonly otpmLimit: number | null;
  /** Models, or other names for them, that may be asked for. */
  readonly allowedModels: readonly string[];
  /** No machine below this level serves the key's requests; null leaves it to the operator's floor. */
  readonly minTrust: TrustLevel | null;
  /** The only machines that serve the key's requests. */
  readonly pins: readonly Serial[];
  readonly privacy: KeyPrivacy;
  /** No machine but the account's own serves the key's requests, which cost nothing. */
  readonly selfRouteOnly: boolean;
  /** Milliseconds since 1970, as are all times here. */
  readonly expiresAt: number | null;
}

/** An API key's public side. The key itself is shown once and only its SHA-256 is kept. */
export interface KeyRecord extends KeyTerms {
  readonly keyId: KeyId;
  readonly account: AccountId;
  /** Who made it with a session; null: an operator for somebody, or nobody knows. */
  readonly createdBy: PersonId | null;
  /** The key's first and last characters, by which its owner knows it again. */
  readonly label: string;
  readonly createdAt: number;
  /** To within `KEY_USED_EVERY_MS`; null where it never was. */
  readonly lastUsedAt: number | null;
  readonly revokedAt: number | null;
}

/** A key's use is written down no more often. */
export const KEY_USED_EVERY_MS = 5 * 60_000;

/**
 * Who may call. An adapter passes `accountsContract`.
 *
 * - `find` answers revoked, disabled and expired keys too; the caller refuses them. By the secret that a rotation replaced it
 *   answers the key as one that expires when that secret does.
 * - `change`, `rotate`, `revoke` and `used` answer for an id, and undefined for an unknown one. What they change counts for the
 *   next `find`. `revoke` is idempotent.
 * - `forgetWords` leaves nothing that somebody wrote into keys of theirs: what bounded them says nothing any more. Of a key that was
 *   not revoked it changes nothing.
 * - `rotate` makes the present secret the earlier one, until `earlierUntil`; what was the earlier one before ends.
 */
export interface Accounts {
  /**
   * False, and nothing is added, where the account has so many that were not revoked: however many are added at once.
   *
   * @param liveMax without it there is no bound
   */
  add(keyHash: Sha256Hex, record: KeyRecord, liveMax?: number): Promise<boolean>;
  find(keyHash: Sha256Hex): Promise<KeyRecord | undefined>;
  byId(keyId: KeyId): Promise<KeyRecord | undefined>;
  /** Oldest first; of one account, or all. @param page only so many of them, behind one of them */
  list(account?: AccountId, page?: KeyPage): Promise<KeyRecord[]>;
  /** What somebody made on any account, and was not revoked. */
  liveBy(personId: PersonId): Promise<KeyRecord[]>;
  change(keyId: KeyId, change: Partial<KeyTerms>): Promise<KeyRecord | undefined>;
  /** @param earlierUntil null: the present secret ends at once */
  rotate(keyId: KeyId, to: RotatedTo, earlierUntil: number | null): Promise<KeyRecord | undefined>;
  revoke(keyId: KeyId, at: number): Promise<KeyRecord | undefined>;
  /** Of the keys of an account, and of all that somebody made elsewhere. */
  forgetWords(of: { readonly account: AccountId; readonly personId: PersonId }): Promise<void>;
  /** Writes down that it was used, where that was not known for so long. May be lost in a crash. */
  used(keyId: KeyId, at: number): Promise<void>;
}

/** Some of the keys that are listed: so many, the oldest first, or those behind one of them. An id of none of them has none behind it. */
export interface KeyPage {
  readonly rows: number;
  readonly after?: KeyId | undefined;
  /** Those alone that somebody made. */
  readonly createdBy?: PersonId | undefined;
}

/** A key's new secret. */
export interface RotatedTo {
  readonly keyHash: Sha256Hex;
  readonly label: string;
}

/** A key as it is found by the secret that a rotation replaced. */
export const endingAt = (record: KeyRecord, until: number): KeyRecord => ({
  ...record,
  expiresAt: Math.min(until, record.expiresAt ?? until),
});
