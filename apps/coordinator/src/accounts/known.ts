import type { Clock } from "@darkbloom/protocol/ports";
import type { Notices } from "../events/notices.ts";

/** What another coordinator may have changed is read again after so long, whether or not a notice of it came. */
export const KNOWN_MS_MAX = 2_000;

/** Where other coordinators change the same. */
export interface Sharing {
  readonly clock: Clock;
  readonly notices: Notices;
}

interface Read<Value> {
  readonly value: Value;
  /** When it was asked for. */
  readonly atMs: number;
}

/**
 * What was looked up last, in the order of its last use, until it is forgotten. Where others write beside this process, nothing
 * that was read longer than `KNOWN_MS_MAX` ago is believed.
 */
export class Known<Key, Value> {
  readonly #kept = new Map<Key, Read<Value>>();
  readonly #max: number;
  readonly #clock: Clock | undefined;
  /** What was read before a change, and comes behind it, is not kept. */
  #changes = 0;

  constructor(max: number, sharing?: Sharing) {
    this.#max = max;
    this.#clock = sharing?.clock;
  }

  /** What is known, or else what is read, which is kept unless it is undefined. */
  async get(key: Key, read: () => Promise<Value | undefined>): Promise<Value | undefined> {
    const known = this.#kept.get(key);
    const nowMs = this.#clock?.monotonicMs() ?? 0;
    if (known && nowMs - known.atMs <= KNOWN_MS_MAX) {
      this.#keep(key, known);
      return known.value;
    }
    const changes = this.#changes;
    const value = await read();
    if (value !== undefined && changes === this.#changes) this.#keep(key, { value, atMs: nowMs });
    return value;
  }

  forget(concerns: (value: Value, key: Key) => boolean): void {
    this.#changes += 1;
    for (const [key, { value }] of this.#kept) if (concerns(value, key)) this.#kept.delete(key);
  }

  /** Of what decides nothing: what is known goes on, with that. */
  amend(concerns: (value: Value) => boolean, amended: (value: Value) => Value): void {
    for (const [key, { value, atMs }] of this.#kept)
      if (concerns(value)) this.#kept.set(key, { value: amended(value), atMs });
  }

  #keep(key: Key, one: Read<Value>): void {
    this.#kept.delete(key);
    if (this.#kept.size >= this.#max) for (const oldest of this.#kept.keys().take(1)) this.#kept.delete(oldest);
    this.#kept.set(key, one);
  }
}
