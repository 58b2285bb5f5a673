import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import type { DataFolder } from "@darkbloom/protocol/node";

/** An Ed25519 key in the data folder (PKCS #8 PEM, mode 0600). */
export interface Ed25519File {
  /** Raw, 32 bytes (RFC 8032). */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  /** 64 bytes. */
  readonly sign: (message: Uint8Array) => Uint8Array<ArrayBuffer>;
}

/**
 * The key in this file, made where there is none.
 *
 * @param refuse makes the error where the file is something else
 */
export function openEd25519File(folder: DataFolder, file: string, refuse: () => Error): Ed25519File {
  const privateKey = storedKey(folder, file, refuse) ?? newKey(folder, file);
  return {
    publicKey: rawPublicKey(privateKey),
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
  };
}

function storedKey(folder: DataFolder, file: string, refuse: () => Error): KeyObject | undefined {
  const pem = folder.read(file);
  if (!pem) return undefined;
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(pem);
  } catch {
    // OpenSSL's own words are withheld: they may quote the file, and the sentence says what to do.
  }
  if (key?.asymmetricKeyType !== "ed25519") throw refuse();
  return key;
}

function newKey(folder: DataFolder, file: string): KeyObject {
  const { privateKey } = generateKeyPairSync("ed25519");
  folder.write(file, privateKey.export({ type: "pkcs8", format: "pem" }));
  return privateKey;
}

function rawPublicKey(privateKey: KeyObject): Uint8Array<ArrayBuffer> {
  const { x } = createPublicKey(privateKey).export({ format: "jwk" });
  if (x === undefined) throw new TypeError("an Ed25519 key has no public point");
  return new Uint8Array(Buffer.from(x, "base64url"));
}
