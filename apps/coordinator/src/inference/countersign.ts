import {
  countersignatureMessage,
  fromBase64,
  toBase64,
  type Clock,
  type Receipt,
  type ReceiptDocument,
} from "@darkbloom/protocol";
import type { Completion } from "../session/line.ts";
import type { Countersigner } from "./countersigner.ts";

/** The document that the caller gets: the checked receipt, the provider's signature and ours over both. */
export function countersign(
  { clock, countersigner }: { readonly clock: Clock; readonly countersigner: Countersigner },
  completion: Completion,
  receipt: Receipt,
): ReceiptDocument {
  const countersignedAt = new Date(clock.now()).toISOString();
  const message = countersignatureMessage(
    completion.receipt,
    fromBase64(completion.receipt_signature),
    countersigner.keyId,
    countersignedAt,
  );
  return {
    receipt,
    provider_signature: completion.receipt_signature,
    coordinator_signature: toBase64(countersigner.sign(message)),
    coordinator_key_id: countersigner.keyId,
    countersigned_at: countersignedAt,
  };
}
