/** What a request to the admin socket may hold beside its headers. */
export const ADMIN_BODY_BYTES_MAX = 16 * 1024;
/** Its request line and headers. */
export const ADMIN_HEADER_BYTES_MAX = 16 * 1024;
/** A list of some 100,000 keys. */
export const ADMIN_ANSWER_BYTES_MAX = 32 * 1024 * 1024;
export const ADMIN_CONNECTIONS_MAX = 16;
/** How long either end waits for the other's next sign of life, and the coordinator for a whole request. */
export const ADMIN_SILENCE_MAX_MS = 10_000;
/** After its last answer, before a coordinator that ends closes a connection whose other end does not read. */
export const ADMIN_LAST_WORDS_MS = 1_000;
/** While an answer is being made, a status 102 says so this often (RFC 2518 §10.1). */
export const ADMIN_SIGN_EVERY_MS = 2_000;
/** Rows of each list of what is kept about somebody. */
export const EXPORT_ROWS_MAX = 1_000;
/** Deposits of one page of an operator's list. */
export const ADMIN_DEPOSIT_ROWS_MAX = 500;
