/** What stands in for `src/node` where tests run in a browser. */
import type { Clock, Random } from "../../src/ports.ts";

export { webCrypto as nodeCrypto, webCrypto as promptCrypto } from "../../src/web/crypto.ts";
export { webHpke as nodeHpke, webHpkeKeyFrom as hpkeKeyFrom, webKems as nodeKems } from "../../src/web/hpke.ts";

export const systemRandom: Random = {
  bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  fraction: Math.random,
};
export const systemClock: Clock = {
  now: Date.now,
  monotonicMs: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => void setTimeout(resolve, ms)),
};
