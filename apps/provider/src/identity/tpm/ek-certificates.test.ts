import { fromHex, toHex } from "@darkbloom/protocol/bytes";
import { PATH_CERTIFICATES_MAX } from "@darkbloom/protocol/x509";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { certificatesIn, isFor } from "./ek-certificates.ts";

const one = "30820003a1a2a3";
const other = "30820001b1";

describe("the certificates in a TPM", () => {
  /** Goal: certificates are found where makers put them. Method: alone, in a row, filled up, and cut off. */
  it.each([
    { stored: "", are: [] },
    { stored: one, are: [one] },
    { stored: `${one}${"00".repeat(20)}`, are: [one] },
    { stored: `${one}${"ff".repeat(20)}`, are: [one] },
    { stored: `${one}${other}`, are: [one, other] },
    { stored: `${one}ffff${other}00`, are: [one, other] },
    { stored: one.slice(0, -2), are: [] },
    { stored: `${one}${other.slice(0, -2)}`, are: [one] },
    { stored: `1001${one}`, are: [] },
    { stored: `1001000007${one}`, are: [one] },
    { stored: `1001000010${one}${"ff".repeat(9)}`, are: [one] },
    { stored: `1001000007${one}${"00".repeat(3)}1001000005${other}${"ff".repeat(20)}`, are: [one, other] },
    { stored: `1001010007${one}`, are: [] },
    { stored: "1001000007", are: [] },
    {
      stored: other.repeat(PATH_CERTIFICATES_MAX + 1),
      are: Array.from({ length: PATH_CERTIFICATES_MAX }, () => other),
    },
  ])("cuts $stored", ({ stored, are }) => {
    expect(certificatesIn(fromHex(stored)).map(toHex)).toEqual(are);
  });

  it("survives junk", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (certificate, publicArea) => {
        certificatesIn(certificate);
        expect(isFor(certificate, "rsa", publicArea)).toBe(false);
        expect(isFor(certificate, "ecc", publicArea)).toBe(false);
      }),
    );
  });
});
