/** How long a step shall take while somebody's stream waits for its next token, and while nobody's does. */
const SHARED_STEP_MS = 120;
const ALONE_STEP_MS = 250;
/** A step reads at least so much of prompts, however slow the machine is. */
export const PROMPT_STEP_TOKENS_MIN = 16;
/** And at most so much. */
export const BATCH_TOKENS_MAX = 512;
/** Of a new measurement; the rest stays. */
const NEW_SHARE = 0.3;

/**
 * How many tokens of prompts a step may read. Reading makes a step long, and whoever streams waits for it: so the part
 * shrinks to what this machine reads in a tenth of a second while others stream.
 */
export class PromptBudget {
  #msPerToken = 1;

  tokens(isShared: boolean): number {
    const stepMs = isShared ? SHARED_STEP_MS : ALONE_STEP_MS;
    return Math.min(BATCH_TOKENS_MAX, Math.max(PROMPT_STEP_TOKENS_MIN, Math.floor(stepMs / this.#msPerToken)));
  }

  /** What a step took that read so many tokens. Steps that read few say more of the others in them. */
  took(stepMs: number, promptTokens: number): void {
    if (promptTokens < PROMPT_STEP_TOKENS_MIN / 2) return;
    this.#msPerToken += NEW_SHARE * (stepMs / promptTokens - this.#msPerToken);
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
