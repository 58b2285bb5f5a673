import { equalBytes } from "../bytes.ts";
import type { SignatureAlgorithm } from "../ports.ts";
import {
  bitNumbersOf,
  booleanOf,
  DerFault,
  DerReader,
  explicitTag,
  integerOf,
  oidOf,
  readDer,
  smallIntegerOf,
  TAG,
  timeOf,
  wholeBitStringOf,
} from "./der.ts";

/** A longer certificate is not read: those of machines and their makers have less than 3 KiB. */
export const CERTIFICATE_BYTES_MAX = 16 * 1024;

export interface Extension {
  readonly critical: boolean;
  /** The bytes inside the extension's octet string. */
  readonly value: Uint8Array;
}

/** Keys that may sign here; `other` is any key that may not. */
export type CertifiedKey =
  | { readonly kind: "p256" | "p384" | "p521"; /** Uncompressed (SEC 1 §2.3.3). */ readonly point: Uint8Array }
  | { readonly kind: "rsa"; readonly bits: number }
  | { readonly kind: "other" };

/** A certificate, version 3 (RFC 5280 §4.1), as its bytes say it; nothing in it is checked yet. */
export interface Certificate {
  readonly der: Uint8Array;
  /** What is signed. */
  readonly tbs: Uint8Array;
  /** Undefined for one that nothing here verifies, SHA-1 among them. */
  readonly algorithm: SignatureAlgorithm | undefined;
  /** Whether the signed part names the same algorithm as the part around it. */
  readonly algorithmsAgree: boolean;
  readonly signature: Uint8Array;
  /** Two's complement, most significant first. */
  readonly serialNumber: Uint8Array;
  /** DER of the names. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Milliseconds since 1970; both ends belong to it. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  readonly key: CertifiedKey;
  /** By their dotted object identifiers. */
  readonly extensions: ReadonlyMap<string, Extension>;
  readonly isCa: boolean;
  /** How many certificates of CAs may stand between this one and the leaf. */
  readonly pathLength: number | undefined;
  /** Numbers of RFC 5280 §4.2.1.3; undefined where the certificate does not say. */
  readonly keyUsage: ReadonlySet<number> | undefined;
  /** Object identifiers of RFC 5280 §4.2.1.12; undefined where the certificate does not say. */
  readonly purposes: readonly string[] | undefined;
}

export const OID = {
  keyUsage: "2.5.29.15",
  basicConstraints: "2.5.29.19",
  extendedKeyUsage: "2.5.29.37",
} as const;

/** Signature algorithms by object identifier (RFC 5758 §3.2, RFC 4055 §5), and whether parameters say NULL. */
const signatureAlgorithmOf: Readonly<Record<string, { name: SignatureAlgorithm; parameters: "none" | "null" }>> = {
  "1.2.840.10045.4.3.2": { name: "ecdsa_sha256", parameters: "none" },
  "1.2.840.10045.4.3.3": { name: "ecdsa_sha384", parameters: "none" },
  "1.2.840.10045.4.3.4": { name: "ecdsa_sha512", parameters: "none" },
  "1.2.840.113549.1.1.11": { name: "rsa_pkcs1_sha256", parameters: "null" },
  "1.2.840.113549.1.1.12": { name: "rsa_pkcs1_sha384", parameters: "null" },
  "1.2.840.113549.1.1.13": { name: "rsa_pkcs1_sha512", parameters: "null" },
};

/** Curves by object identifier (RFC 5480 §2.1.1.1), and the length of an uncompressed point. */
const curveOf: Readonly<Record<string, { kind: "p256" | "p384" | "p521"; pointBytes: number }>> = {
  "1.2.840.10045.3.1.7": { kind: "p256", pointBytes: 65 },
  "1.3.132.0.34": { kind: "p384", pointBytes: 97 },
  "1.3.132.0.35": { kind: "p521", pointBytes: 133 },
};
const EC_PUBLIC_KEY = "1.2.840.10045.2.1";
const RSA_ENCRYPTION = "1.2.840.113549.1.1.1";

/** Undefined for anything that is not exactly one certificate of version 3 in DER. */
export const parseCertificate = (der: Uint8Array): Certificate | undefined =>
  der.length > CERTIFICATE_BYTES_MAX ? undefined : readDer(der, (reader) => certificateOf(reader, der));

function certificateOf(outer: DerReader, der: Uint8Array): Certificate {
  const parts = outer.into(TAG.sequence);
  const tbs = parts.element(TAG.sequence);
  const algorithm = parts.element(TAG.sequence);
  const signature = wholeBitStringOf(parts.content(TAG.bitString));
  parts.end();

  const fields = new DerReader(tbs.content);
  const version = fields.into(explicitTag(0));
  if (smallIntegerOf(version.content(TAG.integer)) !== 2) throw new DerFault();
  version.end();
  const serialNumber = integerOf(fields.content(TAG.integer));
  const inner = fields.element(TAG.sequence);
  const issuer = fields.element(TAG.sequence).whole;
  const validity = fields.into(TAG.sequence);
  const notBefore = timeOf(validity.next());
  const notAfter = timeOf(validity.next());
  validity.end();
  const subject = fields.element(TAG.sequence).whole;
  const spki = fields.element(TAG.sequence);
  const listed = fields.optional(explicitTag(3));
  // Unique identifiers, [1] and [2], "MUST NOT" be there in what conforming CAs make (§4.1.2.8).
  fields.end();
  const extensions = extensionsOf(listed);
  const { isCa, pathLength } = basicConstraintsOf(extensions.get(OID.basicConstraints));

  return {
    der,
    tbs: tbs.whole,
    algorithm: algorithmOf(algorithm.content),
    algorithmsAgree: equalBytes(algorithm.whole, inner.whole),
    signature,
    serialNumber,
    issuer,
    subject,
    notBefore,
    notAfter,
    spki: spki.whole,
    key: keyOf(spki.content),
    extensions,
    isCa,
    pathLength,
    keyUsage: valueOf(extensions.get(OID.keyUsage), (reader) => bitNumbersOf(reader.content(TAG.bitString))),
    purposes: valueOf(extensions.get(OID.extendedKeyUsage), (reader) =>
      reader.into(TAG.sequence).each((each) => oidOf(each.content(TAG.oid))),
    ),
  };
}

function algorithmOf(content: Uint8Array): SignatureAlgorithm | undefined {
  const reader = new DerReader(content);
  const known = signatureAlgorithmOf[oidOf(reader.content(TAG.oid))];
  const parameters = reader.tag === undefined ? "none" : reader.next().tag === TAG.null ? "null" : "other";
  reader.end();
  return known?.parameters === parameters ? known.name : undefined;
}

function extensionsOf(content: Uint8Array | undefined): ReadonlyMap<string, Extension> {
  const extensions = new Map<string, Extension>();
  if (!content) return extensions;
  const list = new DerReader(content);
  list.into(TAG.sequence).each((each) => {
    const extension = each.into(TAG.sequence);
    const oid = oidOf(extension.content(TAG.oid));
    // `critical FALSE` is a default and should be left out; some makers write it, and it cannot mislead.
    const critical = extension.optional(TAG.boolean);
    const value = extension.content(TAG.octetString);
    extension.end();
    // "MUST NOT include more than one instance of a particular extension" (§4.2).
    if (extensions.has(oid)) throw new DerFault();
    extensions.set(oid, { critical: critical !== undefined && booleanOf(critical), value });
  });
  list.end();
  return extensions;
}

function basicConstraintsOf(extension: Extension | undefined): Pick<Certificate, "isCa" | "pathLength"> {
  const stated = valueOf(extension, (reader) => {
    const fields = reader.into(TAG.sequence);
    const ca = fields.optional(TAG.boolean);
    const length = fields.optional(TAG.integer);
    fields.end();
    return {
      isCa: ca !== undefined && booleanOf(ca),
      pathLength: length === undefined ? undefined : smallIntegerOf(length),
    };
  });
  return stated ?? { isCa: false, pathLength: undefined };
}

/** An extension that is there and cannot be read makes the whole certificate unreadable. */
function valueOf<T>(extension: Extension | undefined, read: (reader: DerReader) => T): T | undefined {
  if (!extension) return undefined;
  const reader = new DerReader(extension.value);
  const value = read(reader);
  reader.end();
  return value;
}

/** 3 and 65537 are what there is; a large one would make whoever checks work for long. */
const RSA_EXPONENT_BYTES_MAX = 4;

/** Of a SubjectPublicKeyInfo; undefined where the bytes are none. */
export const keyOfSpki = (spki: Uint8Array): CertifiedKey | undefined =>
  readDer(spki, (reader) => keyOf(reader.content(TAG.sequence)));

function keyOf(content: Uint8Array): CertifiedKey {
  const reader = new DerReader(content);
  const algorithm = reader.into(TAG.sequence);
  const oid = oidOf(algorithm.content(TAG.oid));
  const bits = wholeBitStringOf(reader.content(TAG.bitString));
  reader.end();
  if (oid === EC_PUBLIC_KEY && algorithm.tag === TAG.oid) {
    const curve = curveOf[oidOf(algorithm.content(TAG.oid))];
    algorithm.end();
    const uncompressed = bits.length === curve?.pointBytes && bits[0] === 4;
    return curve && uncompressed ? { kind: curve.kind, point: bits } : { kind: "other" };
  }
  if (oid !== RSA_ENCRYPTION) return { kind: "other" };
  const key = readDer(bits, (inner) => {
    const numbers = inner.into(TAG.sequence);
    const modulus = integerOf(numbers.content(TAG.integer));
    const exponent = integerOf(numbers.content(TAG.integer));
    numbers.end();
    return exponent.length <= RSA_EXPONENT_BYTES_MAX ? modulus : undefined;
  });
  return key ? { kind: "rsa", bits: bitLengthOf(key) } : { kind: "other" };
}

/** Of a positive number; a negative one has none. */
function bitLengthOf(integer: Uint8Array): number {
  const [first = 0] = integer;
  if (first >= 0x80) return 0;
  const digits = first === 0 ? integer.subarray(1) : integer;
  return digits.length * 8 - Math.clz32(digits[0] ?? 0) + 24;
}
