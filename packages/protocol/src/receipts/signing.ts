import { canonicalJson } from "../canonical.ts";
import { concatBytes, toBase64, u32be, utf8 } from "../bytes.ts";
import type { Signer } from "../signer.ts";
import { tags } from "../wire/registration.ts";
import type { Receipt } from "./receipt.ts";

/** The receipt's canonical JSON, and the provider's signature over `"darkbloom:receipt:v1\0" ‖ jcs` in base64. */
export async function signReceipt(signer: Signer, receipt: Receipt): Promise<{ jcs: string; signature: string }> {
  const jcs = canonicalJson(receipt);
  return { jcs, signature: toBase64(await signer.signTagged(tags.receipt, utf8(jcs))) };
}

/** The bytes under the provider's signature. */
export const receiptMessage = (jcs: string): Uint8Array<ArrayBuffer> => utf8(tags.receipt + jcs);

/**
 * What the coordinator signs: the tag, then receipt, provider's signature, key id and time, each behind
 * its length, so that no two different sets of them are the same bytes.
 *
 * @param time RFC 3339, as in the document
 */
export function countersignatureMessage(
  jcs: string,
  providerSignature: Uint8Array,
  keyId: string,
  time: string,
): Uint8Array<ArrayBuffer> {
  const parts = [utf8(jcs), providerSignature, utf8(keyId), utf8(time)];
  return concatBytes(utf8(tags.countersignature), ...parts.flatMap((part) => [u32be(part.length), part]));
}
