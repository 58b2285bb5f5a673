import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDataFolder, type DataFolder } from "@darkbloom/protocol/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { appleShape } from "../../../../packages/protocol/test/apple.ts";
import { AppleMdaError, keepMdaChain, mdaEvidenceIn, mdaNonce } from "./apple-mda.ts";

const apple = await appleShape("Enterprise");
const publicKey = new Uint8Array(65).fill(4);
const pemOf = (der: Uint8Array): string => {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
};
const chain = pemOf(apple.intermediateDer) + pemOf(apple.rootDer);

let path: string;
let folder: DataFolder;
beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), "darkbloom-mda-"));
  folder = await openDataFolder(path, "provider");
});
afterEach(async () => {
  await folder[Symbol.asyncDispose]();
  rmSync(path, { recursive: true, force: true });
});

/** Goal: the nonce that is asked with is the one that is shown, and nothing else is kept. Method: ask, answer, and each wrong answer. */
describe("Apple's attestation in a provider's folder", () => {
  it("is asked for with one nonce for each key, and shown as it came", () => {
    const nonce = mdaNonce(folder, publicKey);
    expect(nonce).toHaveLength(32);
    expect(mdaNonce(folder, publicKey)).toEqual(nonce);
    expect(mdaNonce(folder, publicKey.with(1, 5))).not.toEqual(nonce);
    expect(mdaEvidenceIn(folder)).toBeUndefined();
    expect(keepMdaChain(folder, `a line of a tool\n${chain}`)).toBe(2);
    expect(mdaEvidenceIn(folder)?.chain?.map((der) => new Uint8Array(der))).toEqual([
      apple.intermediateDer,
      apple.rootDer,
    ]);
    expect(mdaEvidenceIn(folder)?.random).toHaveLength(32);
    expect(mdaNonce(folder, publicKey)).toEqual(nonce);
  });

  it("cannot come before it was asked for", () => {
    expect(() => keepMdaChain(folder, chain)).toThrow(/run this without --chain first/);
  });

  it.each([
    ["nothing", ""],
    ["no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
    ["too many", chain.repeat(4)],
  ])("is refused where it is %s", (_, pem) => {
    mdaNonce(folder, publicKey);
    expect(() => keepMdaChain(folder, pem)).toThrow(AppleMdaError);
    expect(mdaEvidenceIn(folder)).toBeUndefined();
  });

  it.each(["", "{}", '{"v":1,"random":"?"}'])("says where its file is damaged: %j", (text) => {
    writeFileSync(folder.file("apple-mda.json"), text);
    expect(() => mdaEvidenceIn(folder)).toThrow(/is damaged/);
  });
});
