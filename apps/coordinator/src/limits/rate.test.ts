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

  /** Goal: what happened is counted though nobody could refuse it, and is never owed for long. Method: more than there was room for, some of it put back. */
  it("counts what is spent without asking, down to as much as it holds, and takes it back", () => {
    const clock = { nowMs: 0, monotonicMs: () => clock.nowMs };
    const limiter = new RateLimiter(clock, { requestsPerSec: 1, requestsBurst: 3 });
    const spend = (times: number) => Array.from({ length: times }, () => limiter.spend(account(1)));
    limiter.restore(account(1));
    expect(limiter.size).toBe(0);
    spend(3);
    expect(limiter.waitSec(account(1))).toBe(1);
    spend(2);
    expect(limiter.waitSec(account(1))).toBe(3);
    limiter.restore(account(1));
    expect(limiter.waitSec(account(1))).toBe(2);
    spend(100);
    expect(limiter.waitSec(account(1))).toBe(4);
    clock.nowMs = 3_999;
    expect(limiter.take(account(1)).allowed).toBe(false);
    // What is still owed is not forgotten with those who are idle.
    limiter.take(account(2));
    expect([limiter.size, limiter.waitSec(account(1))]).toEqual([2, 1]);
    clock.nowMs = 4_000;
    expect(limiter.take(account(1)).allowed).toBe(true);
    expect(limiter.waitSec(account(2))).toBeUndefined();
    for (let n = 0; n < 9; n++) limiter.restore(account(2));
    for (const allowed of [true, true, true, false]) expect(limiter.take(account(2)).allowed).toBe(allowed);
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
