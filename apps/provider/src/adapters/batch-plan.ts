/** How long a step shall take that reads prompts while somebody's stream waits for its next token, and while nobody's does. */
const SHARED_STEP_MS = 120;
const ALONE_STEP_MS = 250;
/** And while a prompt is nearly read: whoever asked it waits for the first token. */
const NEARLY_READ_STEP_MS = 250;
/** A prompt is nearly read when so many such steps read it to its end. */
const NEARLY_READ_STEPS = 2;
/** A step reads at least so much of prompts, however slow the machine is. */
export const PROMPT_STEP_TOKENS_MIN = 4;
/** And at most so much. */
export const BATCH_TOKENS_MAX = 512;
/** Of a new measurement; the rest stays. */
const NEW_SHARE = 0.3;
/** No machine reads faster; a step that took less than was expected of its writers says nothing more. */
const MS_PER_TOKEN_MIN = 0.001;

/**
 * How much of prompts a step reads. Reading makes a step long, and whoever streams waits for it: so it shrinks to what
 * this machine reads in a tenth of a second beside what it writes.
 */
export class PromptBudget {
  #msPerToken: number;
  #msPerWriter = 0;

  /** @param msPerToken of a prompt, as far as it is known before the first step */
  constructor(msPerToken = 1) {
    this.#msPerToken = Math.max(MS_PER_TOKEN_MIN, msPerToken);
  }

  /**
   * What each prompt gets of the next step.
   *
   * @param left tokens that each has left
   * @param writers runs that get a token in the same step
   * @param tokensMax that a step may have
   */
  shares(left: readonly number[], writers: number, tokensMax: number): number[] {
    const most = Math.max(1, Math.min(BATCH_TOKENS_MAX, tokensMax - writers));
    const shares = sharesOf(
      left,
      Math.min(most, this.#tokensIn(writers > 0 ? SHARED_STEP_MS : ALONE_STEP_MS, writers)),
    );
    const longer = Math.min(most, this.#tokensIn(NEARLY_READ_STEP_MS, writers));
    let rest = longer - shares.reduce((sum, share) => sum + share, 0);
    const shortestFirst = left.map((_, at) => at).toSorted((one, other) => (left[one] ?? 0) - (left[other] ?? 0));
    for (const at of shortestFirst) {
      const share = shares[at] ?? 0;
      if (rest <= 0 || (left[at] ?? 0) > NEARLY_READ_STEPS * longer) break;
      const more = Math.min(rest, (left[at] ?? 0) - share);
      shares[at] = share + more;
      rest -= more;
    }
    return shares;
  }

  /** What a step took that read so many tokens of prompts and wrote one each for so many runs. */
  took(stepMs: number, promptTokens: number, writers: number): void {
    if (promptTokens === 0) {
      if (writers > 0) this.#msPerWriter += NEW_SHARE * (stepMs / writers - this.#msPerWriter);
      return;
    }
    // Steps that read few say more of the others in them.
    if (promptTokens < PROMPT_STEP_TOKENS_MIN) return;
    const msPerToken = (stepMs - writers * this.#msPerWriter) / promptTokens;
    this.#msPerToken += NEW_SHARE * (Math.max(MS_PER_TOKEN_MIN, msPerToken) - this.#msPerToken);
  }

  /** Where writing alone takes longer than the step should, reading still gets half as long: else no prompt would come to its end. */
  #tokensIn(stepMs: number, writers: number): number {
    const writingMs = writers * this.#msPerWriter;
    const readingMs = Math.max(stepMs - writingMs, writingMs / 2);
    return Math.max(PROMPT_STEP_TOKENS_MIN, Math.floor(readingMs / this.#msPerToken));
  }
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
