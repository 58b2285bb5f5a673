import type { CodePoints } from "./code-points.ts";

/** Of all patterns of a request: steps that reading them may take, and ranges of characters in what comes out. */
const PATTERN_WORK_MAX = 200_000;
const PATTERN_RANGES_MAX = 20_000;

/** A place in a text: whether it may end there, and which characters lead where. Several steps may share a character. */
export interface TextState {
  readonly ends: boolean;
  readonly steps: readonly TextStep[];
}
export interface TextStep {
  /** Never none, and only such as a JSON string can hold. */
  readonly on: CodePoints;
  /** Index of a state. */
  readonly to: number;
}

export interface PatternCost {
  readonly work: number;
  readonly ranges: number;
  readonly mostRanges: number;
}

/** What is left of the bounds. A small pattern can ask for much. */
export class PatternAllowance {
  #work = PATTERN_WORK_MAX;
  #ranges = PATTERN_RANGES_MAX;
  #mostRanges = 0;

  /** What was taken of it, and the most ranges that it was asked about at once. */
  get cost(): PatternCost {
    return {
      work: PATTERN_WORK_MAX - this.#work,
      ranges: PATTERN_RANGES_MAX - this.#ranges,
      mostRanges: this.#mostRanges,
    };
  }

  /** What is known already costs as much as it did when it was made. */
  again({ work, ranges, mostRanges }: PatternCost): void {
    this.work(work);
    if (this.#ranges < mostRanges) throw new TooMuch();
    this.#ranges -= ranges;
  }

  work(steps: number): void {
    this.#work -= steps;
    if (this.#work < 0) throw new TooMuch();
  }

  ranges(states: readonly TextState[]): void {
    this.#ranges -= this.check(states);
  }

  /** @returns how many ranges they have, which are not too many */
  check(states: readonly TextState[]): number {
    let ranges = states.length;
    for (const { steps } of states) for (const { on } of steps) ranges += on.length;
    if (this.#ranges < ranges) throw new TooMuch();
    this.#mostRanges = Math.max(this.#mostRanges, ranges);
    return ranges;
  }
}

/** It takes more than is left. */
export class TooMuch extends Error {
  override readonly name = "TooMuch";
}
