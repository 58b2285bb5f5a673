import { describe, expect, it } from "vitest";
import { appleShape } from "../../test/apple.ts";
import { toHex, utf8 } from "../bytes.ts";
import { nodeCrypto } from "../node/crypto.ts";
import { APPLE_ENTERPRISE_ATTESTATION_PIN, pinnedRoot } from "./vendor-roots.ts";

/** Goal: no file becomes a root but the one whose fingerprint is pinned. Method: the right file, and others. */
describe("a vendor's root", () => {
  it("is the file that the pin names", async () => {
    const { rootDer, intermediateDer } = await appleShape("Enterprise");
    const pin = toHex(nodeCrypto.sha256(rootDer));
    expect(pinnedRoot(nodeCrypto, rootDer, pin)).toBe(rootDer);
    expect(pinnedRoot(nodeCrypto, intermediateDer, pin)).toBeUndefined();
    expect(pinnedRoot(nodeCrypto, rootDer.with(20, 0xaa), pin)).toBeUndefined();
    expect(pinnedRoot(nodeCrypto, rootDer, APPLE_ENTERPRISE_ATTESTATION_PIN)).toBeUndefined();
  });

  it("is a certificate", () => {
    const file = utf8("-----BEGIN CERTIFICATE-----");
    expect(pinnedRoot(nodeCrypto, file, toHex(nodeCrypto.sha256(file)))).toBeUndefined();
  });
});
