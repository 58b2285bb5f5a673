import { fromUtf8, equalBytes } from "../bytes.ts";
import type { Crypto } from "../ports.ts";
import type { Certificate } from "../x509/certificate.ts";
import { integerOf, readDer, TAG } from "../x509/der.ts";
import { verifyPath, type PathFault, type PathRules } from "../x509/path.ts";
import type { MdaEvidence } from "./apple-evidence.ts";
import { APPLE_RANDOM_BYTES, appleNonce, NO_PATH, NO_ROOT, pathFaultWords } from "./apple.ts";
import { either, fail, pass, unknown, WITHHELD } from "./check.ts";
import type { Check } from "./check.ts";
import type { PinnedRoot } from "./vendor-roots.ts";

/** What the registration blob says of the machine. */
export interface MachineFacts {
  /** Uncompressed P-256 point, 65 bytes. */
  readonly identityKey: Uint8Array;
  readonly serial: string;
}

export interface MdaPolicy {
  readonly appleRoots: readonly PinnedRoot[];
}

/** Extensions of the leaf, under Apple's arc (Apple Platform Security, "Managed Device Attestation"). */
const ARC = "1.2.840.113635.100.8";
const OID = {
  serial: `${ARC}.9.1`,
  osVersion: `${ARC}.10.1`,
  sepOsVersion: `${ARC}.10.2`,
  bootloaderVersion: `${ARC}.10.3`,
  freshness: `${ARC}.11.1`,
  sip: `${ARC}.13.1`,
  secureBoot: `${ARC}.13.2`,
  kexts: `${ARC}.13.3`,
} as const;
const EXTENDED_KEY_USAGE = "2.5.29.37";

/** The leaf's own extensions are read below. Apple documents no purpose for it, so any one goes. */
const rules: PathRules = {
  criticalExtensions: [...Object.values(OID), EXTENDED_KEY_USAGE],
  leafMayBeCa: false,
};

const ids = [
  "apple.mda.path",
  "apple.mda.algorithm",
  "apple.mda.serial",
  "apple.mda.freshness",
  "apple.mda.sip",
  "apple.mda.secure_boot",
  "apple.mda.kext",
  "apple.mda.os_version",
  "apple.mda.sepos_version",
  "apple.mda.bootloader_version",
] as const;

const ASK_AGAIN = "Ask the device for a new attestation.";
const CLOCK = "Set the clock of whoever checks, or ask the device for a new attestation.";
const ENROL = "Enrol the machine that the blob names, then ask for a new attestation.";
const FULL_SECURITY = "Choose Full Security in the Mac's Startup Security Utility.";
const TURN_SIP_ON = "Run `csrutil enable` in macOS Recovery.";

/**
 * What Managed Device Attestation shows: that a genuine Apple device with this serial answered, at the request of
 * whoever runs its management, and what its Secure Enclave measured. It does not show that the identity
 * key is in that device: the nonce comes from outside, and any enrolled device would have had it signed.
 * So no check here speaks of the key's residency.
 *
 * @param now milliseconds since 1970
 */
export async function mdaChecks(
  crypto: Crypto,
  evidence: MdaEvidence,
  machine: MachineFacts,
  policy: MdaPolicy,
  now: number,
): Promise<readonly Check[]> {
  const { chain } = evidence;
  if (!chain) return ids.map((id) => unknown(id, WITHHELD));
  if (policy.appleRoots.length === 0) return ids.map((id) => unknown(id, NO_ROOT));
  const followed = await verifyPath(crypto, chain, policy.appleRoots, now, rules);
  if ("refused" in followed) return withoutPath(followed.refused);

  const { path } = followed;
  const [leaf] = path;
  if (!leaf) return withoutPath("length");
  return [
    pass("apple.mda.path", "Apple's root vouches for the device"),
    algorithmCheck(path),
    serialCheck(leaf, machine.serial),
    freshnessCheck(crypto, leaf, machine.identityKey, evidence.random),
    numberCheck(
      leaf,
      OID.sip,
      "apple.mda.sip",
      "System Integrity Protection is on",
      "it is off or reduced",
      TURN_SIP_ON,
    ),
    secureBootCheck(leaf),
    numberCheck(
      leaf,
      OID.kexts,
      "apple.mda.kext",
      "no kernel extensions of others are allowed",
      "kernel extensions of others are allowed",
      FULL_SECURITY,
    ),
    versionCheck(leaf, OID.osVersion, "apple.mda.os_version"),
    versionCheck(leaf, OID.sepOsVersion, "apple.mda.sepos_version"),
    versionCheck(leaf, OID.bootloaderVersion, "apple.mda.bootloader_version"),
  ];
}

function withoutPath(fault: PathFault): readonly Check[] {
  const remedy = fault === "expired" || fault === "not_yet_valid" ? CLOCK : ASK_AGAIN;
  const ofAlgorithm = fault === "algorithm" || fault === "algorithm_mismatch" || fault === "key";
  return ids.map((id) => {
    if (id === "apple.mda.path" || (id === "apple.mda.algorithm" && ofAlgorithm))
      return fail(id, pathFaultWords[fault], remedy);
    return unknown(id, NO_PATH);
  });
}

/** Apple's CAs sign with P-384; anything else is not the chain that we know. */
function algorithmCheck(path: readonly Certificate[]): Check {
  return either(
    "apple.mda.algorithm",
    path.slice(1).every(({ key }) => key.kind === "p384"),
    "ECDSA on P-384 from the root down",
    "another algorithm than Apple's ECDSA on P-384",
    ASK_AGAIN,
  );
}

function serialCheck(leaf: Certificate, serial: string): Check {
  const seen = textIn(leaf, OID.serial);
  const id = "apple.mda.serial";
  if (seen === undefined) return unknown(id, "not in the certificate", ENROL);
  return either(id, seen === serial, "the blob's", "another device's than the blob names", ENROL);
}

/**
 * Compares the freshness code with our nonce in the ways that are told of: for `DeviceInformation` Apple embeds
 * the value as it is, for ACME its SHA-256 (an Apple engineer in https://developer.apple.com/forums/thread/783599);
 * raw, as the extension's whole value, or as an octet string in it.
 *
 * Others found the value as it is in the certificates of 17 Macs, of which 13 more had another. We have seen no real
 * one. A match cannot be an accident, so it passes in each of these ways. Another value is no `fail`: Apple makes one
 * attestation a week for a device and sends the kept one otherwise.
 */
function freshnessCheck(crypto: Crypto, leaf: Certificate, identityKey: Uint8Array, random: Uint8Array): Check {
  const id = "apple.mda.freshness";
  if (random.length !== APPLE_RANDOM_BYTES) return fail(id, "a nonce that could have been guessed", ASK_AGAIN);
  const code = leaf.extensions.get(OID.freshness)?.value;
  if (!code) return unknown(id, "no freshness code in the certificate", ASK_AGAIN);
  const nonce = appleNonce(crypto, identityKey, random);
  const inner = readDer(code, (reader) => reader.content(TAG.octetString));
  const holds = (value: Uint8Array): boolean => equalBytes(code, value) || (!!inner && equalBytes(inner, value));
  if (holds(nonce)) return pass(id, "our nonce, as it is");
  if (holds(crypto.sha256(nonce))) return pass(id, "SHA-256 of our nonce");
  return unknown(id, "another value than our nonce; it may be the attestation that Apple kept", ASK_AGAIN);
}

/** Apple writes these as integers, of which 0 is the safe state. Any other form is not guessed at. */
function numberCheck(leaf: Certificate, oid: string, id: string, good: string, bad: string, remedy: string): Check {
  const value = leaf.extensions.get(oid)?.value;
  if (!value) return unknown(id, "not in the certificate", ASK_AGAIN);
  const number = readDer(value, (reader) => integerOf(reader.content(TAG.integer)));
  if (!number) return unknown(id, "in a form that is not known here");
  return number.every((byte) => byte === 0) ? pass(id, good) : fail(id, bad, remedy);
}

function secureBootCheck(leaf: Certificate): Check {
  const id = "apple.mda.secure_boot";
  const level = textIn(leaf, OID.secureBoot);
  if (level === undefined) return unknown(id, "not in the certificate", ASK_AGAIN);
  if (level === "Full Security") return pass(id, "Full Security");
  if (level === "Reduced Security" || level === "Permissive Security") return fail(id, level, FULL_SECURITY);
  return unknown(id, "in a form that is not known here");
}

function versionCheck(leaf: Certificate, oid: string, id: string): Check {
  const version = textIn(leaf, oid);
  if (version === undefined) return unknown(id, "not in the certificate");
  return /^[\w.()-]{1,64}$/.test(version) ? pass(id, version) : unknown(id, "in a form that is not known here");
}

/** A text as Apple writes it: the extension's whole value, or a string in it. */
function textIn(leaf: Certificate, oid: string): string | undefined {
  const value = leaf.extensions.get(oid)?.value;
  if (!value) return undefined;
  const [tag] = value;
  const wrapped = tag === TAG.utf8String || tag === TAG.printableString || tag === TAG.ia5String;
  const text = wrapped ? readDer(value, (reader) => reader.content(tag)) : value;
  return text?.every((byte) => byte >= 0x20 && byte < 0x7f) ? fromUtf8(text) : undefined;
}
