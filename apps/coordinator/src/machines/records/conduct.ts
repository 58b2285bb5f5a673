/** Outcomes that are remembered, and for how long: some times as long as one request can take that comes to nothing. */
const OUTCOMES_REMEMBERED_MAX = 20;
const OUTCOME_LIFE_MS = 3_600_000;
/** So many faults, and so large a part of what it did, shut a machine out for a while. */
const EJECTING_FAULTS_MIN = 3;
const EJECTING_SHARE = 0.2;
/** Faults this close together have one cause: a connection that ended with several answers on it. */
const ONE_FAULT_MS = 1_000;
/** The first time; twice as long each further time. */
export const EJECTED_MS_MIN = 30_000;
export const EJECTED_MS_MAX = 1_800_000;
/** Back again, it gets one request at a time until so many went well, and a fault sends it away at once. */
export const PROBES_NEEDED = 5;
/** After so many more the next time counts as the first. */
const GOOD_UNTIL_FORGIVEN = 50;
/** A fault makes a machine a later choice for this long. */
export const FAULT_LIFE_MS = 60_000;

/** So many callers, and so large a part of what it did lately, whose requests a machine took for none of its own doing: that stands out. */
const DECLINED_CALLERS_MIN = 3;
const DECLINED_SHARE = 0.5;

interface Outcome {
  readonly atMs: number;
  readonly isFault: boolean;
}

export interface ConductFigures {
  /** When its latest faults were, on the monotonic clock. */
  readonly faultsAtMs: readonly number[];
  /** Until then it serves only what no other machine can; −∞: it was never shut out. */
  readonly ejectedUntilMs: number;
  /** It is back after that, and has yet to show that it mended. */
  readonly isProbed: boolean;
}

export const blameless: ConductFigures = { faultsAtMs: [], ejectedUntilMs: Number.NEGATIVE_INFINITY, isProbed: false };

/** How reliable a machine is: which part of what it was given it failed. All times are monotonic. */
export class Conduct {
  #outcomes: Outcome[] = [];
  /** Answers, and of each caller the latest request that it took for none of its own doing. */
  #taken: { readonly atMs: number; readonly declined?: string }[] = [];
  #figures = blameless;
  #ejections = 0;
  /** When the latest fault that counted was. */
  #faultAtMs = Number.NEGATIVE_INFINITY;
  /** Answers without a fault since it was last shut out. */
  #good = 0;

  get figures(): ConductFigures {
    return this.#figures;
  }

  answered(nowMs: number): void {
    this.#remember({ atMs: nowMs, isFault: false });
    this.#taken = latest([...this.#taken, { atMs: nowMs }]);
    this.#good++;
    if (this.#good === PROBES_NEEDED) this.#figures = { ...this.#figures, isProbed: false };
    if (this.#good >= GOOD_UNTIL_FORGIVEN) this.#ejections = 0;
  }

  /** @returns whether it is shut out for it */
  faulted(nowMs: number): boolean {
    // By the one that counted, or a machine that fails without a pause would have failed once.
    const isSameCause = nowMs - this.#faultAtMs < ONE_FAULT_MS;
    this.#noteFault(nowMs);
    if (isSameCause) return false;
    this.#faultAtMs = nowMs;
    this.#remember({ atMs: nowMs, isFault: true });
    const faults = this.#outcomes.filter(({ isFault }) => isFault).length;
    const isTooOften = faults >= EJECTING_FAULTS_MIN && faults >= EJECTING_SHARE * this.#outcomes.length;
    if (!isTooOften && !this.#figures.isProbed) return false;
    this.#eject(nowMs);
    return true;
  }

  /**
   * It would not take a request, and says that this is no fault of its own: believed, until it says so to many. A caller counts
   * once however often, so that one cannot have a machine shut out.
   *
   * @returns whether it is shut out for it
   */
  declined(caller: string, nowMs: number): boolean {
    const others = this.#taken.filter(({ declined }) => declined !== caller);
    this.#taken = latest([...others, { atMs: nowMs, declined: caller }]);
    const callers = this.#taken.filter(({ declined }) => declined !== undefined).length;
    if (callers < DECLINED_CALLERS_MIN || callers < DECLINED_SHARE * this.#taken.length) return false;
    this.#noteFault(nowMs);
    this.#eject(nowMs);
    return true;
  }

  #noteFault(nowMs: number): void {
    const faultsAtMs = [...this.#figures.faultsAtMs, nowMs].slice(-OUTCOMES_REMEMBERED_MAX);
    this.#figures = { ...this.#figures, faultsAtMs };
  }

  #eject(nowMs: number): void {
    const ejectedMs = Math.min(EJECTED_MS_MAX, EJECTED_MS_MIN * 2 ** this.#ejections);
    this.#ejections = Math.min(this.#ejections + 1, 16);
    this.#good = 0;
    this.#outcomes = [];
    this.#taken = [];
    this.#figures = { ...this.#figures, ejectedUntilMs: nowMs + ejectedMs, isProbed: true };
  }

  #remember(outcome: Outcome): void {
    this.#outcomes = latest([...this.#outcomes, outcome]);
  }
}

/** Those that are remembered when the last of them comes. */
function latest<One extends { readonly atMs: number }>(all: readonly One[]): One[] {
  const nowMs = all.at(-1)?.atMs ?? 0;
  return all.filter(({ atMs }) => atMs > nowMs - OUTCOME_LIFE_MS).slice(-OUTCOMES_REMEMBERED_MAX);
}

export function recentFaults({ faultsAtMs }: ConductFigures, nowMs: number): number {
  let recent = 0;
  for (const atMs of faultsAtMs) if (atMs > nowMs - FAULT_LIFE_MS) recent++;
  return recent;
}
