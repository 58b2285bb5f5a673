import type { Random } from "@darkbloom/protocol/ports";
import { Session, type SessionNet } from "./session.ts";
import type { Dialer } from "./wire.ts";

export const RETRY_FIRST_MS = 1_000;
export const RETRY_MAX_MS = 30_000;
/** A connection that lasted this long was a good one: the next retry starts small again. */
export const STABLE_AFTER_MS = 60_000;

/** How long to wait before the n-th retry in a row (from 0): doubling, with jitter, so that a fleet does not return all at once. */
export function retryDelayMs(retries: number, random: Random): number {
  const fullMs = Math.min(RETRY_FIRST_MS * 2 ** Math.min(retries, 16), RETRY_MAX_MS);
  return Math.round(fullMs * (0.5 + random.fraction() / 2));
}

/**
 * A provider's life: connect, serve until the connection is lost, wait a little, connect again, until
 * told to leave.
 *
 * @param onSession told of each connection's session, so that a drain reaches the present one
 */
export async function stayConnected(
  net: SessionNet,
  dialer: Dialer,
  coordinator: string,
  leave: AbortSignal,
  onSession: (session: Session) => void,
): Promise<void> {
  for (let retries = 0; !leave.aborted;) {
    const session = new Session(net);
    onSession(session);
    const { reason, stayedMs } = await session.run(dialer, coordinator, leave);
    if (leave.aborted) return;
    retries = stayedMs >= STABLE_AFTER_MS ? 0 : retries + 1;
    const retryInMs = retryDelayMs(Math.max(0, retries - 1), net.random);
    net.events.lost({ reason, retryInMs });
    await net.clock.sleep(retryInMs, leave).catch(() => {});
  }
}
