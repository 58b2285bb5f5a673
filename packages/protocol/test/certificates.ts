import type { webcrypto } from "node:crypto";
import "reflect-metadata";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { startMs } from "./samples.ts";

/** Certificates for tests, made by another implementation than the one that is tested. */

type Bytes = Uint8Array<ArrayBuffer>;

const DAY_MS = 24 * 60 * 60_000;

const kindsOfKey = {
  p256: { name: "ECDSA", namedCurve: "P-256" },
  p384: { name: "ECDSA", namedCurve: "P-384" },
  p521: { name: "ECDSA", namedCurve: "P-521" },
  rsa: rsaKey(2048),
  rsa1024: rsaKey(1024),
  ed25519: { name: "Ed25519" },
} as const;
export type KindOfKey = keyof typeof kindsOfKey;

function rsaKey(modulusLength: number) {
  const publicExponent = Uint8Array.of(1, 0, 1);
  return { name: "RSASSA-PKCS1-v1_5", modulusLength, publicExponent, hash: "SHA-256" } as const;
}

export async function testKeys(kind: KindOfKey): Promise<webcrypto.CryptoKeyPair> {
  const keys = await crypto.subtle.generateKey(kindsOfKey[kind], true, ["sign", "verify"]);
  if (!("privateKey" in keys)) throw new Error("not a pair of keys");
  return keys;
}

/** Somebody who has a name and keys, and may issue certificates. */
export interface Party {
  readonly name: string;
  readonly keys: webcrypto.CryptoKeyPair;
}

export interface CertificatePlan {
  readonly subject: Party;
  readonly issuer: Party;
  readonly hash?: "SHA-1" | "SHA-256" | "SHA-384" | "SHA-512";
  readonly notBefore?: number;
  readonly notAfter?: number;
  /** Left out where it is undefined. */
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength?: number };
  readonly keyUsage?: keyof typeof KeyUsageFlags;
  readonly purposes?: readonly string[];
  readonly extensions?: readonly { readonly oid: string; readonly critical?: boolean; readonly value: Uint8Array }[];
}

/** @returns DER */
export async function certify(plan: CertificatePlan): Promise<Bytes> {
  const { basicConstraints, keyUsage, purposes } = plan;
  const certificate = await X509CertificateGenerator.create({
    serialNumber: "0102030405060708",
    subject: plan.subject.name,
    issuer: plan.issuer.name,
    notBefore: new Date(plan.notBefore ?? startMs - DAY_MS),
    notAfter: new Date(plan.notAfter ?? startMs + 365 * DAY_MS),
    publicKey: plan.subject.keys.publicKey,
    signingKey: plan.issuer.keys.privateKey,
    signingAlgorithm: { ...plan.issuer.keys.privateKey.algorithm, hash: plan.hash ?? "SHA-256" },
    extensions: [
      ...(basicConstraints
        ? [new BasicConstraintsExtension(basicConstraints.ca, basicConstraints.pathLength, true)]
        : []),
      ...(keyUsage ? [new KeyUsagesExtension(KeyUsageFlags[keyUsage], true)] : []),
      ...(purposes ? [new ExtendedKeyUsageExtension([...purposes], false)] : []),
      ...(plan.extensions ?? []).map(
        ({ oid, critical = false, value }) => new Extension(oid, critical, Uint8Array.from(value)),
      ),
    ],
  });
  return new Uint8Array(certificate.rawData);
}

/** What a CA's certificate says of itself, unless a test wants otherwise. */
export const ca = { basicConstraints: { ca: true }, keyUsage: "keyCertSign" } as const;
