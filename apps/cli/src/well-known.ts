import { wellKnownSchema, type WellKnown } from "@darkbloom/protocol/wire";
import { CommandFailed } from "./failure.ts";

const KEYS_WAIT_MAX_MS = 10_000;

/** A URL below which paths are appended. */
export const baseOf = ({ href }: URL): URL => new URL(href.endsWith("/") ? href : `${href}/`);

/**
 * What a coordinator publishes for verifiers.
 *
 * @throws CommandFailed where it does not
 */
export async function wellKnownOf(coordinator: URL): Promise<WellKnown> {
  const base = baseOf(coordinator);
  try {
    const response = await fetch(new URL(".well-known/darkbloom", base), {
      redirect: "error",
      signal: AbortSignal.timeout(KEYS_WAIT_MAX_MS),
    });
    return wellKnownSchema.parse(await response.json());
  } catch {
    throw new CommandFailed(
      `${base.href} does not tell its keys. Check the URL, or give them with --coordinator-key and --log-key.`,
    );
  }
}
