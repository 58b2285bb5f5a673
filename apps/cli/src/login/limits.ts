/** From a request to the last byte of its answer, and how long that answer may be. */
export const SESSION_ANSWER_WAIT_MS = 30_000;
export const SESSION_ANSWER_BYTES_MAX = 64 * 1024;
/** As many days, machines or models as a coordinator tells of. */
export const EARNINGS_ANSWER_BYTES_MAX = 1024 * 1024;
/** The same of what is asked of a coordinator's accounts, which can be long and take long: a check of all books, say. */
export const ADMINISTER_ANSWER_WAIT_MS = 120_000;
export const ADMINISTER_ANSWER_BYTES_MAX = 32 * 1024 * 1024;
/** How often a question is asked again where the coordinator says that it comes too soon, and how long is waited at most before. */
export const ADMINISTER_TOO_SOON_MAX = 20;
export const ADMINISTER_TOO_SOON_WAIT_SEC_MAX = 10;
/** Of one thing that a coordinator says of itself, of a person or of a code. */
export const SAID_CHARS_MAX = 2_048;
/** How long `login` waits for a person, whatever the coordinator says. */
export const LOGIN_WAIT_MS_MAX = 30 * 60_000;
/** How often it asks meanwhile, whatever the coordinator says. */
export const LOGIN_ASK_EVERY_MS_MIN = 1_000;
export const LOGIN_ASK_EVERY_MS_MAX = 60_000;
/** Where the coordinator names no time, and what is added where it says `slow_down` (RFC 8628 §3.2, §3.5) or nothing. */
export const LOGIN_ASK_STEP_MS = 5_000;
/** Longer than any session is. */
export const SESSION_CHARS_MAX = 256;
/** As long as a coordinator takes one. */
export const MACHINE_TOKEN_CHARS_MAX = 256;
