import type { Clock } from "@darkbloom/protocol/ports";
import type { Outgoing } from "./outgoing.ts";

/** So long a stream may be silent, after its first content, before it says that it is alive. */
export const KEEP_ALIVE_EVERY_MS = 15_000;
/** A comment, which every client skips (WHATWG HTML §9.2.6). Part of the body and of its hash like the rest. */
const COMMENT = ": keep-alive\n\n";

/** Puts a comment into a stream whenever nothing was rendered for a while. Ends with its scope. */
export function keepAlive(clock: Clock, outgoing: Outgoing, stream: boolean): Disposable {
  const over = new AbortController();
  if (stream) void beat(clock, outgoing, over.signal).catch(() => {});
  return { [Symbol.dispose]: () => over.abort(new Error("over")) };
}

async function beat(clock: Clock, outgoing: Outgoing, over: AbortSignal): Promise<void> {
  let waitMs = KEEP_ALIVE_EVERY_MS;
  while (!over.aborted) {
    await clock.sleep(waitMs, over);
    waitMs = KEEP_ALIVE_EVERY_MS - (outgoing.silentMs ?? 0);
    if (waitMs > 0) continue;
    waitMs = KEEP_ALIVE_EVERY_MS;
    await outgoing.comment(COMMENT, over);
  }
}
