import { createECDH, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from "node:crypto";
import { fromBase64OrNothing, toBase64, toHex, utf8 } from "../src/bytes.ts";
import { appleNonce } from "../src/evidence/index.ts";
import { parseCertificate, type PathFault } from "../src/x509/index.ts";
import { nodeCrypto } from "../src/node/index.ts";
import { bits, boolean, extension, explicit, integer, nameOf, oid, sequence, time, type Bytes } from "./der-writer.ts";
import { secretNamed } from "./keys.ts";
import { signer, startMs, timeAt } from "./samples.ts";

/**
 * Chains of certificates with known keys. A signature that a committed certificate holds already, over the
 * same bytes and still good, is kept: ECDSA's are otherwise new at every run.
 */

/**
 * Signatures by what they are over, in hex. There can be several, since issuers of one name issue the same. One
 * that is made is kept here as well.
 */
export type Signatures = Map<string, Uint8Array[]>;

/** All certificates that stand anywhere in the committed files. */
export function signaturesIn(committed: readonly unknown[]): Signatures {
  const held: Signatures = new Map();
  const visit = (value: unknown): void => {
    if (typeof value === "string") {
      const certificate = parseCertificate(fromBase64OrNothing(value));
      if (certificate) signaturesOver(held, certificate.tbs).push(certificate.signature);
    } else if (typeof value === "object" && value !== null) Object.values(value).forEach(visit);
  };
  committed.forEach(visit);
  return held;
}

function signaturesOver(signatures: Signatures, tbs: Uint8Array): Uint8Array[] {
  const over = signatures.get(toHex(tbs)) ?? [];
  signatures.set(toHex(tbs), over);
  return over;
}

const DAY_MS = 24 * 60 * 60_000;
const curves = {
  p384: { node: "secp384r1", jwk: "P-384", bytes: 48 },
  k256: { node: "secp256k1", jwk: "secp256k1", bytes: 32 },
};

interface Party {
  readonly name: string;
  readonly privateBytes: Bytes;
  readonly key: KeyObject;
  readonly spki: Bytes;
}

function party(name: string, secret: string, curve: keyof typeof curves = "p384"): Party {
  const { node, jwk, bytes } = curves[curve];
  const privateBytes = new Uint8Array(bytes);
  privateBytes.set(secretNamed(secret), bytes - 32);
  const ecdh = createECDH(node);
  ecdh.setPrivateKey(privateBytes);
  const point = ecdh.getPublicKey();
  const word = (from: number): string => point.subarray(from, from + bytes).toString("base64url");
  const d = Buffer.from(privateBytes).toString("base64url");
  const key = createPrivateKey({ format: "jwk", key: { kty: "EC", crv: jwk, d, x: word(1), y: word(1 + bytes) } });
  const spki = new Uint8Array(createPublicKey(key).export({ format: "der", type: "spki" }));
  return { name, privateBytes, key, spki };
}

const root = party("Vector Root CA", "certificate root");
const middle = party("Vector Middle CA", "certificate middle");
const machine = party("Vector Machine", "certificate machine");
const stranger = party(root.name, "certificate stranger");
const odd = party(machine.name, "certificate odd", "k256");

const hashes = { sha384: "1.2.840.10045.4.3.3", sha256: "1.2.840.10045.4.3.2", sha1: "1.2.840.10045.4.1" } as const;

interface Plan {
  readonly subject: Party;
  readonly issuer: Party;
  readonly hash?: keyof typeof hashes;
  /** What the outer part names instead of what was used. */
  readonly outerHash?: keyof typeof hashes;
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly extensions: readonly Uint8Array[];
}

function issue(signatures: Signatures, plan: Plan): Bytes {
  const { subject, issuer, hash = "sha384" } = plan;
  const algorithm = sequence(oid(hashes[hash]));
  const tbs = sequence(
    explicit(0, integer(2)),
    integer(1),
    algorithm,
    nameOf(issuer.name),
    sequence(time(plan.notBefore ?? startMs - DAY_MS), time(plan.notAfter ?? startMs + 365 * DAY_MS)),
    nameOf(subject.name),
    subject.spki,
    explicit(3, sequence(...plan.extensions)),
  );
  const over = signaturesOver(signatures, tbs);
  // Nothing here verifies SHA-1, and only one is made.
  const isGood = (held: Uint8Array): boolean => hash === "sha1" || verify(hash, tbs, createPublicKey(issuer.key), held);
  const signature = over.find(isGood) ?? new Uint8Array(sign(hash, tbs, issuer.key));
  over.push(signature);
  return sequence(tbs, sequence(oid(hashes[plan.outerHash ?? hash])), bits(signature));
}

const keyCertSign = extension("2.5.29.15", Uint8Array.of(3, 2, 2, 4), true);
const digitalSignature = extension("2.5.29.15", Uint8Array.of(3, 2, 7, 0x80), true);
const isCa = (...limit: readonly Uint8Array[]): Bytes =>
  extension("2.5.29.19", sequence(boolean(true), ...limit), true);
const unknownCritical = extension("1.2.3.4", Uint8Array.of(5, 0), true);

const ofRoot: Plan = { subject: root, issuer: root, extensions: [isCa(integer(1)), keyCertSign] };
const ofMiddle: Plan = { subject: middle, issuer: root, extensions: [isCa(integer(0)), keyCertSign] };
const ofLeaf: Plan = { subject: machine, issuer: middle, extensions: [digitalSignature] };

/** Chains, and the word with which each that is not good is refused. */
export function certificatePath(signatures: Signatures) {
  const make = (plan: Plan): Bytes => issue(signatures, plan);
  const [rootDer, middleDer, leafDer] = [make(ofRoot), make(ofMiddle), make(ofLeaf)];
  const leafWith = (change: Partial<Plan>): Bytes[] => [make({ ...ofLeaf, ...change }), middleDer];
  const middleWith = (change: Partial<Plan>): Bytes[] => [leafDer, make({ ...ofMiddle, ...change })];
  const below = party("Vector Lower CA", "certificate lower");

  const cases: readonly (readonly [about: string, refused: PathFault | null, chain: readonly Bytes[]])[] = [
    ["good, without the root", null, [leafDer, middleDer]],
    ["good, with the root", null, [leafDer, middleDer, rootDer]],
    ["no certificates", "length", []],
    ["the root alone", "length", [rootDer]],
    ["a certificate that is cut off", "malformed", [leafDer.slice(0, -1), middleDer]],
    ["no way to a root", "untrusted", [leafDer]],
    ["an order that is none", "names", [middleDer, leafDer, rootDer]],
    ["SHA-1", "algorithm", leafWith({ hash: "sha1" })],
    ["one algorithm inside, another outside", "algorithm_mismatch", leafWith({ outerHash: "sha256" })],
    ["a key on secp256k1", "key", leafWith({ subject: odd })],
    ["another root of the same name", "signature", middleWith({ issuer: stranger })],
    ["a leaf of tomorrow", "not_yet_valid", leafWith({ notBefore: startMs + DAY_MS })],
    ["a CA of yesterday", "expired", middleWith({ notAfter: startMs - 1000 })],
    ["an issuer that is no CA", "not_ca", middleWith({ extensions: [keyCertSign] })],
    ["a leaf that is a CA", "leaf_is_ca", leafWith({ extensions: [isCa(), keyCertSign] })],
    [
      "a CA too many",
      "path_length",
      [
        make({ ...ofLeaf, issuer: below }),
        make({ subject: below, issuer: middle, extensions: [isCa(), keyCertSign] }),
        middleDer,
      ],
    ],
    ["a CA whose key signs no certificates", "key_usage", middleWith({ extensions: [isCa(), digitalSignature] })],
    [
      "a critical extension that nobody knows",
      "critical_extension",
      leafWith({ extensions: [digitalSignature, unknownCritical] }),
    ],
  ];
  return {
    about:
      "RFC 5280 §6: `chain` is DER, leaf first, at `now`, with `root` as the only root. A leaf may not be a CA; SHA-1 and curves that are not NIST's are not accepted. `refused` is null for a good chain, else the word for the one rule that is broken. The keys are P-384 but for `odd`, which is on secp256k1.",
    now: timeAt(startMs),
    private_keys: Object.fromEntries(
      Object.entries({ root, middle, below, machine, stranger, odd }).map(([name, { privateBytes }]) => [
        name,
        toHex(privateBytes),
      ]),
    ),
    root: toBase64(rootDer),
    cases: cases.map(([about, refused, chain]) => ({ about, refused, chain: chain.map(toBase64) })),
  };
}

/** A leaf in the shape of Apple's Managed Device Attestation, with our nonce in it. */
export function appleMda(signatures: Signatures) {
  const random = secretNamed("apple random");
  const serial = "C02VECTOR001";
  const nonce = appleNonce(nodeCrypto, signer.publicKey, random);
  const said: readonly (readonly [oid: string, value: Uint8Array])[] = [
    ["9.1", utf8(serial)],
    ["11.1", nonce],
    ["13.1", integer(0)],
    ["13.2", utf8("Full Security")],
    ["13.3", integer(0)],
  ];
  const extensions = [
    digitalSignature,
    ...said.map(([last, value]) => extension(`1.2.840.113635.100.8.${last}`, value)),
  ];
  const chain = [issue(signatures, { ...ofLeaf, extensions }), issue(signatures, ofMiddle)];
  return {
    about:
      "A test CA in the shape of Apple's; nothing here was made by Apple. `nonce`: SHA-256(\"darkbloom:apple-mda-nonce:v1\\0\", identity key, random), and the leaf's extension 1.2.840.113635.100.8.11.1. Serial in 9.1; 13.1, 13.2 and 13.3 say that SIP is on, Secure Boot full and no kernel extension of others allowed. The root is that of certificate-path.json.",
    identity_key: toBase64(signer.publicKey),
    random: toHex(random),
    serial,
    nonce: toHex(nonce),
    chain: chain.map(toBase64),
  };
}
