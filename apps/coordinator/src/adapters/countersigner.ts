import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { ErrorForPeople, coordinatorKeyId } from "@darkbloom/protocol";
import { nodeCrypto, type DataFolder } from "@darkbloom/protocol/node";
import type { Countersigner } from "../inference/countersigner.ts";

export const COUNTERSIGNER_FILE = "coordinator-key.pem";

/** The message is a sentence for the operator. */
export class CountersignerError extends ErrorForPeople {
  override readonly name = "CountersignerError";
}

/**
 * The folder's countersigning key (PKCS #8 PEM, mode 0600), made at the first start.
 *
 * @throws CountersignerError where the file is something else: a new key would make old receipts look forged
 */
export function openCountersigner(folder: DataFolder): Countersigner {
  const privateKey = storedKey(folder) ?? newKey(folder);
  const publicKey = rawPublicKey(privateKey);
  return {
    keyId: coordinatorKeyId(nodeCrypto, publicKey),
    publicKey,
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
  };
}

function storedKey(folder: DataFolder): KeyObject | undefined {
  const pem = folder.read(COUNTERSIGNER_FILE);
  if (!pem) return undefined;
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(pem);
  } catch {
    // OpenSSL's own words are withheld: they may quote the file, and the sentence below says what to do.
  }
  if (key?.asymmetricKeyType !== "ed25519")
    throw new CountersignerError(
      `The file ${folder.file(COUNTERSIGNER_FILE)} is not an Ed25519 private key in PEM. Restore it from a backup; only if there is none, move it away, and callers must then accept a new key.`,
    );
  return key;
}

function newKey(folder: DataFolder): KeyObject {
  const { privateKey } = generateKeyPairSync("ed25519");
  folder.write(COUNTERSIGNER_FILE, privateKey.export({ type: "pkcs8", format: "pem" }));
  return privateKey;
}

function rawPublicKey(privateKey: KeyObject): Uint8Array<ArrayBuffer> {
  const { x } = createPublicKey(privateKey).export({ format: "jwk" });
  if (x === undefined) throw new TypeError("an Ed25519 key has no public point");
  return new Uint8Array(Buffer.from(x, "base64url"));
}
