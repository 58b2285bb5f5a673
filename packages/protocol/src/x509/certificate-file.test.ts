import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { appleShape } from "../../test/apple.ts";
import { utf8 } from "../bytes.ts";
import { certificateInFile } from "./certificate-file.ts";

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
  ])("is read as %s", (_, file) => {
    expect(certificateInFile(file)).toEqual(rootDer);
  });

  it.each<[what: string, file: Uint8Array]>([
    ["nothing", utf8("")],
    ["two certificates", utf8(pem + other)],
    ["words before it", utf8(`Apple's root:\n${pem}`)],
    ["another thing in PEM", utf8(pem.replaceAll("CERTIFICATE", "PUBLIC KEY"))],
    ["a letter less", utf8(pem.replace("M", ""))],
    ["DER and more", Uint8Array.of(...rootDer, 0)],
    ["bytes that are no text", Uint8Array.of(0xff, 0xfe)],
    ["far too much", utf8(pem + " ".repeat(40_000))],
  ])("is not read with %s", (_, file) => {
    expect(certificateInFile(file)).toBeUndefined();
  });
});
