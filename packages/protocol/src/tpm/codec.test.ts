import * as fc from "fast-check";
import { generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { concatBytes, fromHex, toHex, utf8 } from "../bytes.ts";
import { nodeCrypto } from "../node/index.ts";
import { pcrSelection, readWhole, sized, TpmMalformed, TpmReader, u16s } from "./codec.ts";
import { readPcrSelections } from "./attest.ts";
import { readP256Signature } from "./signature.ts";

const signed = (r: Uint8Array, s: Uint8Array, ...algorithms: number[]) =>
  concatBytes(u16s(...(algorithms.length > 0 ? algorithms : [0x18, 0x0b])), sized(r), sized(s));
const readSignature = (bytes: Uint8Array) => readWhole(bytes, readP256Signature);

describe("TPM structures", () => {
  /** Goal: r and s in DER are as short as they must be. Method: by X.690, 8.3. */
  it.each([
    { r: "01", s: "7f", der: "300602010102017f" },
    { r: "0000", s: "80", der: "300702010002020080" },
    { r: "0001", s: "00ff", der: "3007020101020200ff" },
  ])("writes ($r, $s) in DER", ({ r, s, der }) => {
    const bytes = signed(fromHex(r), fromHex(s));
    const read = readSignature(bytes);
    expect([toHex(read?.der ?? new Uint8Array(0)), read?.bytes]).toEqual([der, bytes]);
  });

  it.each([
    ["by RSA", signed(new Uint8Array(32), new Uint8Array(32), 0x14, 0x0b)],
    ["with SHA-384", signed(new Uint8Array(32), new Uint8Array(32), 0x18, 0x0c)],
    ["without r", signed(new Uint8Array(0), new Uint8Array(32))],
    ["without s", signed(new Uint8Array(32), new Uint8Array(0))],
    ["with a longer r", signed(new Uint8Array(33), new Uint8Array(32))],
    ["with a longer s", signed(new Uint8Array(32), new Uint8Array(33))],
  ])("reads no signature %s", (_, bytes) => expect(readSignature(bytes)).toBeUndefined());

  it.each([[[]], [[0]], [[0, 7, 8, 23]], [[16]]])("writes PCRs %j as it reads them", (indexes) => {
    expect(readWhole(pcrSelection(indexes), readPcrSelections)).toEqual([{ hash: 0x0b, indexes }]);
  });

  it("gives copies, of a Buffer's memory too", () => {
    const held = Buffer.from("0002abcd", "hex");
    const read = new TpmReader(held).sized();
    held.fill(0);
    expect(toHex(read)).toBe("abcd");
  });

  /** Goal: OpenSSL takes our DER. Method: signatures of random messages, from their 64 raw bytes. */
  it("writes DER that OpenSSL verifies", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const point = new Uint8Array(publicKey.export({ type: "spki", format: "der" }).subarray(-65));
    await fc.assert(
      fc.asyncProperty(fc.string(), async (text) => {
        const raw = new Uint8Array(sign("sha256", utf8(text), { key: privateKey, dsaEncoding: "ieee-p1363" }));
        const der = readSignature(signed(raw.slice(0, 32), raw.slice(32)))?.der ?? expect.fail("no signature");
        return nodeCrypto.verifyP256(point, utf8(text), der);
      }),
    );
  });

  it.each([
    {
      name: "a list that says it is longer than the answer",
      read: (from: TpmReader) => from.list(4, (of) => of.u32()),
    },
    { name: "a length beyond the end", read: (from: TpmReader) => from.sized() },
    { name: "bytes left over", read: (from: TpmReader) => from.end() },
  ])("refuses $name", ({ read }) => {
    expect(() => read(new TpmReader(fromHex("ffffffff00")))).toThrow(TpmMalformed);
  });
});
