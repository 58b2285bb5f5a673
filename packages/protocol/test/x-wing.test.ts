import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_MLKEM768_X25519 } from "hpke";
import { describe, expect, it } from "vitest";
import { fromHex, toHex, utf8 } from "../src/bytes.ts";
import { nodeHpke, nodeKems } from "../src/node/hpke.ts";
import { webHpke, webKems } from "../src/web/index.ts";
import published from "./x-wing-published.json" with { type: "json" };

const suite = "x-wing/hkdf-sha256/aes-256-gcm";
const info = utf8("some info");

describe.each([
  ["Node", nodeHpke, nodeKems[suite]],
  ["a browser", webHpke, webKems[suite]],
])("X-Wing in %s", (_, hpke, kem) => {
  it("is preferred", () => expect(hpke.suites[0]).toBe(suite));

  /** Goal: it is the draft's. Method: the recipient's side of the vectors published with draft-connolly-cfrg-xwing-kem. */
  it.each(published)("is the draft's, of seed $seed", ({ seed, pk, ct, ss }) => {
    const key = kem.keyFrom(fromHex(seed));
    expect(toHex(key.publicKey)).toBe(pk);
    expect(toHex(key.decapsulate(fromHex(ct)))).toBe(ss);
  });

  /** Goal: both adapters agree, in both directions. Method: seal here, open there. */
  it("agrees with the other", () => {
    const other = hpke === nodeHpke ? webHpke : nodeHpke;
    const key = other.generateKey(suite, 0);
    const sealed = hpke.sealContext(suite, key.publicKey, info);
    const opened = key.openContext(sealed.enc, info);
    expect(opened.export(utf8("x"), 44)).toEqual(sealed.export(utf8("x"), 44));
    key.erase();
    expect(() => key.openContext(sealed.enc, info)).toThrow("erased");
  });

  /** Goal: one changed bit gives another secret or none. Method: a bit of either part of what was encapsulated. */
  it("agrees on nothing with what was changed", () => {
    const key = hpke.generateKey(suite, 0);
    const { enc, export: exported } = hpke.sealContext(suite, key.publicKey, info);
    for (const at of [0, 1087, 1088, 1119]) {
      const changed = key.openContext(enc.with(at, (enc[at] ?? 0) ^ 1), info);
      expect(changed.export(utf8("x"), 32)).not.toEqual(exported(utf8("x"), 32));
    }
  });

  it("refuses keys and ciphertexts that are none", () => {
    const key = hpke.generateKey(suite, 0);
    const { enc } = hpke.sealContext(suite, key.publicKey, info);
    // §7.2 of FIPS 203: a coefficient of 4095 is above the modulus. And X25519's points of small order.
    const bad = [
      key.publicKey.subarray(1),
      new Uint8Array(0),
      key.publicKey.with(0, 0xff).with(1, 0xff),
      new Uint8Array([...key.publicKey.subarray(0, 1184), ...new Uint8Array(32)]),
    ];
    for (const publicKey of bad) expect(() => hpke.sealContext(suite, publicKey, info)).toThrow(RangeError);
    for (const none of [enc.subarray(1), new Uint8Array([...enc, 0]), new Uint8Array(32)])
      expect(() => key.openContext(none, info)).toThrow(RangeError);
    const zeros = new Uint8Array([...enc.subarray(0, 1088), ...new Uint8Array(32)]);
    expect(() => key.openContext(zeros, info)).toThrow(RangeError);
    expect(() => kem.keyFrom(new Uint8Array(31))).toThrow(RangeError);
  });
});

/** Goal: HPKE over it is what others make of it. Method: each side here against the other side in the package hpke. */
it("agrees with the package hpke in both directions", async () => {
  const other = new CipherSuite(KEM_MLKEM768_X25519, KDF_HKDF_SHA256, AEAD_AES_256_GCM);
  const theirs = await other.GenerateKeyPair();
  const sealed = nodeHpke.sealContext(suite, await other.SerializePublicKey(theirs.publicKey), info);
  const opened = await other.ReceiveExport(theirs.privateKey, sealed.enc, utf8("label"), 32, { info });
  expect(sealed.export(utf8("label"), 32)).toEqual(new Uint8Array(opened));
  const ours = nodeHpke.generateKey(suite, 0);
  const sent = await other.SendExport(await other.DeserializePublicKey(ours.publicKey), utf8("label"), 32, { info });
  expect(ours.openContext(sent.encapsulatedSecret, info).export(utf8("label"), 32)).toEqual(
    new Uint8Array(sent.exportedSecret),
  );
});
