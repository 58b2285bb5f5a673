import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from "hpke";
import { describe, expect, it } from "vitest";
import { fromHex, toHex, utf8 } from "../bytes.ts";
import { hpkeKeyFrom, nodeHpke } from "./hpke.ts";
import { nodeCrypto } from "./crypto.ts";

const suite = "x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm";
const info = utf8("some info");

/** From the test vectors published with RFC 9180: mode 0, KEM 0x0020, KDF 0x0001, AEAD 0x0002. */
const published = {
  info: "4f6465206f6e2061204772656369616e2055726e",
  recipientPrivate: "497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d",
  recipientPublic: "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c",
  enc: "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256",
  exports: [
    ["", "ded6cffafaea6b812cbf3e241e88332adbc077aca81512914213810ee291770a"],
    ["00", "04d3cb6cc116b28ffd22ad5bc276c60d31fec71ceb87ae24db811c64b7507339"],
    ["54657374436f6e74657874", "7c5ded445732c14fe09727d29b4251c0fd38455fe8440571e687f0886aac94d2"],
  ],
} as const;

describe("HPKE", () => {
  /** Goal: it is RFC 9180. Method: the recipient's side of the published vector. */
  it("exports what the RFC's vectors say", () => {
    const key = hpkeKeyFrom(fromHex(published.recipientPrivate), 0);
    expect(toHex(key.publicKey)).toBe(published.recipientPublic);
    expect(key.id).toBe(toHex(nodeCrypto.sha256(key.publicKey)));
    const context = key.openContext(fromHex(published.enc), fromHex(published.info));
    for (const [label, value] of published.exports) expect(toHex(context.export(fromHex(label), 32))).toBe(value);
  });

  /** Goal: both sides agree with another implementation. Method: each side here against the other side there, at several lengths. */
  it("agrees with the package hpke in both directions", async () => {
    const other = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM);
    const theirs = await other.GenerateKeyPair();
    const sealed = nodeHpke.sealContext(suite, await other.SerializePublicKey(theirs.publicKey), info);
    const ours = nodeHpke.generateKey(suite, 0);
    const ourPublic = await other.DeserializePublicKey(ours.publicKey);
    for (const length of [16, 32, 33, 100]) {
      const opened = await other.ReceiveExport(theirs.privateKey, sealed.enc, utf8("label"), length, { info });
      expect(sealed.export(utf8("label"), length)).toEqual(new Uint8Array(opened));
      const sent = await other.SendExport(ourPublic, utf8("label"), length, { info });
      const context = ours.openContext(sent.encapsulatedSecret, info);
      expect(context.export(utf8("label"), length)).toEqual(new Uint8Array(sent.exportedSecret));
    }
  });

  /** Goal: no shared secret that anybody knows (RFC 9180 §7.1.4), no key of a wrong length. Method: points of small order; short and long keys. */
  it("refuses keys that agree on nothing", () => {
    const key = nodeHpke.generateKey(suite, 0);
    for (const bad of [
      new Uint8Array(32),
      Uint8Array.of(1, ...new Uint8Array(31)),
      new Uint8Array(31),
      new Uint8Array(33),
    ]) {
      expect(() => key.openContext(bad, info)).toThrow(RangeError);
      expect(() => nodeHpke.sealContext(suite, bad, info)).toThrow(RangeError);
    }
  });

  /** Goal: an erased key opens nothing. Method: use it before and after. */
  it("throws for an erased key", () => {
    const key = nodeHpke.generateKey(suite, 0);
    const { enc } = nodeHpke.sealContext(suite, key.publicKey, info);
    expect(() => key.openContext(enc, info)).not.toThrow();
    key.erase();
    expect(() => key.openContext(enc, info)).toThrow("erased");
  });
});

describe("AES-256-GCM and HKDF", () => {
  const key = new Uint8Array(32);
  const nonce = new Uint8Array(12);

  /** Goal: it is AES-256-GCM with the tag last. Method: test cases 13 and 14 of the GCM specification by McGrew and Viega. */
  it("seals as the standard's examples", () => {
    const none = new Uint8Array(0);
    expect(toHex(nodeHpke.seal(key, nonce, none, none))).toBe("530f8afbc74536b9a963b4f1c4cb738b");
    expect(toHex(nodeHpke.seal(key, nonce, none, new Uint8Array(16)))).toBe(
      "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
    );
  });

  /** Goal: nothing inauthentic is opened. Method: flip each byte of text and aad, cut the tag short. */
  it("opens only what was sealed", () => {
    const aad = utf8("aad");
    const sealed = nodeHpke.seal(key, nonce, aad, utf8("plain"));
    expect(nodeHpke.open(key, nonce, aad, sealed)).toEqual(utf8("plain"));
    for (let at = 0; at < sealed.length; at++)
      expect(nodeHpke.open(key, nonce, aad, sealed.with(at, (sealed[at] ?? 0) ^ 1))).toBeUndefined();
    expect(nodeHpke.open(key, nonce, utf8("bad"), sealed)).toBeUndefined();
    for (const length of [0, 15, sealed.length - 1])
      expect(nodeHpke.open(key, nonce, aad, sealed.subarray(0, length))).toBeUndefined();
  });

  /** Goal: it is HKDF. Method: RFC 5869, appendix A.1. */
  it("derives as RFC 5869", () => {
    const out = nodeHpke.hkdf(
      fromHex("0b".repeat(22)),
      fromHex("000102030405060708090a0b0c"),
      fromHex("f0f1f2f3f4f5f6f7f8f9"),
      42,
    );
    expect(toHex(out)).toBe("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  });
});
