import type { Share } from "../limits/budget.ts";
import type { Content } from "./privacy/content.ts";
import type { ModelTerms, Terms } from "./terms.ts";

/** One request as it comes through the door. What it says nobody gets out of `content`. */
export interface Ask {
  readonly terms: Terms;
  readonly content: Content;
  /** Room in memory for what of the answer may not go out yet. */
  readonly answerRoom: Share;
  /** Aborts when the caller hangs up. */
  readonly hangUp: AbortSignal;
  /** Aborts, with `draining`, when this coordinator ends and can wait for answers no longer. */
  readonly shutdown: AbortSignal;
}

/** A request whose model is known. */
export interface Order extends ModelTerms {
  readonly ask: Ask;
}
