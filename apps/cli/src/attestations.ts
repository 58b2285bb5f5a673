import { attestationsSchema, type Attestations } from "@darkbloom/protocol/evidence";
import { CommandFailed } from "./failure.ts";
import { baseOf, jsonOf, publishedAt } from "./published.ts";

/** A challenge is answered within 30 seconds, or not at all. */
const ATTESTATIONS_WAIT_MAX_MS = 60_000;
/** Evidence of some hundreds of machines. */
const ATTESTATIONS_BYTES_MAX = 64 * 1024 * 1024;

/**
 * What the machines of a network show.
 *
 * @param nonce base64url of 32 bytes that every machine is to answer over; needs a key
 * @throws CommandFailed
 */
export async function fetchAttestations(
  coordinator: URL,
  apiKey: string | undefined,
  nonce: string | undefined,
): Promise<Attestations> {
  const base = baseOf(coordinator);
  const url = new URL(`v1/providers/attestation${nonce === undefined ? "" : `?nonce=${nonce}`}`, base);
  const shown = await publishedAt(url, {
    waitMsMax: ATTESTATIONS_WAIT_MAX_MS,
    bytesMax: ATTESTATIONS_BYTES_MAX,
    ...(apiKey !== undefined && { headers: { "x-api-key": apiKey } }),
  });
  if (shown.status === 401)
    throw new CommandFailed("The coordinator does not know this API key. Ask its operator for one, or leave it out.");
  if (shown.status !== 200)
    throw new CommandFailed(`${base.href} answers with status ${shown.status}. Is it a coordinator?`);
  const parsed = attestationsSchema.safeParse(jsonOf(shown));
  if (!parsed.success)
    throw new CommandFailed(`What ${base.href} shows of its machines was not understood. Is it of another version?`);
  return parsed.data;
}
