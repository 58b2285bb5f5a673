import { fromBase64OrNothing } from "../bytes.ts";
import type { Crypto } from "../ports.ts";
import type { RegistrationBlob } from "../wire/registration.ts";
import { either, unknown } from "./check.ts";
import type { Policy } from "./verdict.ts";
import type { Check } from "./check.ts";

const SOFTWARE_SERIAL = "SW-";
const PSEUDONYM = "PS-";

/** Crockford's base32, without letters that are read as digits. */
const base32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const SERIAL_CHARACTERS = 12;

/** What a coordinator may have a machine sign in place of its serial: nothing that a machine's maker would write. */
export const pseudonymShape = /^PS-[0-9A-HJKMNP-TV-Z]{12}$/;

/** A software identity's serial derives from its key: two data folders on one machine are two machines. */
export const softwareSerial = (crypto: Crypto, publicKey: Uint8Array): string =>
  SOFTWARE_SERIAL + characters(crypto.sha256(publicKey));

/** @param mac of a machine's serial, under a key of the network: 12 bytes or more */
export const pseudonymFrom = (mac: Uint8Array): string => PSEUDONYM + characters(mac);

/** A name that the identity key itself vouches for. */
export const isSoftwareSerial = (serial: string): boolean => serial.startsWith(SOFTWARE_SERIAL);

/** Kept for coordinators: no machine has such a serial of its own. */
export const isPseudonym = (serial: string): boolean => serial.startsWith(PSEUDONYM);

const characters = (bytes: Uint8Array): string =>
  Array.from(bytes.subarray(0, SERIAL_CHARACTERS), (byte) => base32[byte % 32]).join("");

export const MACHINE_SERIAL = "machine.serial";

/** So that no machine takes the name of another, whose callers have pinned it. */
export function serialChecks(crypto: Crypto, { serial, identity_key }: RegistrationBlob, policy: Policy): Check[] {
  if (policy.serialAlias !== undefined)
    return [
      either(
        MACHINE_SERIAL,
        serial === policy.serialAlias,
        "the pseudonym that this coordinator gave",
        "another than the pseudonym that was given",
        "Update the provider's software, then start it again.",
      ),
    ];
  if (isPseudonym(serial)) return [unknown(MACHINE_SERIAL, "a pseudonym, given by the coordinator")];
  if (!isSoftwareSerial(serial)) return [];
  return [
    either(
      MACHINE_SERIAL,
      serial === softwareSerial(crypto, fromBase64OrNothing(identity_key)),
      "derived from the identity key",
      "the serial of another identity key",
      "Start the provider again.",
    ),
  ];
}
