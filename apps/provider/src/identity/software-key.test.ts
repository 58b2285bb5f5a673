import { utf8 } from "@darkbloom/protocol/bytes";
import { tags } from "@darkbloom/protocol/wire";
import { nodeCrypto, openDataFolder, type DataFolder } from "@darkbloom/protocol/node";
import { chmodSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { IdentityKeyError } from "./identity-file.ts";
import { openSoftwareKey } from "./software-key.ts";

describe("a software identity key", () => {
  let path: string;
  let folder: DataFolder;
  const keyFile = () => folder.file("identity-key.pem");

  beforeEach(async () => {
    path = mkdtempSync(join(tmpdir(), "darkbloom-key-"));
    folder = await openDataFolder(path, "provider");
  });
  afterEach(async () => {
    await folder[Symbol.asyncDispose]();
    rmSync(path, { recursive: true });
  });

  it("is made once, for this user alone, and is the same at the next start", () => {
    const first = openSoftwareKey(folder);
    expect(statSync(keyFile()).mode & 0o777).toBe(0o600);
    expect(openSoftwareKey(folder).publicKey).toEqual(first.publicKey);
    expect(first.publicKey).toHaveLength(65);
  });

  it("signs tagged messages, and hashes as their hex", async () => {
    const key = openSoftwareKey(folder);
    const message = utf8("message");
    const tagged = await key.signTagged(tags.receipt, message);
    expect(await nodeCrypto.verifyP256(key.publicKey, utf8(`${tags.receipt}message`), tagged)).toBe(true);
    expect(await nodeCrypto.verifyP256(key.publicKey, message, tagged)).toBe(false);

    const hash = await key.signResponseHash(new Uint8Array(32).fill(0xab));
    expect(await nodeCrypto.verifyP256(key.publicKey, utf8("ab".repeat(32)), hash)).toBe(true);
  });

  it("signs nothing but 32 bytes as a hash", async () => {
    await expect(openSoftwareKey(folder).signResponseHash(utf8(tags.receipt))).rejects.toThrow(RangeError);
  });

  it.each([0o640, 0o604, 0o644])("is refused where others can read it: %o", (mode) => {
    openSoftwareKey(folder);
    chmodSync(keyFile(), mode);
    expect(() => openSoftwareKey(folder)).toThrow(IdentityKeyError);
    expect(() => openSoftwareKey(folder)).toThrow(/chmod 600/);
  });

  it("is refused, unquoted, where the file is something else", () => {
    folder.write("identity-key.pem", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n");
    expect(() => openSoftwareKey(folder)).toThrow(/not a P-256 private key/);
    expect(() => openSoftwareKey(folder)).not.toThrow(/c2VjcmV0|secret/);
  });
});
