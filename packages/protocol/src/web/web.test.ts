import { describe, expect, it } from "vitest";
import { testCountersigner, testSigner } from "../../test/keys.ts";
import { concatBytes, fromHex, toHex, utf8 } from "../bytes.ts";
import { nodeCrypto, nodeHpke } from "../node/index.ts";
import { signatureAlgorithms, type SignatureAlgorithm } from "../ports.ts";
import { rawSignature } from "./der-signature.ts";
import { webCrypto, webHpke, webHpkeKeyFrom } from "./index.ts";

const message = utf8("a message");
const suite = "x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm";

/** Goal: a browser says of every signature what Node says. Method: one good case and its breakages, asked of both. */
describe("signatures by WebCrypto", () => {
  it("hashes in parts and in pieces", () => {
    const expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    expect(toHex(webCrypto.sha256(utf8("a"), utf8(""), utf8("bc")))).toBe(expected);
    const stream = webCrypto.newSha256();
    for (const letter of "abc") stream.update(utf8(letter));
    expect(toHex(stream.digest())).toBe(expected);
  });

  it("checks P-256", async () => {
    const { publicKey, sign } = testSigner("crypto test");
    const signature = sign(message);
    const cases: [Uint8Array, Uint8Array, Uint8Array, boolean][] = [
      [publicKey, message, signature, true],
      [testSigner("another").publicKey, message, signature, false],
      [publicKey, utf8("a messagE"), signature, false],
      [publicKey, message, signature.with(10, (signature[10] ?? 0) ^ 1), false],
      [publicKey, message, signature.subarray(0, -1), false],
      [publicKey, message, new Uint8Array(0), false],
      [publicKey, message, new Uint8Array([...signature, 0]), false],
      [Uint8Array.of(2, ...publicKey.subarray(1, 33)), message, signature, false],
      [publicKey.with(64, (publicKey[64] ?? 0) ^ 1), message, signature, false],
      [new Uint8Array(0), message, signature, false],
    ];
    for (const [key, bytes, der, good] of cases) {
      expect(await webCrypto.verifyP256(key, bytes, der)).toBe(good);
      expect(await nodeCrypto.verifyP256(key, bytes, der)).toBe(good);
    }
  });

  it("checks Ed25519", async () => {
    const { publicKey, sign } = testCountersigner("crypto test");
    const signature = sign(message);
    expect(await webCrypto.verifyEd25519(publicKey, message, signature)).toBe(true);
    expect(await webCrypto.verifyEd25519(publicKey, utf8("another"), signature)).toBe(false);
    expect(await webCrypto.verifyEd25519(publicKey, message, signature.subarray(1))).toBe(false);
    expect(await webCrypto.verifyEd25519(publicKey.subarray(1), message, signature)).toBe(false);
    expect(await webCrypto.verifyEd25519(testSigner("x").publicKey, message, signature)).toBe(false);
  });

  it("checks by SubjectPublicKeyInfo, each algorithm and curve", async () => {
    for (const algorithm of signatureAlgorithms)
      for (const kind of algorithm.startsWith("rsa") ? ["RSA"] : ["P-256", "P-384", "P-521"]) {
        const { spki, signature } = await signedBy(algorithm, kind);
        for (const other of signatureAlgorithms) {
          expect(await webCrypto.verifySpki(other, spki, message, signature)).toBe(other === algorithm);
          expect(await nodeCrypto.verifySpki(other, spki, message, signature)).toBe(other === algorithm);
        }
        expect(await webCrypto.verifySpki(algorithm, spki, utf8("another"), signature)).toBe(false);
        expect(await webCrypto.verifySpki(algorithm, spki.subarray(1), message, signature)).toBe(false);
      }
  });

  it.each<[what: string, der: string, raw: string | undefined]>([
    ["small numbers", "3006020101020102", "00010002"],
    ["a number with its top bit set", "30080202008002020090", "00800090"],
    ["a number of the whole length", "3008020200ff02027fff", "00ff7fff"],
    ["a number that is too long", "3009020301000002020001", undefined],
    ["a negative number", "3006020180020101", undefined],
    ["a number with a zero too many", "300702020001020101", undefined],
    ["a byte behind", "300602010102010200", undefined],
    ["a byte inside behind", "300702010102010200", undefined],
    ["one number", "3003020101", undefined],
    ["nothing", "", undefined],
  ])("reads DER with %s", (_, der, raw) => {
    const read = rawSignature(fromHex(der), 2);
    expect(read && toHex(read)).toBe(raw);
  });
});

/** Goal: what one seals the other opens. Method: both adapters, both ways. */
it("agrees with Node on HPKE", () => {
  const info = utf8("some info");
  for (const [sealer, opener] of [
    [webHpke, nodeHpke],
    [nodeHpke, webHpke],
  ] as const) {
    const key = opener.generateKey(suite, 0);
    const sealed = sealer.sealContext(suite, key.publicKey, info);
    const [one, other] = [sealed, key.openContext(sealed.enc, info)].map((context) => context.export(utf8("x"), 44));
    expect(one).toEqual(other);
    const [aead, nonce, aad] = [one?.subarray(0, 32) ?? message, new Uint8Array(12), utf8("aad")];
    const text = sealer.seal(aead, nonce, aad, message);
    expect(opener.open(aead, nonce, aad, text)).toEqual(message);
    expect(opener.open(aead, nonce, utf8("bad"), text)).toBeUndefined();
    expect(opener.open(aead, nonce, aad, text.subarray(0, 15))).toBeUndefined();
    expect(sealer.hkdf(aead, nonce, info, 42)).toEqual(opener.hkdf(aead, nonce, info, 42));
    for (const bad of [new Uint8Array(32), new Uint8Array(31), new Uint8Array(33)])
      expect(() => sealer.sealContext(suite, bad, info)).toThrow(RangeError);
    key.erase();
    expect(() => key.openContext(sealed.enc, info)).toThrow("erased");
  }
  const known = webHpkeKeyFrom(fromHex("497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d"), 0);
  expect(toHex(known.publicKey)).toBe("430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c");
});

async function signedBy(algorithm: SignatureAlgorithm, kind: string) {
  const hash = `SHA-${algorithm.slice(-3)}`;
  const how =
    kind === "RSA"
      ? { name: "RSASSA-PKCS1-v1_5", hash, modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) }
      : { name: "ECDSA", hash, namedCurve: kind };
  const { privateKey, publicKey } = await crypto.subtle.generateKey(how, true, ["sign", "verify"]);
  const made = new Uint8Array(await crypto.subtle.sign(how, privateKey, message));
  const half = made.length / 2;
  const signature = kind === "RSA" ? made : sequence(integer(made.subarray(0, half)), integer(made.subarray(half)));
  return { spki: new Uint8Array(await crypto.subtle.exportKey("spki", publicKey)), signature };
}

function integer(digits: Uint8Array): Uint8Array {
  const from = digits.findIndex((byte) => byte !== 0);
  const left = digits.subarray(from);
  const content = (left[0] ?? 0) >= 0x80 ? concatBytes(Uint8Array.of(0), left) : left;
  return concatBytes(Uint8Array.of(2, content.length), content);
}
const sequence = (...parts: Uint8Array[]): Uint8Array => {
  const content = concatBytes(...parts);
  const length = content.length < 0x80 ? [content.length] : [0x81, content.length];
  return concatBytes(Uint8Array.of(0x30, ...length), content);
};
