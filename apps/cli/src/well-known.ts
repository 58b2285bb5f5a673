import { wellKnownSchema, type WellKnown } from "@darkbloom/protocol/wire";
import { CommandFailed } from "./failure.ts";
import { baseOf, jsonOf, publishedAt } from "./published.ts";

const KEYS_WAIT_MAX_MS = 10_000;
const KEYS_BYTES_MAX = 1024 * 1024;

/**
 * What a coordinator publishes for verifiers.
 *
 * @throws CommandFailed where it does not
 */
export async function wellKnownOf(coordinator: URL): Promise<WellKnown> {
  const base = baseOf(coordinator);
  const bounds = { waitMsMax: KEYS_WAIT_MAX_MS, bytesMax: KEYS_BYTES_MAX };
  const shown = await publishedAt(new URL(".well-known/darkbloom", base), bounds).catch(() => undefined);
  const known = wellKnownSchema.safeParse(shown && jsonOf(shown));
  if (known.success) return known.data;
  throw new CommandFailed(
    `${base.href} does not tell its keys. Check the URL, or give them with --coordinator-key and --log-key.`,
  );
}
