import { equalBytes } from "../bytes.ts";
import type { Verifier } from "../ports.ts";
import { CERTIFICATE_BYTES_MAX, OID, parseCertificate, type Certificate } from "./certificate.ts";

/**
 * Certificates of one path, root and leaf included. Most makers have a root and one or two CAs below it; Intel has
 * four, of which three are made in the chip.
 */
export const PATH_CERTIFICATES_MAX = 6;
/** Smaller keys are not to be signed with (NIST SP 800-131A, revision 2, §3). */
const RSA_BITS_MIN = 2048;
/** A larger key would cost more to check than any maker's. */
const RSA_BITS_MAX = 8192;
/** Bit of keyUsage (RFC 5280 §4.2.1.3). */
const KEY_CERT_SIGN = 5;
/** DER of a name without any part. */
const EMPTY_NAME_BYTES = 2;

export interface PathRules {
  /** Object identifiers of critical extensions that whoever asks looks at by itself. */
  readonly criticalExtensions: readonly string[];
  /** Whether the first certificate may be one that issues others. */
  readonly leafMayBeCa: boolean;
  /** What the leaf's extended key usage must name; anything goes where it is left out. */
  readonly purpose?: string;
}

/** Why a chain leads to no root. */
export const pathFaults = [
  /** No certificates, or more than a path may have, or a root and nothing below it. */
  "length",
  "size",
  "malformed",
  /** Nothing that is trusted has the name of the last one's issuer. */
  "untrusted",
  /** One names another issuer than the next one's subject. */
  "names",
  /** Signed in a way that is not accepted, SHA-1 among them. */
  "algorithm",
  /** The signed part names another algorithm. */
  "algorithm_mismatch",
  /** RSA below 2048 bits, or neither RSA nor P-256, P-384 or P-521. */
  "key",
  "signature",
  "not_yet_valid",
  "expired",
  /** An issuer that is not a CA. */
  "not_ca",
  "leaf_is_ca",
  /** More CAs below one than it allows. */
  "path_length",
  /** An issuer whose key is not for signing certificates. */
  "key_usage",
  "critical_extension",
  "purpose",
] as const;
export type PathFault = (typeof pathFaults)[number];

/** Leaf first, the root last. */
export type Path = { readonly path: readonly Certificate[] } | { readonly refused: PathFault };

/**
 * Follows a chain to one of the roots (RFC 5280 §6, as far as the chains of machines' makers need it).
 *
 * The chain is in order, and may or may not end in the root. A root is held to what every issuer is
 * held to, but for its own signature: that it is trusted is what its fingerprint said. Names are
 * compared as bytes, which is stricter than §7.1. There are no policies, and name constraints are a
 * critical extension like others. Revocation is for whoever has a list.
 *
 * @param chain DER, the leaf first
 * @param roots DER of certificates that are trusted already
 * @param now milliseconds since 1970
 */
export async function verifyPath(
  crypto: Verifier,
  chain: readonly Uint8Array[],
  roots: readonly Uint8Array[],
  now: number,
  rules: PathRules,
): Promise<Path> {
  if (chain.length === 0 || chain.length > PATH_CERTIFICATES_MAX) return { refused: "length" };
  if (chain.some((der) => der.length > CERTIFICATE_BYTES_MAX)) return { refused: "size" };
  const given = chain.map(parseCertificate).filter((certificate) => certificate !== undefined);
  const last = given.at(-1);
  if (!last || given.length < chain.length) return { refused: "malformed" };

  const rootGiven = roots.some((root) => equalBytes(root, last.der));
  const anchors = rootGiven
    ? [last]
    : roots.map(parseCertificate).filter((root) => root !== undefined && equalBytes(root.subject, last.issuer));
  const issued = rootGiven ? given.slice(0, -1) : given;
  if (issued.length === 0 || issued.length >= PATH_CERTIFICATES_MAX) return { refused: "length" };

  // Roots of one name differ in their keys: the one whose key fits is meant.
  let refused: PathFault = "untrusted";
  for (const anchor of anchors) {
    if (!anchor) continue;
    const path = [...issued, anchor];
    const fault = faultOf(path, now, rules) ?? ((await signaturesFit(crypto, path)) ? undefined : "signature");
    if (!fault) return { path };
    refused = fault;
  }
  return { refused };
}

/** What costs little comes first: signatures are checked only where all else is well. */
function faultOf(path: readonly Certificate[], now: number, rules: PathRules): PathFault | undefined {
  for (const [at, certificate] of path.entries()) {
    const issuer = path[at + 1];
    const fault =
      (issuer && issuedFault(certificate, issuer)) ??
      commonFault(certificate, now, rules, at === 0) ??
      (at === 0 ? leafFault(certificate, rules) : issuerFault(certificate, casBetween(path, at)));
    if (fault) return fault;
  }
  return undefined;
}

function issuedFault(certificate: Certificate, issuer: Certificate): PathFault | undefined {
  if (certificate.issuer.length <= EMPTY_NAME_BYTES) return "names";
  if (!equalBytes(certificate.issuer, issuer.subject)) return "names";
  if (!certificate.algorithmsAgree) return "algorithm_mismatch";
  return certificate.algorithm ? undefined : "algorithm";
}

function commonFault(
  { key, notBefore, notAfter, extensions }: Certificate,
  now: number,
  rules: PathRules,
  isLeaf: boolean,
): PathFault | undefined {
  if (key.kind === "other") return "key";
  if (key.kind === "rsa" && (key.bits < RSA_BITS_MIN || key.bits > RSA_BITS_MAX)) return "key";
  if (now < notBefore) return "not_yet_valid";
  // The last second belongs to it (§4.1.2.5).
  if (now >= notAfter + 1000) return "expired";
  const understood = new Set<string>([OID.basicConstraints, OID.keyUsage, ...rules.criticalExtensions]);
  if (isLeaf && rules.purpose !== undefined) understood.add(OID.extendedKeyUsage);
  for (const [oid, { critical }] of extensions) if (critical && !understood.has(oid)) return "critical_extension";
  return undefined;
}

function leafFault({ isCa, purposes }: Certificate, rules: PathRules): PathFault | undefined {
  if (isCa && !rules.leafMayBeCa) return "leaf_is_ca";
  if (rules.purpose !== undefined && !purposes?.includes(rules.purpose)) return "purpose";
  return undefined;
}

function issuerFault({ isCa, pathLength, keyUsage }: Certificate, cas: number): PathFault | undefined {
  if (!isCa) return "not_ca";
  if (pathLength !== undefined && cas > pathLength) return "path_length";
  // "If a key usage extension is present, verify that the keyCertSign bit is set" (§6.1.4, n).
  return keyUsage && !keyUsage.has(KEY_CERT_SIGN) ? "key_usage" : undefined;
}

/** Certificates between this one and the leaf, but for those that a CA issued to itself (§4.2.1.9). */
const casBetween = (path: readonly Certificate[], at: number): number =>
  path.slice(1, at).filter(({ issuer, subject }) => !equalBytes(issuer, subject)).length;

/** From the root down, so that no key is used for which nobody vouches: a key may be chosen to cost much. */
async function signaturesFit(crypto: Verifier, path: readonly Certificate[]): Promise<boolean> {
  for (const [fromRoot, { algorithm, tbs, signature }] of path.toReversed().entries()) {
    const issuer = path[path.length - fromRoot];
    const fits =
      !issuer || (algorithm !== undefined && (await crypto.verifySpki(algorithm, issuer.spki, tbs, signature)));
    if (!fits) return false;
  }
  return true;
}
