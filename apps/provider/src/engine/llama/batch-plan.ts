/** How long a step shall take that reads prompts while somebody's stream waits for its next token, and while nobody's does. */
const SHARED_STEP_MS = 120;
const ALONE_STEP_MS = 250;
/** And while a prompt is nearly read: whoever asked it waits for the first token. */
const NEARLY_READ_STEP_MS = 250;
/** A prompt is nearly read when so many such steps read it to its end. */
const NEARLY_READ_STEPS = 2;
/**
 * How long a step may take that reads prompts to their end and writes for nobody. With the step after it, which keeps
 * to its tenth of a second, no stream waits for half a second.
 */
const FIRST_STEP_MS = 300;
/** Writing that takes less is not worth a step of its own. */
const WRITING_WAITS_FROM_MS = 20;
/** A step reads at least so much of prompts, however slow the machine is. */
export const PROMPT_STEP_TOKENS_MIN = 4;
/** And at most so much. */
export const BATCH_TOKENS_MAX = 512;
/** Of a new measurement; the rest stays. One that is slower counts more: whoever streams waits for the steps that are still too long. */
const FASTER_SHARE = 0.3;
const SLOWER_SHARE = 0.7;
/** It counts as no more than so many times what was known, or this: a machine that slept, or was stopped, was not slow. */
const NEW_FACTOR_MAX = 4;
const NEW_MS_MIN = 10;
/** No machine reads faster; a step that took less than was expected of its writers says nothing more. */
const MS_PER_TOKEN_MIN = 0.001;

/** Who takes part in a step. */
export interface StepPlan {
  /** What each prompt gets of it. */
  readonly shares: readonly number[];
  /** Whether runs that write go without a token this once, so that a short prompt is read sooner. */
  readonly writersWait: boolean;
}

/**
 * How much of prompts a step reads. Reading makes a step long, and whoever streams waits for it: so it shrinks to what
 * this machine reads in a tenth of a second beside what it writes.
 */
export class PromptBudget {
  #msPerToken: number;
  #msPerWriter: number;

  /** @param msPerToken of a prompt, as far as it is known before the first step */
  constructor(msPerToken = 1) {
    this.#msPerToken = Math.max(MS_PER_TOKEN_MIN, msPerToken);
    // It takes more, until a step that only writes has told.
    this.#msPerWriter = this.#msPerToken;
  }

  /**
   * @param left tokens that each prompt has left
   * @param writers runs that want a token in the same step
   * @param tokensMax that a step may have
   * @param haveWaited whether the writers went without one in the step before; never twice
   */
  plan(left: readonly number[], writers: number, tokensMax: number, haveWaited = false): StepPlan {
    const most = Math.max(1, Math.min(BATCH_TOKENS_MAX, tokensMax - writers));
    if (writers * this.#msPerWriter >= WRITING_WAITS_FROM_MS && !haveWaited) {
      const shares = wholeOf(left, Math.min(most, Math.floor(FIRST_STEP_MS / this.#msPerToken)));
      if (shares.some((share) => share > 0)) return { shares, writersWait: true };
    }
    const stepMs = writers > 0 ? SHARED_STEP_MS : ALONE_STEP_MS;
    const shares = sharesOf(left, Math.min(most, this.#tokensIn(stepMs, writers)));
    if (!haveWaited) this.#finish(shares, left, Math.min(most, this.#tokensIn(NEARLY_READ_STEP_MS, writers)));
    return { shares, writersWait: false };
  }

  /** Makes the step longer for prompts that are nearly read, the shortest first. */
  #finish(shares: number[], left: readonly number[], longer: number): void {
    let rest = longer - shares.reduce((sum, share) => sum + share, 0);
    for (const at of shortestFirst(left)) {
      const share = shares[at] ?? 0;
      if (rest <= 0 || (left[at] ?? 0) > NEARLY_READ_STEPS * longer) break;
      const more = Math.min(rest, (left[at] ?? 0) - share);
      shares[at] = share + more;
      rest -= more;
    }
  }

  /** What a step took that read so many tokens of prompts and wrote one each for so many runs. */
  took(stepMs: number, promptTokens: number, writers: number): void {
    if (promptTokens === 0) {
      if (writers > 0) this.#msPerWriter = learnt(this.#msPerWriter, stepMs / writers);
      return;
    }
    // Steps that read few say more of the others in them.
    if (promptTokens < PROMPT_STEP_TOKENS_MIN) return;
    const msPerToken = (stepMs - writers * this.#msPerWriter) / promptTokens;
    this.#msPerToken = learnt(this.#msPerToken, Math.max(MS_PER_TOKEN_MIN, msPerToken));
  }

  /** Where writing alone takes longer than the step should, reading still gets half as long: else no prompt would come to its end. */
  #tokensIn(stepMs: number, writers: number): number {
    const writingMs = writers * this.#msPerWriter;
    const readingMs = Math.max(stepMs - writingMs, writingMs / 2);
    return Math.max(PROMPT_STEP_TOKENS_MIN, Math.floor(readingMs / this.#msPerToken));
  }
}

function learnt(knownMs: number, measuredMs: number): number {
  const countedMs = Math.min(measuredMs, Math.max(NEW_FACTOR_MAX * knownMs, NEW_MS_MIN));
  return knownMs + (countedMs > knownMs ? SLOWER_SHARE : FASTER_SHARE) * (countedMs - knownMs);
}

const shortestFirst = (left: readonly number[]): number[] =>
  left.map((_, at) => at).toSorted((one, other) => (left[one] ?? 0) - (left[other] ?? 0));

/** The prompts that can be read to their end, the shortest first, and nothing of the others. */
function wholeOf(left: readonly number[], budget: number): number[] {
  const shares = left.map(() => 0);
  let rest = budget;
  for (const at of shortestFirst(left)) {
    const whole = left[at] ?? 0;
    if (whole > rest) break;
    shares[at] = whole;
    rest -= whole;
  }
  return shares;
}

/**
 * Shares a step among prompts that are still read: equally, so that a short one beside a long one begins at once; what
 * one does not need goes to the others.
 *
 * @param left tokens that each has left
 */
export function sharesOf(left: readonly number[], budget: number): number[] {
  const shares = left.map(() => 0);
  let open = left.map((_, at) => at);
  let rest = budget;
  while (open.length > 0 && rest > 0) {
    const each = Math.max(1, Math.floor(rest / open.length));
    for (const at of open) {
      const share = Math.min(each, rest, (left[at] ?? 0) - (shares[at] ?? 0));
      shares[at] = (shares[at] ?? 0) + share;
      rest -= share;
    }
    open = open.filter((at) => (shares[at] ?? 0) < (left[at] ?? 0));
  }
  return shares;
}
