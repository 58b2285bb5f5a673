import { X509Certificate } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { appleShape } from "../../test/apple.ts";
import { changedBytes } from "../../test/changed.ts";
import { toHex, utf8 } from "../bytes.ts";
import { pinnedRoot } from "../evidence/vendor-roots.ts";
import { nodeCrypto } from "../node/crypto.ts";
import { certificateInFile } from "./certificate-file.ts";
import { CERTIFICATE_BYTES_MAX, parseCertificate } from "./certificate.ts";

const { rootDer, intermediateDer } = await appleShape("Enterprise");
const pem = new X509Certificate(rootDer).toString();
const other = new X509Certificate(intermediateDer).toString();

/** Goal: a maker's file is read, and one with more or less in it is not. Method: Node's PEM, and changes of it. */
describe("a file with a certificate", () => {
  it.each<[what: string, file: Uint8Array]>([
    ["DER", rootDer],
    ["PEM", utf8(pem)],
    ["PEM of Windows", utf8(pem.replaceAll("\n", "\r\n"))],
    ["PEM in white space", utf8(`\n${pem}\n\n`)],
    ["PEM in as much white space as there may be", utf8(pem.padEnd(2 * CERTIFICATE_BYTES_MAX))],
  ])("is read as %s", (_, file) => {
    expect(certificateInFile(file)).toEqual(rootDer);
  });

  /** Goal: no file throws, and what is read from one is a certificate, and a root only if it is the pinned one. Method: good files with some bytes changed, and any bytes. */
  it("is read as a certificate, or not", () => {
    const pin = toHex(nodeCrypto.sha256(rootDer));
    const files = fc.oneof(changedBytes(rootDer), changedBytes(utf8(pem)), fc.uint8Array({ maxLength: 400 }));
    fc.assert(
      fc.property(files, (file) => {
        const der = certificateInFile(file);
        if (!der) return;
        expect(parseCertificate(der)?.der).toEqual(der);
        expect(pinnedRoot(nodeCrypto, der, pin) !== undefined).toBe(toHex(der) === toHex(rootDer));
      }),
      { numRuns: 500 },
    );
  });

  it.each<[what: string, file: Uint8Array]>([
    ["nothing", utf8("")],
    ["two certificates", utf8(pem + other)],
    ["words before it", utf8(`Apple's root:\n${pem}`)],
    ["another thing in PEM", utf8(pem.replaceAll("CERTIFICATE", "PUBLIC KEY"))],
    ["a letter less", utf8(pem.replace("M", ""))],
    ["DER and more", Uint8Array.of(...rootDer, 0)],
    ["bytes that are no text", Uint8Array.of(0xff, 0xfe)],
    ["a byte too much", utf8(pem.padEnd(2 * CERTIFICATE_BYTES_MAX + 1))],
  ])("is not read with %s", (_, file) => {
    expect(certificateInFile(file)).toBeUndefined();
  });
});
