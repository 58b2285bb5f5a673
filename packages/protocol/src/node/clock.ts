import { randomBytes, randomFillSync } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock, Random } from "../ports.ts";

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    signal?.throwIfAborted();
    try {
      await sleep(ms, undefined, { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};

/** The kernel is asked for so many bytes at once: it costs as much as for a few. */
const RANDOM_POOL_BYTES = 8 * 1024;
const pool = new Uint8Array(RANDOM_POOL_BYTES);
let poolTaken = RANDOM_POOL_BYTES;

/** No byte is given out twice, and none stays in the pool that was. */
function fromPool(length: number): Uint8Array<ArrayBuffer> {
  if (length > RANDOM_POOL_BYTES) return new Uint8Array(randomBytes(length));
  if (poolTaken + length > RANDOM_POOL_BYTES) {
    randomFillSync(pool);
    poolTaken = 0;
  }
  const from = poolTaken;
  poolTaken += length;
  const bytes = pool.slice(from, poolTaken);
  pool.fill(0, from, poolTaken);
  return bytes;
}

export const systemRandom: Random = {
  bytes: fromPool,
  fraction: () => Math.random(),
};
