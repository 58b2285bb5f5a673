import { canonicalBytes } from "../canonical.ts";
import { concatBytes, toHex, utf8 } from "../bytes.ts";
import type { Crypto } from "../ports.ts";
import type { Commitments, Receipt } from "../receipts/receipt.ts";
import type { Hpke, HpkeContext } from "./hpke.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * A hash of a short answer's plaintext would let whoever has the receipt try answers until one fits. So a sealed receipt
 * commits to it under keys that only the caller and the machine have.
 */
export interface CommitmentKeys {
  readonly request: Bytes;
  readonly response: Bytes;
  readonly private: Bytes;
}

const KEY_BYTES = 32;
const labels = {
  request: utf8("darkbloom:request-commitment:v1\0"),
  response: utf8("darkbloom:response-commitment:v1\0"),
  private: utf8("darkbloom:private-commitment:v1\0"),
} as const;

/** @param hdrHash SHA-256 of the envelope's clear fields */
export function commitmentKeysOf(context: HpkeContext, hdrHash: Uint8Array): CommitmentKeys {
  const keyOf = (label: Uint8Array): Bytes => context.export(concatBytes(label, hdrHash), KEY_BYTES);
  return { request: keyOf(labels.request), response: keyOf(labels.response), private: keyOf(labels.private) };
}

/** What of a receipt is told to the caller alone, in the last sealed frame. */
export type PrivateFields = Pick<Receipt, "sampling" | "finish_reason">;

/** What is committed to: two plaintexts by their SHA-256, and what is told to the caller alone. */
export interface Committed extends PrivateFields {
  readonly requestSha256: Uint8Array;
  readonly responseSha256: Uint8Array;
}

/** HMAC-SHA256 of each hash under its own key, in lower-case hex: as a sealed receipt has them. */
export function commitmentsOf(
  { hpke, crypto }: { readonly hpke: Pick<Hpke, "hmac">; readonly crypto: Pick<Crypto, "sha256"> },
  keys: CommitmentKeys,
  { requestSha256, responseSha256, sampling, finish_reason }: Committed,
): Commitments {
  // Canonical JSON leaves out what is absent.
  const privateSha256 = crypto.sha256(canonicalBytes({ sampling, finish_reason }));
  return {
    request_commitment: toHex(hpke.hmac(keys.request, requestSha256)),
    response_commitment: toHex(hpke.hmac(keys.response, responseSha256)),
    private_commitment: toHex(hpke.hmac(keys.private, privateSha256)),
  };
}
