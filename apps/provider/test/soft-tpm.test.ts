import { existsSync } from "node:fs";
import { connect } from "node:net";
import { X509Certificate } from "node:crypto";
import { expect, it } from "vitest";
import { hasSoftTpm, SoftTpm } from "./soft-tpm.ts";

/**
 * Goal: a test's TPM is one that a maker vouches for, and nothing of it is left behind. Method: read the
 * certificates out of its memory with somebody else's tools; look for its folder and port afterwards.
 */
it.skipIf(!hasSoftTpm)("is a TPM with an EK certificate, for as long as it is needed (needs swtpm)", async () => {
  let folder: string, port: number;
  {
    await using tpm = await SoftTpm.start();
    folder = tpm.file(".");
    ({ port } = tpm.address);
    await tpm.tool("tpm2_nvread", "0x01c00002", "-o", "rsa-ek.crt");
    await tpm.tool("tpm2_nvread", "0x01c00016", "-o", "ecc-ek.crt");
    const issuer = new X509Certificate(tpm.issuerDer);
    const root = new X509Certificate(tpm.rootDer);
    for (const file of ["rsa-ek.crt", "ecc-ek.crt"])
      expect(new X509Certificate(tpm.read(file)).verify(issuer.publicKey), file).toBe(true);
    expect(issuer.verify(root.publicKey)).toBe(true);
    expect(root.verify(root.publicKey)).toBe(true);
  }
  expect(existsSync(folder)).toBe(false);
  await expect(
    new Promise((resolve, reject) => connect(port, "127.0.0.1", () => resolve("open")).once("error", reject)),
  ).rejects.toThrow("ECONNREFUSED");
});
