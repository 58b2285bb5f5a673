import type { Clock } from "@darkbloom/protocol/ports";
import type { Deadlines } from "@darkbloom/protocol/time";
import { PROGRESS_EVERY_MS, type Outgoing } from "./outgoing.ts";

/** So long a stream may be silent before it says that it is alive. */
export const KEEP_ALIVE_EVERY_MS = 15_000;
/** Every client skips it (WHATWG HTML §9.2.6). Part of the body and of its hash like the rest, whichever words a dialect has. */
export const COMMENT = ": keep-alive\n\n";

/** How far the prompts of a request are read: told now and then, so that whoever waits knows that this machine works. */
export class Reading {
  readonly #clock: Clock;
  readonly #tell: (readTokens: number) => void;
  #toldAtMs: number;
  /** Of prompts before the one that is read now. */
  #beforeTokens = 0;
  #readTokens = 0;

  constructor(clock: Clock, tell: (readTokens: number) => void) {
    this.#clock = clock;
    this.#tell = tell;
    this.#toldAtMs = clock.monotonicMs();
  }

  get hasBegun(): boolean {
    return this.#readTokens > 0;
  }

  /** So many tokens of this prompt are read. */
  took(tokens: number): void {
    this.#readTokens = Math.max(this.#readTokens, this.#beforeTokens + tokens);
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#toldAtMs < PROGRESS_EVERY_MS) return;
    this.#toldAtMs = nowMs;
    this.#tell(this.#readTokens);
  }

  /** Another prompt is next. */
  next(): void {
    this.#beforeTokens = this.#readTokens;
  }
}

/**
 * Puts a sign of life into a stream whenever nothing was rendered for a while; before anything was, only once its prompt is
 * being read: while a machine has not begun, another may be asked. Ends with its scope.
 *
 * @param words undefined where there is nothing to put them into
 */
export function keepAlive(
  deadlines: Deadlines,
  outgoing: Outgoing,
  words: string | undefined,
  reading: Pick<Reading, "hasBegun">,
): Disposable {
  if (words === undefined) return { [Symbol.dispose]: () => undefined };
  const beat = () => {
    const silentMs = outgoing.silentMs ?? (reading.hasBegun ? Number.POSITIVE_INFINITY : 0);
    const isDue = silentMs >= KEEP_ALIVE_EVERY_MS;
    if (isDue) outgoing.comment(words);
    deadlines.set(beat, isDue ? KEEP_ALIVE_EVERY_MS : KEEP_ALIVE_EVERY_MS - silentMs);
  };
  deadlines.set(beat, KEEP_ALIVE_EVERY_MS);
  return { [Symbol.dispose]: () => deadlines.lift(beat) };
}
