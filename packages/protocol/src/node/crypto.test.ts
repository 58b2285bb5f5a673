import { generateKeyPairSync, sign as nodeSign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { testCountersigner, testSigner } from "../../test/keys.ts";
import { fromHex, toHex, utf8 } from "../bytes.ts";
import { signatureAlgorithms } from "../ports.ts";
import { nodeCrypto } from "./crypto.ts";

describe("hashes", () => {
  /** Goal: parts, pieces and the whole give one hash. Method: FIPS 180-2's "abc", cut in several ways. */
  it("hashes in parts and in pieces", () => {
    const expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    expect(toHex(nodeCrypto.sha256(utf8("abc")))).toBe(expected);
    expect(toHex(nodeCrypto.sha256(utf8("a"), utf8(""), utf8("bc")))).toBe(expected);
    const stream = nodeCrypto.newSha256();
    for (const letter of "abc") stream.update(utf8(letter));
    expect(toHex(stream.digest())).toBe(expected);
  });
});

describe("signatures", () => {
  const message = utf8("a message");

  /** Goal: only the right key's signature over the right bytes counts, and malformed input is false, never a throw. Method: one good case and its breakages. */
  it("checks P-256", async () => {
    const { publicKey, sign } = testSigner("crypto test");
    const signature = sign(message);
    expect(await nodeCrypto.verifyP256(publicKey, message, signature)).toBe(true);
    const compressed = Uint8Array.of(2 + ((publicKey[64] ?? 0) & 1), ...publicKey.subarray(1, 33));
    const offCurve = publicKey.with(64, (publicKey[64] ?? 0) ^ 1);
    const broken: [Uint8Array, Uint8Array, Uint8Array][] = [
      [testSigner("another").publicKey, message, signature],
      [publicKey, utf8("a messagE"), signature],
      [publicKey, message, signature.with(10, (signature[10] ?? 0) ^ 1)],
      [publicKey, message, signature.subarray(0, -1)],
      [publicKey, message, new Uint8Array(0)],
      [publicKey, message, new Uint8Array([...signature, 0])],
      [compressed, message, signature],
      [offCurve, message, signature],
      [new Uint8Array(0), message, signature],
    ];
    for (const [key, bytes, der] of broken) expect(await nodeCrypto.verifyP256(key, bytes, der)).toBe(false);
  });

  /** Goal: the same for Ed25519. Method: RFC 8032 §7.1, test 2, and breakages. */
  it("checks Ed25519", async () => {
    const publicKey = fromHex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    const signature = fromHex(
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    );
    expect(await nodeCrypto.verifyEd25519(publicKey, Uint8Array.of(0x72), signature)).toBe(true);
    expect(await nodeCrypto.verifyEd25519(publicKey, Uint8Array.of(0x73), signature)).toBe(false);
    expect(await nodeCrypto.verifyEd25519(publicKey, Uint8Array.of(0x72), signature.subarray(1))).toBe(false);
    expect(await nodeCrypto.verifyEd25519(publicKey.subarray(1), Uint8Array.of(0x72), signature)).toBe(false);
  });

  /** Goal: a signature counts under its own algorithm and key alone. Method: three kinds of key, each signature under every algorithm. */
  it("checks by SubjectPublicKeyInfo", async () => {
    const pairs = {
      rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
      ecdsa: generateKeyPairSync("ec", { namedCurve: "P-384" }),
      other: generateKeyPairSync("ec", { namedCurve: "P-384" }),
    };
    const spkiOf = (name: keyof typeof pairs) =>
      new Uint8Array(pairs[name].publicKey.export({ format: "der", type: "spki" }));
    for (const algorithm of signatureAlgorithms) {
      const kind = algorithm.startsWith("rsa") ? "rsa" : "ecdsa";
      const signature = nodeSign(algorithm.slice(-6), message, pairs[kind].privateKey);
      for (const other of signatureAlgorithms)
        expect(await nodeCrypto.verifySpki(other, spkiOf(kind), message, signature)).toBe(other === algorithm);
      expect(await nodeCrypto.verifySpki(algorithm, spkiOf("other"), message, signature)).toBe(false);
      expect(await nodeCrypto.verifySpki(algorithm, spkiOf(kind), utf8("another"), signature)).toBe(false);
      expect(await nodeCrypto.verifySpki(algorithm, spkiOf(kind).subarray(1), message, signature)).toBe(false);
    }
  });

  /** Goal: keys that were pushed out of the cache work again. Method: more keys than are kept, the first one before and after. */
  it("outlives its own cache", async () => {
    const first = testCountersigner("first");
    const signature = first.sign(message);
    expect(await nodeCrypto.verifyEd25519(first.publicKey, message, signature)).toBe(true);
    for (let n = 0; n < 1100; n++) {
      const key = new Uint8Array(32);
      new DataView(key.buffer).setUint32(0, n);
      expect(await nodeCrypto.verifyEd25519(key, message, signature)).toBe(false);
    }
    expect(await nodeCrypto.verifyEd25519(first.publicKey, message, signature)).toBe(true);
  });
});
