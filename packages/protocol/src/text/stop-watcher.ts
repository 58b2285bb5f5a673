import { mostOf } from "../lists.ts";
/**
 * Ends an answer at the first of the caller's stop strings.
 *
 * The string that is complete first wins, as if the model were watched character by character; of two
 * that end together the longer one, so that no part of a match is let out. Only what may be the
 * beginning of a stop string is held back.
 *
 * It watches plain text. An answer passes it what is *said*, after the think blocks are split off and
 * trimmed: a stop string inside the thinking must not end an answer that has not begun, and the line
 * breaks that some models put before it must not either.
 */
export class StopWatcher {
  readonly #stops: readonly string[];
  readonly #firstUnits: ReadonlySet<string>;
  readonly #holdMax: number;
  #held = "";
  #stopped: string | undefined;

  /** @throws RangeError for an empty stop string, which would match everywhere */
  constructor(stops: readonly string[]) {
    if (stops.includes("")) throw new RangeError("a stop string is empty");
    this.#stops = stops;
    this.#firstUnits = new Set(stops.map((stop) => stop.charAt(0)));
    this.#holdMax = mostOf(
      stops.map((stop) => stop.length - 1),
      0,
    );
  }

  /** What is held back, in UTF-16 units. */
  get heldUnits(): number {
    return this.#held.length;
  }

  /** What may be let out, and the stop string once one has matched; after that no text comes out. */
  push(text: string): { text: string; stopped?: string } {
    if (this.#stopped !== undefined) return { text: "", stopped: this.#stopped };
    const seen = this.#held + text;
    const match = this.#firstMatch(seen);
    if (match) {
      this.#held = "";
      this.#stopped = match.stop;
      return { text: seen.slice(0, match.start), stopped: match.stop };
    }
    const held = this.#startOfHeld(seen);
    this.#held = seen.slice(held);
    return { text: seen.slice(0, held) };
  }

  /** The model has ended: what was held back is text after all. */
  end(): string {
    const text = this.#held;
    this.#held = "";
    return text;
  }

  #firstMatch(text: string): { stop: string; start: number } | undefined {
    let best: { stop: string; start: number; end: number } | undefined;
    for (const stop of this.#stops) {
      const start = text.indexOf(stop);
      if (start < 0) continue;
      const end = start + stop.length;
      if (!best || end < best.end || (end === best.end && start < best.start)) best = { stop, start, end };
    }
    return best;
  }

  #startOfHeld(text: string): number {
    for (let start = Math.max(0, text.length - this.#holdMax); start < text.length; start++) {
      if (!this.#firstUnits.has(text.charAt(start))) continue;
      const tail = text.slice(start);
      if (this.#stops.some((stop) => stop.startsWith(tail))) return start;
    }
    return text.length;
  }
}
