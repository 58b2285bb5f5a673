// First: what is imported below makes its schemas at once.
import "../../api/without-eval.ts";
import { toBase64Url } from "@darkbloom/protocol/bytes";
import {
  attestationsSchema,
  evidenceFrom,
  failuresOf,
  readBlob,
  verifyPublished,
  type Attestation,
  type Verdict,
} from "@darkbloom/protocol/evidence";
import { webCrypto } from "@darkbloom/protocol/web";
import { ApiError } from "../../api/client.ts";

const NONCE_BYTES = 32;

/** A machine, and what its evidence comes to by this browser's own reckoning. */
export interface Judged {
  readonly shown: Attestation;
  readonly verdict: Verdict;
  /** Nothing that every machine of its kind must show failed. */
  readonly holds: boolean;
}

/**
 * Has the coordinator show what every machine shows, and judges it here by the code that the coordinator judges with: no verdict
 * of its own is taken.
 *
 * @param isAsked whether every machine is to answer anew over a nonce of this browser; only for who is signed in
 */
export async function evidenceOfAll(isAsked: boolean): Promise<{ shown: readonly Attestation[]; nonce?: Uint8Array }> {
  const nonce = isAsked ? crypto.getRandomValues(new Uint8Array(NONCE_BYTES)) : undefined;
  const response = await fetch(`/v1/providers/attestation${nonce ? `?nonce=${toBase64Url(nonce)}` : ""}`);
  const told: unknown = await response.json();
  if (!response.ok) throw new ApiError(response, told);
  const { providers } = attestationsSchema.parse(told);
  return { shown: providers, ...(nonce && { nonce }) };
}

export async function judge(shown: Attestation, nonce: Uint8Array | undefined): Promise<Judged> {
  const verdict = await verifyPublished(webCrypto, shown, { ...(nonce && { nonce }) }, Date.now());
  const blob = readBlob(evidenceFrom(shown.evidence).blob);
  return { shown, verdict, holds: blob !== undefined && failuresOf(verdict.checks, blob.platform).length === 0 };
}
