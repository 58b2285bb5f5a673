import { fromBase64, toBase64 } from "@darkbloom/protocol/bytes";
import type { Clock, Crypto } from "@darkbloom/protocol/ports";
import { countersignatureMessage, type Receipt, type ReceiptDocument } from "@darkbloom/protocol/receipts";
import type { Completion } from "../machines/ports.ts";
import type { Countersigner } from "./countersigner.ts";

interface CountersignNet {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly countersigner: Countersigner;
}

/**
 * The document that the caller gets: the checked receipt, the provider's signature and ours over both. And the digest
 * of what we signed, as `receiptDigest` gives it to whoever has the document.
 */
export function countersign(
  { clock, crypto, countersigner }: CountersignNet,
  completion: Completion,
  receipt: Receipt,
): { readonly document: ReceiptDocument; readonly sha256: Uint8Array } {
  const countersignedAt = new Date(clock.now()).toISOString();
  const message = countersignatureMessage(
    completion.receipt,
    fromBase64(completion.receipt_signature),
    countersigner.keyId,
    countersignedAt,
  );
  const document = {
    receipt,
    provider_signature: completion.receipt_signature,
    coordinator_signature: toBase64(countersigner.sign(message)),
    coordinator_key_id: countersigner.keyId,
    countersigned_at: countersignedAt,
  };
  return { document, sha256: crypto.sha256(message) };
}
