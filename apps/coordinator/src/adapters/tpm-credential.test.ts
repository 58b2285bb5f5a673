import {
  constants,
  createDecipheriv,
  createECDH,
  createHash,
  createHmac,
  generateKeyPairSync,
  privateDecrypt,
} from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changedBytes } from "../../../../packages/protocol/test/changed.ts";
import { credentialFor, makeTpmCredential } from "./tpm-credential.ts";

const { privateKey: rsaPrivate, publicKey: rsaPublic } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const modulus = Buffer.from(rsaPublic.export({ format: "jwk" }).n ?? "", "base64url");
const curve = createECDH("prime256v1");
const point = curve.generateKeys();
const [x, y] = [point.subarray(1, 33), point.subarray(33)];

const restrictedDecrypt = "000300b2";
const aes128 = "000600800043";
const hex = (...parts: readonly (string | Buffer)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part, "hex") : part)));
/** TPMT_PUBLIC of the default templates, or of something near them. */
const rsaEk = ({
  hash = "000b",
  attributes = restrictedDecrypt,
  cipher = aes128,
  exponent = "00000000",
  n = modulus,
} = {}) => hex("0001", hash, attributes, "0000", cipher, "0010", "0800", exponent, "0100", n);
const eccEk = ({ curveId = "0003", at = hex("0020", x, "0020", y) } = {}) =>
  hex("0023", "000b", restrictedDecrypt, "0000", aes128, "0010", curveId, "0010", at);

const akName = hex("000b", "ab".repeat(32));
const secret = Buffer.from("a secret of thirty-two bytes ...");

const hmac = (key: Uint8Array, ...parts: readonly (string | Buffer)[]): Buffer =>
  createHmac("sha256", key)
    .update(hex(...parts))
    .digest();
const ascii = (text: string): Buffer => Buffer.from(`${text}\0`);

/** What TPM2_ActivateCredential does with a seed, written out from Part 1 of the TPM 2.0 Library. */
function open(seed: Buffer, idObject: Uint8Array, name: Buffer): Buffer {
  const [size, integrity, encrypted] = [
    Buffer.from(idObject).readUInt16BE(0),
    idObject.slice(2, 34),
    idObject.slice(34),
  ];
  expect(size).toBe(32);
  const integrityKey = hmac(seed, "00000001", ascii("INTEGRITY"), "00000100");
  expect(Buffer.from(integrity)).toEqual(hmac(integrityKey, Buffer.from(encrypted), name));
  const key = hmac(seed, "00000001", ascii("STORAGE"), name, "00000080").subarray(0, 16);
  const plain = createDecipheriv("aes-128-cfb", key, Buffer.alloc(16)).update(encrypted);
  expect(plain.readUInt16BE(0)).toBe(plain.length - 2);
  return plain.subarray(2);
}

/**
 * Goal: a TPM finds the secret, and only the one that was meant. Method: open it with the private halves,
 * with a second account of what a TPM does; real TPMs open them in the testkit's tests.
 */
describe("a credential", () => {
  it("opens with an RSA endorsement key", () => {
    const { idObject, encSecret } = makeTpmCredential(rsaEk(), akName, secret) ?? expect.unreachable();
    expect(encSecret.length).toBe(256);
    const padding = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256", oaepLabel: ascii("IDENTITY") };
    const seed = privateDecrypt({ key: rsaPrivate, ...padding }, encSecret);
    expect(seed.length).toBe(32);
    expect(open(seed, idObject, akName)).toEqual(secret);
  });

  it("opens with a P-256 endorsement key", () => {
    const { idObject, encSecret } = makeTpmCredential(eccEk(), akName, secret) ?? expect.unreachable();
    const given = Buffer.from(encSecret);
    expect([given.readUInt16BE(0), given.readUInt16BE(34), given.length]).toEqual([32, 32, 68]);
    const [theirX, theirY] = [given.subarray(2, 34), given.subarray(36)];
    const agreed = curve.computeSecret(hex("04", theirX, theirY));
    const seed = createHash("sha256")
      .update(hex("00000001", agreed, ascii("IDENTITY"), theirX, x))
      .digest();
    expect(open(seed, idObject, akName)).toEqual(secret);
  });

  it("is never the same twice", () => {
    for (const ek of [rsaEk(), eccEk()])
      expect(makeTpmCredential(ek, akName, secret)).not.toEqual(makeTpmCredential(ek, akName, secret));
  });

  it.each([
    ["nothing", Buffer.alloc(0)],
    ["another hash", rsaEk({ hash: "000c" })],
    ["no cipher", rsaEk({ cipher: "0010" })],
    ["AES-256", rsaEk({ cipher: "000601000043" })],
    ["another mode", rsaEk({ cipher: "000600800042" })],
    ["another cipher", rsaEk({ cipher: "002600800043" })],
    ["a key that signs", rsaEk({ attributes: "000500b2" })],
    ["a key that is not restricted", rsaEk({ attributes: "000200b2" })],
    ["an exponent of one, under which the seed lies open", rsaEk({ exponent: "00000001" })],
    ["an even modulus", rsaEk({ n: Buffer.alloc(256, 0xfe) })],
    ["a point off the curve", eccEk({ at: hex("0020", x, "0020", x) })],
    ["another curve", eccEk({ curveId: "0004" })],
  ])("is not made for %s", (_, ek) => expect(makeTpmCredential(ek, akName, secret)).toBeUndefined());

  it("is made or not, and never throws, for any modulus and any point", () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    fc.assert(
      fc.property(bytes(256), bytes(64), (n, at) => {
        n[0] = 0x80 | (n[0] ?? 0);
        makeTpmCredential(rsaEk({ n: Buffer.from(n) }), akName, secret);
        const odd = eccEk({ at: hex("0020", Buffer.from(at.slice(0, 32)), "0020", Buffer.from(at.slice(32))) });
        expect(makeTpmCredential(odd, akName, secret)).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });

  /** Goal: no keys that a machine sends throw. Method: good public areas with some bytes changed, and any bytes, for each key. */
  it("is made or not, and never throws, for any bytes", () => {
    const akPublic = hex("0023", "000b", "00050072", "0000", "0010", "0018000b", "0003", "0010", "0020", x, "0020", y);
    const certify = { attest: new Uint8Array(0), signature: new Uint8Array(0) };
    const given = (ekPublic: Uint8Array, ak: Uint8Array) =>
      credentialFor({ ekPublic, akPublic: ak, keyPublic: akPublic, certify }, secret);
    expect(given(eccEk(), akPublic)).toBeDefined();
    const junk = fc.uint8Array({ maxLength: 100 });
    const eks = fc.oneof(changedBytes(rsaEk()), changedBytes(eccEk()), junk);
    fc.assert(
      fc.property(eks, fc.oneof(changedBytes(akPublic), junk), (ek, ak) => {
        for (const credential of [given(ek, akPublic), given(eccEk(), ak), given(ek, ak)])
          if (credential) expect(credential.idObject.length).toBe(2 + 32 + 2 + secret.length);
      }),
      { numRuns: 200 },
    );
  });

  it("holds at most a digest", () => {
    expect(makeTpmCredential(rsaEk(), akName, Buffer.alloc(32))).toBeDefined();
    expect(makeTpmCredential(rsaEk(), akName, Buffer.alloc(33))).toBeUndefined();
  });
});
