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

/** What was measured of a machine so far. */
export interface PaceFigures {
  /** When its latest faults were, on the monotonic clock. */
  readonly faultsAtMs: readonly number[];
  /** Undefined until the first answer. */
  readonly firstContentMs: number | undefined;
  readonly decodeTokensPerSec: number | undefined;
}

export const unmeasured: PaceFigures = { faultsAtMs: [], firstContentMs: undefined, decodeTokensPerSec: undefined };

/** How fast and how reliable a machine is, by what was measured here. */
export class Pace {
  readonly #clock: Clock;
  #figures = unmeasured;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get figures(): PaceFigures {
    return this.#figures;
  }

  answered({ firstContentMs, decodeMs, completionTokens }: MeasuredAnswer): void {
    const { decodeTokensPerSec } = this.#figures;
    this.#figures = {
      ...this.#figures,
      firstContentMs: average(this.#figures.firstContentMs, firstContentMs),
      decodeTokensPerSec:
        completionTokens > 1 && decodeMs > 0
          ? average(decodeTokensPerSec, ((completionTokens - 1) * 1000) / decodeMs)
          : decodeTokensPerSec,
    };
  }

  faulted(): void {
    const faultsAtMs = [...this.#figures.faultsAtMs, this.#clock.monotonicMs()].slice(-FAULTS_REMEMBERED_MAX);
    this.#figures = { ...this.#figures, faultsAtMs };
  }
}

export function recentFaults({ faultsAtMs }: PaceFigures, nowMs: number): number {
  let recent = 0;
  for (const atMs of faultsAtMs) if (atMs > nowMs - FAULT_LIFE_MS) recent++;
  return recent;
}

const average = (old: number | undefined, newest: number): number =>
  old === undefined ? newest : old * (1 - NEWEST) + newest * NEWEST;
