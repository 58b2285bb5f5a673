import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { concatBytes, toHex, utf8 } from "@darkbloom/protocol/bytes";
import type { Signer } from "@darkbloom/protocol/signer";
import type { DataFolder } from "@darkbloom/protocol/node";
import { IdentityKeyError, readIdentityFile } from "./identity-file.ts";

export const SOFTWARE_KEY_FILE = "identity-key.pem";

const signInThread = promisify<string, Uint8Array, KeyObject, Buffer>(sign);

/**
 * The folder's identity key: P-256 in a file that this user alone may read (PKCS #8 PEM, mode 0600),
 * made at the first start. Whoever can read the file can be this machine; that is what level
 * `self_signed` means.
 *
 * @throws IdentityKeyError where the file is readable by others or is something else
 */
export const openSoftwareKey = (folder: DataFolder): Signer => signerOf(storedKey(folder) ?? newKey(folder));

/** An identity that is in no file and is gone with this process. */
export const passingKey = (): Signer => signerOf(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);

function signerOf(key: KeyObject): Signer {
  return {
    publicKey: pointOf(key),
    signTagged: async (tag, message) =>
      new Uint8Array(await signInThread("sha256", concatBytes(utf8(tag), message), key)),
    signResponseHash: async (hash) => {
      if (hash.length !== 32) throw new RangeError("a response hash has 32 bytes");
      return new Uint8Array(await signInThread("sha256", utf8(toHex(hash)), key));
    },
  };
}

function storedKey(folder: DataFolder): KeyObject | undefined {
  const pem = readIdentityFile(folder, SOFTWARE_KEY_FILE);
  if (!pem) return undefined;
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(pem);
  } catch {
    // OpenSSL's own words are withheld: they may quote the file.
  }
  if (key?.asymmetricKeyDetails?.namedCurve !== "prime256v1")
    throw new IdentityKeyError(
      `The file ${folder.file(SOFTWARE_KEY_FILE)} is not a P-256 private key in PEM. Restore it from a backup, or move it away, and this machine gets a new identity.`,
    );
  return key;
}

function newKey(folder: DataFolder): KeyObject {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  folder.write(SOFTWARE_KEY_FILE, privateKey.export({ type: "pkcs8", format: "pem" }));
  return privateKey;
}

/** The uncompressed point: the last 65 bytes of the SubjectPublicKeyInfo (RFC 5480 §2). */
function pointOf(key: KeyObject): Uint8Array<ArrayBuffer> {
  const spki = createPublicKey(key).export({ type: "spki", format: "der" });
  return new Uint8Array(spki.subarray(spki.length - 65));
}
