/** Bounds of this library. Each one's consequence is in LIMITS.md. */

/** A plain answer, or what of a stream may not go out yet. */
export const CLIENT_ANSWER_BYTES_MAX = 16 * 1024 * 1024;
/** Evidence of some hundreds of machines. */
export const EVIDENCE_BYTES_MAX = 64 * 1024 * 1024;
/** What stands at `/.well-known/darkbloom`, a receipt, a proof. */
export const SMALL_ANSWER_BYTES_MAX = 1024 * 1024;
export const EVIDENCE_WAIT_MS = 10_000;
/** Evidence that ends within this is fetched anew while the old still serves. */
export const REFRESH_AHEAD_MS = 4 * 60_000;
/** How old a list may get while it is used: so long a machine that joins is not asked. */
export const LIST_AGE_MS_MAX = 10 * 60_000;
/** Where something is near its end and stays so, nobody is asked more often. */
export const REFRESH_EVERY_MS = 30_000;
/** Coordinator's keys that are published are read again after this. */
export const KEYS_AGE_MS_MAX = 60 * 60_000;
/** How long the receipt of an answer that was left is asked for: its machine has 30 s to close it. */
export const RECEIPT_WAIT_MS = 40_000;
export const RECEIPT_ASK_EVERY_MS = 1_000;
/** A machine's keys may stand in the log so much later than it joined. */
export const LOG_DELAY_MS = 10_000;
/** Models whose machines are known; the one that was asked for longest ago goes first. */
export const MODELS_KNOWN_MAX = 64;
/** After so many answers that name other machines a sealed request fails. */
export const NO_CANDIDATE_MAX = 2;
