import type { KeyId } from "@darkbloom/protocol/ids";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RatedKeys, type KeyRates, type RateUse, type Taken } from "./key-rates.ts";

const key = "key_1" as KeyId;
const unrated: KeyRates = { requests: null, promptTokens: null, answerTokens: null };
const one: RateUse = { requests: 1, promptTokens: 0, answerTokens: 0 };

function made(keysMax?: number) {
  const clock = { ms: 0, monotonicMs: () => clock.ms };
  const keys = new RatedKeys(clock, keysMax);
  /** What gives the rest back; or how long to wait, in seconds. */
  const take = (rates: Partial<KeyRates>, most: Partial<RateUse> = {}, of = key): Taken | number => {
    const taken = keys.take(of, { ...unrated, ...rates }, { ...one, ...most });
    return "retryAfterSec" in taken ? taken.retryAfterSec : taken;
  };
  return { clock, keys, take };
}
const isTaken = (taken: Taken | number): taken is Taken => typeof taken !== "number";

describe("the rates of a key", () => {
  /** Goal: a minute's requests go at once and no more, and the time to wait is true. Method: one too many, and the same a moment before and at the time that was told. */
  it("let a minute's requests through", () => {
    const { clock, take } = made();
    for (let n = 0; n < 6; n++) expect(isTaken(take({ requests: 6 }))).toBe(true);
    expect(take({ requests: 6 })).toBe(10);
    clock.ms = 9_999;
    expect(take({ requests: 6 })).toBe(1);
    clock.ms = 10_000;
    expect(isTaken(take({ requests: 6 }))).toBe(true);
    expect(take({ requests: 6 })).toBe(10);
  });

  /** Goal: tokens are taken by their most and corrected by their use. Method: each kind in turn, given back in whole, in part, and not. */
  it.each(["promptTokens", "answerTokens"] as const)("take and give back %s", (kind) => {
    const { take } = made();
    const ask = () => take({ [kind]: 100 }, { [kind]: 60 });
    const first = ask();
    expect(ask()).toBe(12);
    if (isTaken(first)) {
      first.used({ promptTokens: 0, answerTokens: 0, [kind]: 40 });
      first[Symbol.dispose]();
    }
    const second = ask();
    expect(ask()).toBe(36);
    if (isTaken(second)) second[Symbol.dispose]();
    expect(isTaken(ask())).toBe(true);
  });

  /** Goal: what can use more than a whole minute's is not refused for ever, and those behind it wait for all of it. Method: two minutes' worth at once. */
  it("let in what is larger than they are, once nothing is taken", () => {
    const { clock, take } = made();
    expect(isTaken(take({ promptTokens: 100 }, { promptTokens: 200 }))).toBe(true);
    expect(take({ promptTokens: 100 }, { promptTokens: 1 })).toBe(61);
    expect(take({ promptTokens: 100 }, { promptTokens: 200 })).toBe(120);
    clock.ms = 120_000;
    expect(isTaken(take({ promptTokens: 100 }, { promptTokens: 200 }))).toBe(true);
  });

  /** Goal: a request that one rate refuses takes nothing of the others. Method: tokens that do not fit, then those that do, under one request left. */
  it("take all or nothing", () => {
    const { take } = made();
    const rates = { requests: 2, answerTokens: 10 };
    expect(isTaken(take(rates, { answerTokens: 8 }))).toBe(true);
    expect(take(rates, { answerTokens: 8 })).toBe(36);
    expect(isTaken(take(rates, { answerTokens: 2 }))).toBe(true);
    expect(take(rates)).toBe(30);
  });

  /** Goal: a rate that is changed acts at once, in both ways, and of one that is taken away nothing is left. Method: raise, lower, take away and set again. */
  it("can be changed", () => {
    const { take } = made();
    for (let n = 0; n < 2; n++) take({ requests: 2 });
    expect(take({ requests: 2 })).toBe(30);
    expect(isTaken(take({ requests: 3 }))).toBe(true);
    expect(take({ requests: 1 })).toBe(180);
    expect(isTaken(take({}))).toBe(true);
  });

  /** Goal: memory is bounded, a key that has nothing taken is forgotten, and one without rates never remembered. Method: more keys than there is room for, and time. */
  it("are remembered for so many keys", () => {
    const { clock, keys, take } = made(3);
    const of = (n: number) => `key_${n}` as KeyId;
    expect(isTaken(take({}, {}, of(0)))).toBe(true);
    expect(keys.size).toBe(0);
    const first = take({ requests: 1, promptTokens: 5 }, { promptTokens: 5 }, of(0));
    for (let n = 1; n <= 3; n++) take({ requests: 1 }, {}, of(n));
    expect(keys.size).toBe(3);
    if (isTaken(first)) first[Symbol.dispose]();
    expect(isTaken(take({ requests: 1 }, {}, of(0)))).toBe(true);
    expect(take({ requests: 1 }, {}, of(3))).toBe(60);
    clock.ms = 60_000;
    take({ requests: 1 }, {}, of(9));
    expect(keys.size).toBe(1);
  });

  /** Goal: whoever is refused learns by which rate: the one that keeps them longest. Method: each of three, the others with room or less to wait for. */
  it.each<[keyof KeyRates, Partial<RateUse>]>([
    ["requests", {}],
    ["promptTokens", { promptTokens: 80 }],
    ["answerTokens", { promptTokens: 80, answerTokens: 100 }],
  ])("name %s", (rate, most) => {
    const keys = new RatedKeys({ monotonicMs: () => 0 });
    const rates = { requests: 4, promptTokens: 100, answerTokens: 100 };
    const first = { requests: 4, promptTokens: 60, answerTokens: 100 };
    keys.take(key, rates, first);
    expect(keys.take(key, rates, { ...one, ...most })).toMatchObject({ rate });
  });

  /** Goal: what a request gives back is of the rates it was taken by alone. Method: one that began before there was a rate, and ends behind one that did not. */
  it("give back to no rate that took nothing", () => {
    const { take } = made();
    const before = take({ requests: 5 }, { promptTokens: 60 });
    expect(isTaken(take({ promptTokens: 100 }, { promptTokens: 60 }))).toBe(true);
    if (isTaken(before)) before[Symbol.dispose]();
    expect(take({ promptTokens: 100 }, { promptTokens: 60 })).toBe(12);
  });

  /** Goal: from the first request on no more than a minute's more than the rate is used, where no request is larger than it. Method: random requests, ends and pauses. */
  it("hold over any time", () => {
    const step = fc.record({ ms: fc.nat(20_000), most: fc.nat(100), used: fc.nat(100), ends: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { clock, take } = made();
        let sum = 0;
        for (const { ms, most, used, ends } of steps) {
          clock.ms += ms;
          const taken = take({ answerTokens: 100 }, { answerTokens: most });
          if (!isTaken(taken)) continue;
          const really = ends ? Math.min(most, used) : most;
          if (ends) {
            taken.used({ promptTokens: 0, answerTokens: really });
            taken[Symbol.dispose]();
          }
          sum += really;
          expect(sum).toBeLessThanOrEqual(100 + (clock.ms / 60_000) * 100 + 1e-6);
        }
      }),
    );
  });
});
