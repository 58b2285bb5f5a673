import { decode, encode } from "cborg";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { appleShape } from "../../test/apple.ts";
import { certify, testKeys, type CertificatePlan } from "../../test/certificates.ts";
import { changedBytes, replacedAt, valueAt, waysIn } from "../../test/changed.ts";
import { secretNamed } from "../../test/keys.ts";
import { signer, startMs } from "../../test/samples.ts";
import { concatBytes, utf8 } from "../bytes.ts";
import { nodeCrypto } from "../node/crypto.ts";
import { parseCertificate } from "../x509/certificate.ts";
import { appAttestChecks, type AppAttestPolicy } from "./app-attest.ts";
import type { AppAttestEvidence } from "./apple-evidence.ts";
import { appleNonce } from "./apple.ts";
import type { Check } from "./verdict.ts";

const apple = await appleShape("App");
const device = { name: "CN=0123456789abcdef, OU=AAA Certification", keys: await testKeys("p256") };
const random = secretNamed("app attest random");
const identityKey = signer.publicKey;
const clientDataHash = appleNonce(nodeCrypto, "app_attest", identityKey, random);
const appId = "TEAM123456.org.example.provider";
const policy: AppAttestPolicy = { appleRoots: [apple.pinned], appId, environment: "production" };
const DAY_MS = 24 * 60 * 60_000;

const plainLeaf: CertificatePlan = {
  subject: device,
  issuer: apple.intermediate,
  keyUsage: "digitalSignature",
  notAfter: startMs + DAY_MS,
};
const key = parseCertificate(await certify(plainLeaf))?.key;
if (key?.kind !== "p256") throw new Error("the device's key is P-256");
const keyId = nodeCrypto.sha256(key.point);

interface Shape {
  readonly appId: string;
  readonly flags: number;
  readonly counter: number;
  readonly aaguid: string;
  readonly credentialId: Uint8Array;
  readonly rest: Uint8Array;
}
const shape: Shape = {
  appId,
  flags: 0x40,
  counter: 0,
  aaguid: "appattest\0\0\0\0\0\0\0",
  credentialId: keyId,
  rest: utf8("a COSE key"),
};

function authDataOf(change: Partial<Shape>): Uint8Array {
  const { appId: id, flags, counter, aaguid, credentialId, rest } = { ...shape, ...change };
  return concatBytes(
    nodeCrypto.sha256(utf8(id)),
    Uint8Array.of(flags, 0, 0, counter >> 8, counter & 0xff),
    utf8(aaguid),
    Uint8Array.of(0, credentialId.length),
    credentialId,
    rest,
  );
}

interface Change {
  readonly shape?: Partial<Shape>;
  /** The value of the leaf's extension for these authenticator data; undefined leaves it out. */
  readonly nonceExtension?: (nonce: Uint8Array) => Uint8Array | undefined;
  /** What Apple was asked to sign. */
  readonly asked?: Uint8Array;
  readonly leaf?: Partial<CertificatePlan>;
  /** What is encoded as CBOR. */
  readonly object?: (object: Record<string, unknown>, chain: readonly Uint8Array[]) => unknown;
  readonly evidence?: Partial<AppAttestEvidence>;
  readonly identityKey?: Uint8Array;
  readonly policy?: Partial<AppAttestPolicy>;
  readonly now?: number;
}

const asApple = (nonce: Uint8Array): Uint8Array => Uint8Array.of(0x30, 0x24, 0xa1, 0x22, 0x04, 0x20, ...nonce);

async function attestationOf(change: Change): Promise<Uint8Array> {
  const authData = authDataOf(change.shape ?? {});
  const value = (change.nonceExtension ?? asApple)(nodeCrypto.sha256(authData, change.asked ?? clientDataHash));
  const extensions = value ? [{ oid: "1.2.840.113635.100.8.2", value }] : [];
  const chain = [await certify({ ...plainLeaf, extensions, ...change.leaf }), apple.intermediateDer];
  const object = { fmt: "apple-appattest", attStmt: { x5c: chain, receipt: utf8("a receipt") }, authData };
  return encode(change.object ? change.object(object, chain) : object);
}

async function checksOf(change: Change = {}): Promise<readonly Check[]> {
  const evidence = { attestation: await attestationOf(change), keyId, random, ...change.evidence };
  return appAttestChecks(
    nodeCrypto,
    evidence,
    change.identityKey ?? identityKey,
    { ...policy, ...change.policy },
    change.now ?? startMs,
  );
}
const statuses = (checks: readonly Check[]): Record<string, string> =>
  Object.fromEntries(checks.map(({ id, status }) => [id.replace("apple.app_attest.", ""), status]));

const allGood = {
  format: "pass",
  path: "pass",
  nonce: "pass",
  key_id: "pass",
  app: "pass",
  counter: "pass",
  environment: "pass",
  credential_id: "pass",
};
const notLookedAt = Object.fromEntries(Object.keys(allGood).map((id) => [id, "unknown"]));

const another = await testKeys("p256");
const ofP384 = await testKeys("p384");
const large = parseCertificate(await certify({ ...plainLeaf, subject: { ...device, keys: ofP384 } }))?.key;
if (large?.kind !== "p384") throw new Error("the other device's key is P-384");
const largeId = nodeCrypto.sha256(large.point);
const otherRoot = (await appleShape("Enterprise")).pinned;
const good = await attestationOf({});

describe("App Attest", () => {
  /** Goal: a good attestation passes every check. Method: the whole list. */
  it("passes for an attestation in Apple's shape", async () => {
    expect(statuses(await checksOf())).toEqual(allGood);
    const development = { environment: "development" } as const;
    expect(statuses(await checksOf({ shape: { aaguid: "appattestdevelop" }, policy: development }))).toEqual(allGood);
  });

  const short = random.subarray(1);
  const broken: [what: string, check: string, status: "fail" | "unknown", change: Change][] = [
    ["another identity key", "nonce", "fail", { identityKey: identityKey.with(64, 0) }],
    ["another random part", "nonce", "fail", { evidence: { random: secretNamed("another random") } }],
    [
      "a random part that is short",
      "nonce",
      "fail",
      { evidence: { random: short }, asked: appleNonce(nodeCrypto, "app_attest", identityKey, short) },
    ],
    ["a nonce for other data", "nonce", "fail", { nonceExtension: () => asApple(secretNamed("other data")) }],
    ["no nonce", "nonce", "fail", { nonceExtension: () => undefined }],
    ["a nonce that is not wrapped", "nonce", "fail", { nonceExtension: (nonce) => nonce }],
    [
      "a nonce with something after it",
      "nonce",
      "fail",
      { nonceExtension: (nonce) => Uint8Array.of(0x30, 0x26, 0xa1, 0x24, 0x04, 0x20, ...nonce, 5, 0) },
    ],
    [
      "a nonce with a field after it",
      "nonce",
      "fail",
      { nonceExtension: (nonce) => Uint8Array.of(0x30, 0x26, 0xa1, 0x22, 0x04, 0x20, ...nonce, 5, 0) },
    ],
    ["a nonce in another field", "nonce", "fail", { nonceExtension: (nonce) => asApple(nonce).with(2, 0xa2) }],
    [
      "a key of another kind",
      "key_id",
      "fail",
      {
        leaf: { subject: { ...device, keys: ofP384 } },
        evidence: { keyId: largeId },
        shape: { credentialId: largeId },
      },
    ],
    ["another key", "key_id", "fail", { leaf: { subject: { ...device, keys: another } } }],
    ["another app", "app", "fail", { shape: { appId: "TEAM123456.org.example.other" } }],
    ["a policy of another app", "app", "fail", { policy: { appId: "TEAM654321.org.example.provider" } }],
    ["a counter that has counted", "counter", "fail", { shape: { counter: 1 } }],
    ["the environment for development", "environment", "fail", { shape: { aaguid: "appattestdevelop" } }],
    ["the environment for production", "environment", "fail", { policy: { environment: "development" } }],
    ["another key's credential", "credential_id", "fail", { shape: { credentialId: secretNamed("another key") } }],
    ["a certificate that has ended", "path", "unknown", { now: startMs + 30 * DAY_MS }],
  ];

  /** Goal: each check stands for itself. Method: an attestation that breaks just that one. */
  it.each(broken)("with %s: %s is %s", async (_, check, status, change) => {
    expect(statuses(await checksOf(change))).toEqual({ ...allGood, [check]: status });
  });

  it("with the key identifier of another key fails for both that name it", async () => {
    const checks = statuses(await checksOf({ evidence: { keyId: secretNamed("another key") } }));
    expect(checks).toEqual({ ...allGood, key_id: "fail", credential_id: "fail" });
  });

  const nowhere: [what: string, Change][] = [
    ["a root of another service", { policy: { appleRoots: [otherRoot] } }],
    ["a leaf of tomorrow", { leaf: { notBefore: startMs + 1000 } }],
    ["SHA-1", { leaf: { hash: "SHA-1" } }],
    ["a leaf that is signed by itself", { leaf: { issuer: device } }],
    ["a leaf that issues others", { leaf: { basicConstraints: { ca: true } } }],
    ["a leaf that has ended and was never good", { leaf: { hash: "SHA-1" }, now: startMs + 30 * DAY_MS }],
    ["no certificates", { object: (object) => ({ ...object, attStmt: { x5c: [], receipt: utf8("") } }) }],
    [
      "the leaf alone",
      { object: (object, chain) => ({ ...object, attStmt: { x5c: chain.slice(0, 1), receipt: utf8("") } }) },
    ],
  ];

  /** Goal: without a path nothing in the attestation counts. Method: chains to nowhere; all else reads unknown. */
  it.each(nowhere)("with %s leads nowhere", async (_, change) => {
    expect(statuses(await checksOf(change))).toEqual({ ...notLookedAt, format: "pass", path: "fail" });
  });

  const shapeless: [what: string, Change][] = [
    ["nothing", { evidence: { attestation: new Uint8Array(0) } }],
    ["a byte after it", { evidence: { attestation: Uint8Array.of(...good, 0) } }],
    ["another format", { object: (object) => ({ ...object, fmt: "packed" }) }],
    ["no statement", { object: ({ fmt, authData }) => ({ fmt, authData }) }],
    ["no receipt", { object: (object, chain) => ({ ...object, attStmt: { x5c: chain } }) }],
    ["text for a certificate", { object: (object) => ({ ...object, attStmt: { x5c: ["MII"], receipt: utf8("") } }) }],
    ["a list", { object: (object) => [object] }],
    ["data without a key", { shape: { flags: 0 } }],
    ["data that end with the identifier", { shape: { rest: new Uint8Array(0) } }],
    ["an identifier of another length", { shape: { credentialId: keyId.subarray(1) } }],
    ["short data", { object: (object) => ({ ...object, authData: new Uint8Array(37) }) }],
    ["an indefinite length", { evidence: { attestation: Uint8Array.of(0xbf, ...good.subarray(1), 0xff) } }],
    ["a length that is spelled too long", { evidence: { attestation: Uint8Array.of(0xb8, 3, ...good.subarray(1)) } }],
    [
      "a field that is there twice",
      {
        evidence: {
          attestation: Uint8Array.of(0xa4, ...good.subarray(1), ...encode("fmt"), ...encode("apple-appattest")),
        },
      },
    ],
    [
      "too long a receipt",
      { object: (object, chain) => ({ ...object, attStmt: { x5c: chain, receipt: new Uint8Array(32 * 1024) } }) },
    ],
    ["deep nesting", { evidence: { attestation: new Uint8Array(32 * 1024).fill(0x81) } }],
    ["far too much", { evidence: { attestation: new Uint8Array(10_000_000) } }],
  ];

  /** Goal: what is not an attestation says nothing. Method: other shapes; only the format fails. */
  it.each(shapeless)("with %s is none", async (_, change) => {
    expect(statuses(await checksOf(change))).toEqual({ ...notLookedAt, format: "fail" });
  });

  it("reads unknown where it is withheld", async () => {
    expect(statuses(await appAttestChecks(nodeCrypto, { keyId, random }, identityKey, policy, startMs))).toEqual(
      notLookedAt,
    );
  });

  /** Goal: no shape of CBOR throws, and none but Apple's passes. Method: one value of a good attestation replaced, or some bytes of it changed; any values. */
  it("never passes for another object", async () => {
    const object: unknown = decode(good);
    const junk = fc.constantFrom<unknown>(null, 0, -1, 1.5, "x", "__proto__", new Uint8Array(0), [], {}, [[]]);
    const change = fc.constantFrom(...waysIn(object)).chain((way) => {
      const held = valueAt(object, way);
      const isReceipt = way.at(-1) === "receipt";
      return (held instanceof Uint8Array && !isReceipt ? fc.oneof(changedBytes(held), junk) : junk)
        .filter((by) => !(isReceipt && by instanceof Uint8Array) && by !== held)
        .map((by) => replacedAt(object, way, by));
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof({ arbitrary: change, weight: 4 }, fc.jsonValue()), async (value) => {
        const checks = await appAttestChecks(
          nodeCrypto,
          { attestation: encode(value), keyId, random },
          identityKey,
          policy,
          startMs,
        );
        expect(checks.map(({ id }) => id.replace("apple.app_attest.", ""))).toEqual(Object.keys(allGood));
        expect(checks.every(({ status }) => status === "pass")).toBe(false);
      }),
      { numRuns: 400 },
    );
  });

  /** Goal: nothing throws, and no change to what Apple signed passes as a whole. Method: random bytes, and any bit flipped. */
  it("never passes for changed bytes", async () => {
    const whole = async (given: Uint8Array) =>
      (await appAttestChecks(nodeCrypto, { attestation: given, keyId, random }, identityKey, policy, startMs)).every(
        ({ status }) => status === "pass",
      );
    expect(await whole(good)).toBe(true);
    // The receipt is not looked at, so its bits may change.
    const receipt = good.findIndex((_, from) => utf8("a receipt").every((byte, n) => good[from + n] === byte));
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length * 8 - 1), async (bit) => {
        const byte = bit >> 3;
        fc.pre(byte < receipt || byte >= receipt + 9);
        expect(await whole(good.with(byte, (good[byte] ?? 0) ^ (1 << (bit & 7))))).toBe(false);
      }),
      { numRuns: 500 },
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        expect(await whole(bytes)).toBe(false);
      }),
    );
  });
});
