import { SUPERVISED_VARIABLE } from "./environment.ts";
import { note } from "./output.ts";

/** How long running requests may go on after the first Ctrl-C where nothing else is said. */
export const DRAIN_SEC_DEFAULT = "600";
/** How long a child whose parent died may take to close its files. */
const ORPHAN_MS = 2_000;
/**
 * `npm start` passes on the signal that the terminal has already sent to us: two signals within this time
 * are one press.
 */
const ONE_PRESS_MS = 500;

/** What a parent says to a child over their IPC channel. */
export const STOP_WORD = "stop";

/** Started by `darkbloom up`, which decides when it ends. */
export const isSupervised = process.send !== undefined && process.env[SUPERVISED_VARIABLE] === "1";

/** How many requests there are to wait for, where that is known here; or that a child knows, and says it in our place. */
export type Running = (() => number) | "a child says it" | undefined;

function sayStopping(drainSec: number, running: Running): void {
  if (running !== "a child says it") note(stopping(drainSec, running?.()));
}

function stopping(drainSec: number, running: number | undefined): string {
  if (running === 0) return "Stopping: nothing runs.";
  const what =
    running === undefined ? "running requests have" : running === 1 ? "1 request has" : `${running} requests have`;
  return `Stopping: ${what} up to ${drainSec} s to finish (--drain-timeout). Press Ctrl-C again to stop at once.`;
}

/** When this process shall end, and how patiently. */
export interface StopRequest {
  /** Aborts at the first request to end. */
  readonly signal: AbortSignal;
  /** Resolves then, with the time that running requests still have. */
  readonly asked: Promise<{ readonly drainMs: number }>;
}

/**
 * Listens for Ctrl-C and SIGTERM: the first asks to drain, a second ends the process at once.
 *
 * A terminal sends Ctrl-C to all processes of the group, the children of `up` too. Those leave it to
 * their parent, which stops the coordinator before the providers that its requests still need; and they
 * end by themselves when the parent is gone, however it died, since that closes the channel. What there is
 * to wait for is said once: by the child that has counted it, or else by the process that got the signal.
 */
export function listenForStop(drainSec: number, running?: Running): StopRequest {
  const drainMs = drainSec * 1000;
  const stop = new AbortController();
  const { promise: asked, resolve } = Promise.withResolvers<{ readonly drainMs: number }>();
  const ask = (forMs: number): void => {
    stop.abort();
    resolve({ drainMs: forMs });
  };
  if (isSupervised) {
    process.on("SIGINT", () => undefined);
    process.on("SIGTERM", () => ask(drainMs));
    process.on("message", (word) => {
      if (word !== STOP_WORD) return;
      if (running !== undefined) sayStopping(drainSec, running);
      ask(drainMs);
    });
    const orphaned = (): void => {
      setTimeout(() => process.exit(1), ORPHAN_MS).unref();
      ask(0);
    };
    if (process.connected) process.on("disconnect", orphaned);
    else orphaned();
  } else {
    let firstAt: number | undefined;
    const onSignal = (): void => {
      if (firstAt === undefined) {
        firstAt = performance.now();
        sayStopping(drainSec, running);
        ask(drainMs);
      } else if (performance.now() - firstAt > ONE_PRESS_MS) {
        process.exit(1);
      }
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  }
  return { signal: stop.signal, asked };
}
