import type { Clock } from "@darkbloom/protocol";

/** Weight of the newest measurement in the moving averages. */
const NEWEST = 0.2;
/** A fault is held against a machine for this long. */
const FAULT_LIFE_MS = 60_000;
const FAULTS_REMEMBERED_MAX = 16;

export interface MeasuredAnswer {
  readonly firstContentMs: number;
  readonly decodeMs: number;
  readonly completionTokens: number;
}

/** How fast and how reliable a machine is, by what was measured here. */
export class Pace {
  readonly #clock: Clock;
  #firstContentMs: number | undefined;
  #decodeTokensPerSec: number | undefined;
  #faultsAtMs: number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  answered({ firstContentMs, decodeMs, completionTokens }: MeasuredAnswer): void {
    this.#firstContentMs = average(this.#firstContentMs, firstContentMs);
    if (completionTokens > 1 && decodeMs > 0)
      this.#decodeTokensPerSec = average(this.#decodeTokensPerSec, ((completionTokens - 1) * 1000) / decodeMs);
  }

  faulted(): void {
    this.#faultsAtMs = [...this.#faultsAtMs, this.#clock.monotonicMs()].slice(-FAULTS_REMEMBERED_MAX);
  }

  measured(): { recentFaults: number; firstContentMs: number | undefined; decodeTokensPerSec: number | undefined } {
    const since = this.#clock.monotonicMs() - FAULT_LIFE_MS;
    return {
      recentFaults: this.#faultsAtMs.filter((atMs) => atMs > since).length,
      firstContentMs: this.#firstContentMs,
      decodeTokensPerSec: this.#decodeTokensPerSec,
    };
  }
}

const average = (old: number | undefined, newest: number): number =>
  old === undefined ? newest : old * (1 - NEWEST) + newest * NEWEST;
