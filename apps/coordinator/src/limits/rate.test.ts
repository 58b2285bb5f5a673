import type { AccountId } from "@darkbloom/protocol/ids";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatReset, RATE_ACCOUNTS_MAX, RateLimiter, REQUESTS_BURST, REQUESTS_PER_SEC } from "./rate.ts";

const account = (n: number) => `acct_${n}` as AccountId;

function setUp(accountsMax?: number) {
  const clock = { nowMs: 0, monotonicMs: () => clock.nowMs };
  return { clock, limiter: new RateLimiter(clock, {}, accountsMax) };
}

describe("the request rate of an account", () => {
  it("lets a burst through, then refuses and says when to come back", () => {
    const { clock, limiter } = setUp();
    for (let n = 1; n <= REQUESTS_BURST; n++)
      expect(limiter.take(account(1))).toMatchObject({ allowed: true, remaining: REQUESTS_BURST - n });
    expect(limiter.take(account(1))).toEqual({
      allowed: false,
      limit: REQUESTS_BURST,
      remaining: 0,
      resetMs: 6000,
      retryAfterSec: 1,
    });
    expect(limiter.take(account(2)).allowed).toBe(true);
    clock.nowMs += 1000 / REQUESTS_PER_SEC;
    expect(limiter.take(account(1)).allowed).toBe(true);
    expect(limiter.take(account(1)).allowed).toBe(false);
  });

  it("grants what the operator set, and refuses a rate that would grant nothing", () => {
    const clock = { nowMs: 0, monotonicMs: () => clock.nowMs };
    const limiter = new RateLimiter(clock, { requestsPerSec: 1, requestsBurst: 2 });
    const allowed = () => limiter.take(account(1)).allowed;
    expect([allowed(), allowed(), allowed()]).toEqual([true, true, false]);
    clock.nowMs += 1000;
    expect([allowed(), allowed()]).toEqual([true, false]);
    expect(limiter.take(account(1))).toMatchObject({ limit: 2, resetMs: 2000, retryAfterSec: 1 });
    for (const rate of [{ requestsPerSec: 0 }, { requestsBurst: 0.99 }, { requestsPerSec: Number.NaN }])
      expect(() => new RateLimiter(clock, rate)).toThrow(RangeError);
    for (const rate of [{ requestsPerSec: 0.01 }, { requestsBurst: 1 }])
      expect(new RateLimiter(clock, rate).take(account(1)).allowed).toBe(true);
  });

  /**
   * Goal: over any window, an account is never allowed more than the burst and the sustained rate.
   * Method: random arrivals; the count of allowed ones is compared with the bound after each.
   */
  it("never allows more than burst + rate × time", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 600 }), (gapsMs) => {
        const { clock, limiter } = setUp();
        let allowed = 0;
        for (const gapMs of gapsMs) {
          clock.nowMs += gapMs;
          if (limiter.take(account(1)).allowed) allowed++;
          expect(allowed).toBeLessThanOrEqual(REQUESTS_BURST + (clock.nowMs / 1000) * REQUESTS_PER_SEC + 1e-6);
        }
      }),
    );
  });

  it("forgets idle accounts, and the quietest one where there are too many", () => {
    const { clock, limiter } = setUp(3);
    for (let n = 1; n <= 5; n++) limiter.take(account(n));
    expect(limiter.size).toBe(3);
    clock.nowMs += 6000;
    limiter.take(account(9));
    expect(limiter.size).toBe(1);
  });

  it("remembers so many accounts", () => {
    const { limiter } = setUp();
    for (let n = 0; n <= RATE_ACCOUNTS_MAX; n++) limiter.take(account(n));
    expect(limiter.size).toBe(RATE_ACCOUNTS_MAX);
  });
});

it("writes durations as OpenAI does", () => {
  const table: [ms: number, text: string][] = [
    [0, "0s"],
    [0.2, "1ms"],
    [50, "50ms"],
    [1000, "1s"],
    [1001, "2s"],
    [360_000, "6m0s"],
    [3_600_000, "1h0m0s"],
  ];
  for (const [ms, text] of table) expect(formatReset(ms)).toBe(text);
});
