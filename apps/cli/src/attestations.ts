import { attestationsSchema, type Attestations } from "@darkbloom/protocol/evidence";
import { CommandFailed } from "./failure.ts";

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
  const base = coordinator.href.endsWith("/") ? coordinator.href : `${coordinator.href}/`;
  const url = new URL(`v1/providers/attestation${nonce === undefined ? "" : `?nonce=${nonce}`}`, base);
  const response = await fetch(url, {
    headers: apiKey === undefined ? {} : { "x-api-key": apiKey },
    redirect: "error",
    signal: AbortSignal.timeout(ATTESTATIONS_WAIT_MAX_MS),
  }).catch(() => {
    throw new CommandFailed(`${base} does not answer. Check the URL, the network and that the coordinator runs.`);
  });
  if (response.status === 401)
    throw new CommandFailed("The coordinator does not know this API key. Ask its operator for one, or leave it out.");
  if (!response.ok) throw new CommandFailed(`${base} answers with status ${response.status}. Is it a coordinator?`);
  const parsed = attestationsSchema.safeParse(await bodyOf(response));
  if (!parsed.success)
    throw new CommandFailed(`What ${base} shows of its machines was not understood. Is it of another version?`);
  return parsed.data;
}

async function bodyOf(response: Response): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > ATTESTATIONS_BYTES_MAX) throw new CommandFailed("The coordinator's answer is too long.");
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    return undefined;
  }
}
