import { concatBytes, fromBase64, toBase64 } from "../bytes.ts";
import { CANDIDATES_MAX, ENVELOPE_LIFE_MS } from "../limits.ts";
import type { Suite } from "../wire/registration.ts";
import { sealRequest, SEAL_INFO, type SealHeader, type SealTools, type SharedSecret } from "./envelope.ts";
import type { Envelope } from "./envelope-bytes.ts";
import type { Hpke, HpkeContext } from "./hpke.ts";

/** A machine that may open a request, and the context that seals to it. */
export interface Recipient {
  readonly providerId: string;
  readonly evidenceSha256: string;
  readonly keyId: string;
  readonly suite: Suite;
  readonly context: HpkeContext;
}

/** A key as a signed blob names it. */
interface NamedKey {
  readonly id: string;
  readonly suite: Suite;
  readonly public_key: string;
}

/** The best suite that all of these machines and whoever seals to them can; undefined where there is none. */
export const suiteFor = (
  hpke: Pick<Hpke, "suites">,
  machines: readonly (readonly Pick<NamedKey, "suite">[])[],
): Suite | undefined => hpke.suites.find((suite) => machines.every((keys) => keys.some((key) => key.suite === suite)));

/**
 * A machine as somebody to seal to, with a fresh context: the public-key step.
 *
 * @throws RangeError if the key is malformed
 */
export const recipientOf = (
  hpke: Hpke,
  machine: Pick<Recipient, "providerId" | "evidenceSha256">,
  { id, suite, public_key }: NamedKey,
): Recipient => ({
  ...machine,
  keyId: id,
  suite,
  context: hpke.sealContext(suite, fromBase64(public_key), SEAL_INFO),
});

/** What the clear fields say beside who may open it and until when. */
export type SealTerms = Omit<SealHeader, "v" | "suite" | "id" | "expires_at" | "candidates">;

/** What was sealed, and for each machine in turn what its answer will be opened with. */
export interface SealedRequest {
  readonly header: SealHeader;
  readonly envelope: Envelope;
  readonly secrets: readonly SharedSecret[];
}

/**
 * Seals a body for these machines under a new request id.
 *
 * @param nowMs since 1970, in the time that the sealer shares with them
 * @throws RangeError where there are none or too many, or their suites differ
 */
export function sealFor(
  tools: SealTools,
  input: {
    readonly terms: SealTerms;
    readonly body: Uint8Array;
    readonly recipients: readonly Recipient[];
    readonly nowMs: number;
  },
): SealedRequest {
  const { terms, body, recipients, nowMs } = input;
  const [first] = recipients;
  if (!first || recipients.length > CANDIDATES_MAX) throw new RangeError(`1 to ${CANDIDATES_MAX} machines`);
  if (recipients.some(({ suite }) => suite !== first.suite)) throw new RangeError("all wraps use one suite");
  const header: SealHeader = {
    v: 1,
    suite: first.suite,
    id: toBase64(tools.random.bytes(16)),
    expires_at: new Date(nowMs + ENVELOPE_LIFE_MS).toISOString(),
    ...terms,
    candidates: recipients.map(({ providerId, keyId, evidenceSha256 }) => ({
      provider_id: providerId,
      key_id: keyId,
      evidence_sha256: evidenceSha256,
    })),
  };
  const { envelope, secrets } = sealRequest(tools, { header, body, recipients });
  return { header, envelope, secrets };
}

/** A request's length is seen by whoever passes it on; in steps it tells less. */
const REQUEST_PADDING_BYTES = 256;
const SPACE = 0x20;

/** The JSON of a request, with spaces behind it up to a multiple of 256 bytes: what is sealed, hashed and committed to then. */
export function paddedRequest(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const missing = (REQUEST_PADDING_BYTES - (body.length % REQUEST_PADDING_BYTES)) % REQUEST_PADDING_BYTES;
  return concatBytes(body, new Uint8Array(missing).fill(SPACE));
}
