import { generateKeyPairSync, X509Certificate, type KeyObject } from "node:crypto";
import { rootCertificates } from "node:tls";
import { describe, expect, it } from "vitest";
import { startMs } from "../../test/samples.ts";
import {
  bits,
  boolean,
  der,
  explicit,
  extension,
  integer,
  nameOf,
  octets,
  oid,
  sequence,
  time,
} from "../../test/der-writer.ts";
import { fromHex } from "../bytes.ts";
import { parseCertificate, type Certificate } from "./certificate.ts";
import { TAG } from "./der.ts";

const ecdsaSha256 = sequence(oid("1.2.840.10045.4.3.2"));
const spkiOf = (pair: { readonly publicKey: KeyObject }) =>
  new Uint8Array(pair.publicKey.export({ type: "spki", format: "der" }));
const p256 = spkiOf(generateKeyPairSync("ec", { namedCurve: "P-256" }));

/** The parts of a certificate, each of which a test may replace. Nobody signed it: it is only read. */
const parts = {
  version: explicit(0, integer(2)),
  serial: integer(5),
  inner: ecdsaSha256,
  issuer: nameOf("Issuer"),
  validity: sequence(time(startMs), time(startMs + 1000)),
  subject: nameOf("Subject"),
  spki: p256,
  ids: new Uint8Array(0),
  extensions: explicit(3, sequence(extension("1.2.3", octets()))),
  afterTbs: new Uint8Array(0),
  outer: ecdsaSha256,
  signature: bits(fromHex("3000")),
  end: new Uint8Array(0),
};
type Parts = { readonly [Name in keyof typeof parts]: Uint8Array };

function made(change: Partial<Parts>): Certificate | undefined {
  const { version, serial, inner, issuer, validity, subject, spki, ids, extensions, afterTbs, outer, signature, end } =
    { ...parts, ...change };
  const tbs = sequence(version, serial, inner, issuer, validity, subject, spki, ids, extensions, afterTbs);
  return parseCertificate(sequence(tbs, outer, signature, end));
}
const withExtensions = (...list: readonly Uint8Array[]) => made({ extensions: explicit(3, sequence(...list)) });
const basicConstraints = (...fields: readonly Uint8Array[]) =>
  withExtensions(extension("2.5.29.19", sequence(...fields)));
const NULL = der(TAG.null);

describe("a certificate", () => {
  it("is read", () => {
    expect(made({})).toMatchObject({
      algorithm: "ecdsa_sha256",
      algorithmsAgree: true,
      notBefore: startMs,
      notAfter: startMs + 1000,
      isCa: false,
      key: { kind: "p256", point: p256.slice(-65) },
      issuer: nameOf("Issuer"),
      subject: nameOf("Subject"),
      spki: p256,
      serialNumber: Uint8Array.of(5),
      keyUsage: undefined,
      purposes: undefined,
    });
  });

  /** Goal: one form for each certificate. Method: a certificate with one part that is not as it should be. */
  it.each<[what: string, certificate: Certificate | undefined]>([
    ["of version 1", made({ version: new Uint8Array(0) })],
    ["that spells version 1", made({ version: explicit(0, integer(0)) })],
    ["of version 4", made({ version: explicit(0, integer(3)) })],
    ["with two versions", made({ version: explicit(0, integer(2), integer(2)) })],
    ["without a serial number", made({ serial: new Uint8Array(0) })],
    ["with a serial number that has a zero in front", made({ serial: der(TAG.integer, fromHex("0005")) })],
    ["with one time", made({ validity: sequence(time(startMs)) })],
    ["with three times", made({ validity: sequence(time(startMs), time(startMs), time(startMs)) })],
    ["with a unique identifier", made({ ids: der(0x81, fromHex("00aa")) })],
    ["with something after its extensions", made({ afterTbs: NULL })],
    ["with something after its list of extensions", made({ extensions: explicit(3, sequence(), NULL) })],
    ["with something after its signature", made({ end: NULL })],
    ["with a signature of broken bytes", made({ signature: der(TAG.bitString, fromHex("013000")) })],
    ["with two parameters of an algorithm", made({ outer: sequence(oid("1.2.3"), NULL, NULL) })],
    ["with an algorithm without a name", made({ outer: sequence() })],
    ["with something after its key", made({ spki: sequence(sequence(oid("1.2.3")), bits(), NULL) })],
    [
      "with something after its curve",
      made({ spki: sequence(sequence(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7"), NULL), bits()) }),
    ],
    ["with an extension of three parts", withExtensions(sequence(oid("1.2.3"), octets(), NULL))],
    [
      "with a criticality of another number",
      withExtensions(sequence(oid("1.2.3"), der(TAG.boolean, fromHex("01")), octets())),
    ],
    ["with one extension twice", withExtensions(extension("1.2.3", octets()), extension("1.2.3", octets()))],
    ["with basic constraints of more fields", basicConstraints(boolean(true), integer(1), NULL)],
    ["with a negative path length", basicConstraints(boolean(true), der(TAG.integer, fromHex("ff")))],
    ["with basic constraints and more", withExtensions(extension("2.5.29.19", fromHex("30000500")))],
    ["with a key usage of broken bits", withExtensions(extension("2.5.29.15", der(TAG.bitString, fromHex("0205"))))],
    ["with a purpose that is none", withExtensions(extension("2.5.29.37", sequence(integer(1))))],
  ])("%s is none", (_, certificate) => {
    expect(certificate).toBeUndefined();
  });

  /** Goal: an algorithm counts in its own spelling only. Method: names and parameters. */
  it.each<[what: string, outer: Uint8Array, algorithm: Certificate["algorithm"]]>([
    ["ECDSA with SHA-512", sequence(oid("1.2.840.10045.4.3.4")), "ecdsa_sha512"],
    ["ECDSA with parameters", sequence(oid("1.2.840.10045.4.3.2"), NULL), undefined],
    ["RSA with SHA-384", sequence(oid("1.2.840.113549.1.1.12"), NULL), "rsa_pkcs1_sha384"],
    ["RSA without parameters", sequence(oid("1.2.840.113549.1.1.11")), undefined],
    ["RSA with other parameters", sequence(oid("1.2.840.113549.1.1.11"), sequence()), undefined],
    ["RSA with SHA-1", sequence(oid("1.2.840.113549.1.1.5"), NULL), undefined],
    ["ECDSA with SHA-1", sequence(oid("1.2.840.10045.4.1")), undefined],
  ])("signed by %s", (_, outer, algorithm) => {
    expect(made({ outer })?.algorithm).toBe(algorithm);
    expect(made({ outer })?.algorithmsAgree).toBe(false);
    expect(made({ outer, inner: outer })?.algorithmsAgree).toBe(true);
  });

  const compressed = sequence(
    sequence(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")),
    bits(fromHex("02"), p256.slice(-64, -32)),
  );
  const rsaKey = (modulus: string, ...rest: readonly Uint8Array[]) =>
    sequence(
      sequence(oid("1.2.840.113549.1.1.1"), NULL),
      bits(sequence(der(TAG.integer, fromHex(modulus)), integer(3), ...rest)),
    );

  it.each<[what: string, spki: Uint8Array, key: object]>([
    ["P-384", spkiOf(generateKeyPairSync("ec", { namedCurve: "P-384" })), { kind: "p384" }],
    ["P-521", spkiOf(generateKeyPairSync("ec", { namedCurve: "P-521" })), { kind: "p521" }],
    ["secp256k1", spkiOf(generateKeyPairSync("ec", { namedCurve: "secp256k1" })), { kind: "other" }],
    ["Ed25519", spkiOf(generateKeyPairSync("ed25519")), { kind: "other" }],
    ["RSA-PSS", spkiOf(generateKeyPairSync("rsa-pss", { modulusLength: 2048 })), { kind: "other" }],
    ["RSA of 2048 bits", spkiOf(generateKeyPairSync("rsa", { modulusLength: 2048 })), { kind: "rsa", bits: 2048 }],
    ["RSA of 2047 bits", rsaKey(`7f${"ff".repeat(255)}`), { kind: "rsa", bits: 2047 }],
    ["RSA of 9 bits", rsaKey("0100"), { kind: "rsa", bits: 9 }],
    ["RSA of 8 bits", rsaKey("0080"), { kind: "rsa", bits: 8 }],
    ["RSA with a negative modulus", rsaKey("ff".repeat(256).replace("ff", "80")), { kind: "rsa", bits: 0 }],
    ["RSA with a third number", rsaKey("0080", integer(1)), { kind: "other" }],
    ["a compressed point", compressed, { kind: "other" }],
  ])("has a key: %s", (_, spki, key) => {
    expect(made({ spki })?.key).toMatchObject(key);
  });

  it("says what it may issue and what its key is for", () => {
    expect(basicConstraints(boolean(true))).toMatchObject({ isCa: true, pathLength: undefined });
    expect(basicConstraints(boolean(true), integer(3))).toMatchObject({ isCa: true, pathLength: 3 });
    expect(basicConstraints(boolean(false))).toMatchObject({ isCa: false });
    expect(basicConstraints()).toMatchObject({ isCa: false });
    expect(withExtensions(extension("2.5.29.15", der(TAG.bitString, fromHex("0186")), true))?.keyUsage).toEqual(
      new Set([0, 5, 6]),
    );
    expect(withExtensions(extension("2.5.29.37", sequence(oid("1.2.3"), oid("2.5.29.37.0"))))?.purposes).toEqual([
      "1.2.3",
      "2.5.29.37.0",
    ]);
    expect(made({ extensions: new Uint8Array(0) })?.extensions.size).toBe(0);
    const spelled = sequence(oid("1.2.3"), boolean(false), octets());
    expect(withExtensions(spelled)?.extensions.get("1.2.3")?.critical).toBe(false);
    expect(withExtensions(extension("1.2.3", octets(), true))?.extensions.get("1.2.3")?.critical).toBe(true);
  });

  /** Goal: strictness refuses no certificate that is in use. Method: every root that Node trusts, read as Node reads it. */
  it("is read in every form that the web's roots have", () => {
    expect(rootCertificates.length).toBeGreaterThan(50);
    for (const pem of rootCertificates) {
      const theirs = new X509Certificate(pem);
      const ours = parseCertificate(new Uint8Array(theirs.raw));
      expect(ours, theirs.subject).toMatchObject({
        notBefore: Date.parse(theirs.validFrom),
        notAfter: Date.parse(theirs.validTo),
        isCa: theirs.ca,
        spki: new Uint8Array(theirs.publicKey.export({ type: "spki", format: "der" })),
      });
      const { modulusLength } = theirs.publicKey.asymmetricKeyDetails ?? {};
      if (modulusLength) expect(ours?.key, theirs.subject).toEqual({ kind: "rsa", bits: modulusLength });
    }
  });
});
