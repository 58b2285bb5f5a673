import { fromHex, toHex, utf8 } from "@darkbloom/protocol/bytes";
import { nodeCrypto } from "@darkbloom/protocol/node";
import * as fc from "fast-check";
import { generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { derOf, TpmReader } from "./structures.ts";
import { TpmError } from "./tpm-error.ts";

describe("TPM structures", () => {
  /** Goal: r and s in DER are as short as they must be. Method: by X.690, 8.3. */
  it.each([
    { r: "01", s: "7f", der: "300602010102017f" },
    { r: "0000", s: "80", der: "300702010002020080" },
    { r: "0001", s: "00ff", der: "3007020101020200ff" },
  ])("writes ($r, $s) in DER", ({ r, s, der }) => {
    expect(toHex(derOf({ r: fromHex(r), s: fromHex(s) }))).toBe(der);
  });

  /** Goal: OpenSSL takes our DER. Method: signatures of random messages, from their 64 raw bytes. */
  it("writes DER that OpenSSL verifies", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const point = new Uint8Array(publicKey.export({ type: "spki", format: "der" }).subarray(-65));
    await fc.assert(
      fc.asyncProperty(fc.string(), async (text) => {
        const raw = new Uint8Array(sign("sha256", utf8(text), { key: privateKey, dsaEncoding: "ieee-p1363" }));
        return nodeCrypto.verifyP256(point, utf8(text), derOf({ r: raw.slice(0, 32), s: raw.slice(32) }));
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
    expect(() => read(new TpmReader(fromHex("ffffffff00")))).toThrow(TpmError);
  });
});
