import { toHex } from "@darkbloom/protocol/bytes";
import type { PersonId } from "@darkbloom/protocol/ids";
import type { Random } from "@darkbloom/protocol/ports";
import type { Begun } from "./begun.ts";

/** Passkeys of one person; another is refused. */
export const PASSKEYS_PER_PERSON_MAX = 32;
/** Of what a passkey is called. */
export const PASSKEY_NAME_CHARS_MAX = 64;

/** A key pair in somebody's device that signs them in. Nothing here is secret. */
export interface Passkey {
  readonly passkeyId: string;
  /** As the device names it, in base64url. */
  readonly credentialId: string;
  readonly personId: PersonId;
  /** As the person calls it, e.g. `laptop`. */
  readonly name: string;
  /** COSE (RFC 9052), in base64url. */
  readonly publicKey: string;
  /** How often the device says that it has signed; of synced ones always 0. */
  readonly counter: number;
  /** The host that it is good at. */
  readonly rpId: string;
  readonly createdAt: number;
  readonly usedAt: number | null;
}

/**
 * An adapter passes `passkeysContract`.
 *
 * - `add` refuses one that is known, and one more than `PASSKEYS_PER_PERSON_MAX`.
 * - `used` writes a counter only where it is above the one that is known, or both are 0: a copied device is seen by the one that comes second.
 */
export interface Passkeys {
  /** @returns whether it was added */
  add(passkey: Passkey): Promise<boolean>;
  find(credentialId: string): Promise<Passkey | undefined>;
  /** The oldest first. */
  of(personId: PersonId): Promise<Passkey[]>;
  /** @returns whether it may count */
  used(credentialId: string, counter: number, at: number): Promise<boolean>;
  /** @returns whether the person had such a passkey */
  remove(personId: PersonId, passkeyId: string): Promise<boolean>;
  removeOf(personId: PersonId): Promise<void>;
}

const ID_BYTES = 16;
export const newPasskeyId = (random: Random): string => `passkey_${toHex(random.bytes(ID_BYTES))}`;

/** Where a page stands that uses a passkey. */
export interface Site {
  /** e.g. `https://api.example.com` */
  readonly origin: string;
  /** Its host, by which devices tell sites apart. */
  readonly rpId: string;
}

/** What a device says of a new key pair. */
export type NewCredential = Pick<Passkey, "credentialId" | "publicKey" | "counter">;

/** Checks what devices say (WebAuthn Level 3, §7). Whether the person was asked (user verification) is always required. */
export interface PasskeyChecks {
  /** What a page gives to the browser for a new passkey. */
  optionsForNew(
    site: Site,
    of: { readonly personId: PersonId; readonly name: string; readonly known: readonly string[] },
  ): Promise<{
    readonly challenge: string;
    readonly options: object;
  }>;
  /** @returns undefined where it does not fit */
  checkNew(site: Site, challenge: string, credential: unknown): Promise<NewCredential | undefined>;
  optionsForUse(site: Site): Promise<{ readonly challenge: string; readonly options: object }>;
  /** @returns the new counter; undefined where it does not fit */
  checkUse(site: Site, challenge: string, credential: unknown, passkey: Passkey): Promise<number | undefined>;
}

/** A question to a device, good once. */
export interface BegunPasskey {
  readonly challenge: string;
}

export interface PasskeyWay {
  readonly checks: PasskeyChecks;
  /** By a browser that wants to sign in. */
  readonly begun: Begun<BegunPasskey>;
  /** By a session that adds one, under the session's id. */
  readonly adding: Begun<BegunPasskey>;
}
