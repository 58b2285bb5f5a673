import { utf8 } from "@darkbloom/protocol/bytes";
import { tags } from "@darkbloom/protocol/wire";
import { nodeCrypto, openDataFolder, systemClock, type DataFolder } from "@darkbloom/protocol/node";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Behaviour } from "../../test/stand-in-enclave.ts";
import { hasSoftTpm, SoftTpm } from "../../test/soft-tpm.ts";
import type { IdentityChoice } from "./choices.ts";
import { openIdentity } from "./identity.ts";
import type { SecureEnclaveOptions } from "./secure-enclave-key.ts";
import type { TpmAddress } from "./tpm/transport.ts";

const standIn = join(import.meta.dirname, "../../test/stand-in-enclave.ts");
const nowhere: TpmAddress = { device: "/dev/no-such-tpm" };
const TEST_MS_MAX = 60_000;

describe("where the identity key lives", () => {
  let path: string;
  let folder: DataFolder;
  beforeEach(async () => {
    path = mkdtempSync(join(tmpdir(), "darkbloom-identity-"));
    folder = await openDataFolder(path, "provider");
  });
  afterEach(async () => {
    await folder[Symbol.asyncDispose]();
    rmSync(path, { recursive: true });
  });
  /** Opens an identity, uses it and leaves it. */
  const taken = async (choice: IdentityChoice, address: TpmAddress, enclave?: SecureEnclaveOptions) => {
    await using identity = await openIdentity(folder, choice, {
      address,
      clock: systemClock,
      ...(enclave && { enclave }),
    });
    const signature = await identity.signer.signTagged(tags.receipt, utf8("m"));
    expect(await nodeCrypto.verifyP256(identity.signer.publicKey, utf8(`${tags.receipt}m`), signature)).toBe(true);
    expect(identity.tpm !== undefined).toBe(identity.home === "tpm");
    return { home: identity.home, reason: identity.reason, key: identity.signer.publicKey };
  };

  it("is a file without a TPM, and the reason is told", async () => {
    expect(await taken("auto", nowhere)).toMatchObject({
      home: "software",
      reason: expect.stringContaining("there is no TPM at /dev/no-such-tpm"),
    });
    expect(await taken("software", nowhere)).toMatchObject({ home: "software" });
  });

  it("is never a file where the owner wants the TPM", async () => {
    await expect(taken("tpm", nowhere)).rejects.toThrow(/no TPM/);
    expect(folder.read("identity-key.pem")).toBe(undefined);
  });

  describe("on a Mac, with a stand-in for the Secure Enclave", () => {
    const mac = (behaviour: Behaviour = "good"): SecureEnclaveOptions => ({
      platform: "darwin",
      helper: [process.execPath, standIn, path, behaviour, "hello"],
    });

    /** Goal: a machine keeps its identity. Method: `auto` again, and again where the enclave does not answer. */
    it("is the enclave where it can be, and stays there", async () => {
      const first = await taken("auto", nowhere, mac());
      expect(first).toMatchObject({ home: "secure-enclave", reason: expect.stringContaining("in the Secure Enclave") });
      expect((await taken("auto", nowhere, mac())).key).toEqual(first.key);
      await expect(taken("auto", nowhere, mac("no_enclave"))).rejects.toThrow(/no Secure Enclave.*move this file away/);
      expect((await taken("secure-enclave", nowhere, mac())).key).toEqual(first.key);
    });

    it("is a file where the enclave cannot be used, and never where the owner wants it", async () => {
      await expect(taken("secure-enclave", nowhere, mac("no_enclave"))).rejects.toThrow(/no Secure Enclave/);
      await expect(taken("secure-enclave", nowhere, { platform: "linux" })).rejects.toThrow(/not a Mac/);
      expect(folder.read("identity-key.pem")).toBe(undefined);
      expect(await taken("auto", nowhere, mac("no_enclave"))).toMatchObject({
        home: "software",
        reason: expect.stringMatching(/Secure Enclave cannot be used\. This Mac has no/),
      });
      expect(await taken("auto", nowhere, mac())).toMatchObject({
        home: "software",
        reason: expect.stringContaining("--identity secure-enclave"),
      });
    });
  });

  describe.skipIf(!hasSoftTpm)("with a TPM (swtpm)", { timeout: TEST_MS_MAX }, () => {
    let soft: SoftTpm;
    beforeAll(async () => {
      soft = await SoftTpm.start();
    }, TEST_MS_MAX);
    afterAll(async () => {
      await soft[Symbol.asyncDispose]();
    });

    /** Goal: a machine keeps its identity. Method: `auto` again, and again without the TPM, which must not get a new key. */
    it("is the TPM where it can be, and stays there", async () => {
      const first = await taken("auto", soft.address);
      expect(first).toMatchObject({ home: "tpm", reason: expect.stringContaining("in the TPM") });
      expect((await taken("auto", soft.address)).key).toEqual(first.key);
      await expect(taken("auto", nowhere)).rejects.toThrow(/no TPM/);
    });

    it("stays the file that the folder has, until the owner wants the TPM", async () => {
      const file = await taken("software", soft.address);
      const kept = await taken("auto", soft.address);
      expect(kept).toMatchObject({
        home: "software",
        reason: expect.stringContaining("--identity tpm"),
        key: file.key,
      });
      const moved = await taken("tpm", soft.address);
      expect(moved.home).toBe("tpm");
      expect((await taken("auto", soft.address)).key).toEqual(moved.key);
    });
  });
});
