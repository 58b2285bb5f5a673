import { generateKeyPairSync, sign } from "node:crypto";
import { concatBytes, toHex, utf8 } from "@darkbloom/protocol/bytes";
import type { Signer } from "@darkbloom/protocol/signer";

/** An identity key in memory, which signs at once and not in another thread: so simulated time is enough. */
export function memorySigner(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = publicKey.export({ type: "spki", format: "der" });
  const signed = (message: Uint8Array) => Promise.resolve(new Uint8Array(sign("sha256", message, privateKey)));
  return {
    publicKey: new Uint8Array(spki.subarray(spki.length - 65)),
    signTagged: (tag, message) => signed(concatBytes(utf8(tag), message)),
    signResponseHash: (hash) => signed(utf8(toHex(hash))),
  };
}
