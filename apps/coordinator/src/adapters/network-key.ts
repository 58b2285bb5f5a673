import { createHmac, randomBytes } from "node:crypto";
import { ErrorForPeople } from "@darkbloom/protocol/for-people";
import type { DataFolder } from "@darkbloom/protocol/node";
import type { NetworkKey } from "../machines/ports.ts";

export const NETWORK_KEY_FILE = "network-key.hex";
/** As long as the digest: RFC 2104 §3. */
const NETWORK_KEY_BYTES = 32;

/** The message is a sentence for the operator. */
export class NetworkKeyError extends ErrorForPeople {
  override readonly name = "NetworkKeyError";
}

/**
 * The folder's network key (64 hex digits, mode 0600), made at the first start.
 *
 * @throws NetworkKeyError where the file is something else: a new key would give every machine another pseudonym
 */
export function openNetworkKey(folder: DataFolder): NetworkKey {
  const key = storedKey(folder) ?? newKey(folder);
  return {
    mac: (...message) => {
      const hmac = createHmac("sha256", key);
      for (const part of message) hmac.update(part);
      return new Uint8Array(hmac.digest());
    },
  };
}

function storedKey(folder: DataFolder): Buffer | undefined {
  const text = folder.read(NETWORK_KEY_FILE)?.toString().trim();
  if (text === undefined) return undefined;
  const key = Buffer.from(text, "hex");
  if (key.length !== NETWORK_KEY_BYTES || key.toString("hex") !== text)
    throw new NetworkKeyError(
      `The file ${folder.file(NETWORK_KEY_FILE)} is not a network key of ${2 * NETWORK_KEY_BYTES} hex digits. Restore it from a backup; only if there is none, move it away, and every machine then gets another pseudonym.`,
    );
  return key;
}

function newKey(folder: DataFolder): Buffer {
  const key = randomBytes(NETWORK_KEY_BYTES);
  folder.write(NETWORK_KEY_FILE, `${key.toString("hex")}\n`);
  return key;
}
