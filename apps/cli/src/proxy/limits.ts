/** Bounds of the proxy. Each one's consequence is in LIMITS.md. */

/** Requests that run at once, each with a body of up to 16 MiB. */
export const PROXY_REQUESTS_MAX = 64;
/** Answers that were left and whose receipts are still asked for, beside those that run. Of more, no receipt is asked for. */
export const PROXY_RECEIPTS_AWAITED_MAX = 64;
export const PROXY_CONNECTIONS_MAX = 256;
export const PROXY_HEADER_BYTES_MAX = 16 * 1024;
/** From the first byte of a request to the last of its body. */
export const PROXY_RECEIVE_MS_MAX = 300_000;
/** Answers that `/status` tells of. */
export const ANSWERS_TOLD_MAX = 100;
/** Answers whose verification and receipt are kept as files; the oldest go first. */
export const ANSWERS_KEPT_MAX = 10_000;
