/** A provider writes its status every ten seconds, whatever it does; so many looks without a new one mean that it hangs. */
export const HANG_LOOK_EVERY_MS = 5_000;
export const HANG_LOOKS = 8;

/**
 * Whether a process stands still, by the times that it writes down. It counts looks and not time, so that a machine that
 * slept, or a parent that was stopped itself, takes nobody for hung when it wakes.
 */
export class HangWatch {
  #at: string | undefined;
  #looks = 0;

  /**
   * @param at what the process wrote last; undefined while it has written nothing
   * @returns how many seconds it has written nothing, once that is too long
   */
  look(at: string | undefined): number | undefined {
    this.#looks = at === undefined || at !== this.#at ? 0 : this.#looks + 1;
    this.#at = at;
    if (this.#looks < HANG_LOOKS) return undefined;
    this.#looks = 0;
    return (HANG_LOOKS * HANG_LOOK_EVERY_MS) / 1000;
  }
}
