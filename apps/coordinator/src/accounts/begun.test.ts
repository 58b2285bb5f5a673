import { nodeCrypto, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { expect, it } from "vitest";
import { Begun, BEGUN_LIFE_MS, BEGUN_MAX, BEGUN_PER_ADDRESS_MAX } from "./begun.ts";

function fresh() {
  let nowMs = 1_000;
  const clock = { ...systemClock, monotonicMs: () => nowMs };
  const begun = new Begun<number>({ clock, random: systemRandom, crypto: nodeCrypto });
  const begin = (address: string, what = 1): string => {
    const secret = begun.newSecret();
    begun.keep(secret, address, what);
    return secret;
  };
  return { begun, begin, later: (ms: number) => void (nowMs += ms) };
}

/** Goal: what is begun ends once, in time, by its own secret. Method: looked at, taken, taken again, too late, and another's secret. */
it("is taken once and in time", () => {
  const { begun, begin, later } = fresh();
  const first = begin("a", 7);
  expect([begun.find(first), begun.find("x"), begun.take("x")]).toEqual([7, undefined, undefined]);
  expect([begun.take(first), begun.take(first)]).toEqual([7, undefined]);
  const second = begin("a", 8);
  later(BEGUN_LIFE_MS - 1);
  expect(begun.find(second)).toBe(8);
  later(1);
  expect([begun.find(second), begun.take(second)]).toEqual([undefined, undefined]);
});

/** Goal: who floods loses their own. Method: more than fit from one address, beside another's; then more than fit in all. */
it("is bounded by address and in all", () => {
  const { begun, begin } = fresh();
  const other = begin("b");
  const own = Array.from({ length: BEGUN_PER_ADDRESS_MAX + 1 }, () => begin("a"));
  expect(own.map((secret) => begun.find(secret) !== undefined)).toEqual([false, ...own.slice(1).map(() => true)]);
  expect(begun.find(other)).toBe(1);
  const many = Array.from({ length: BEGUN_MAX - BEGUN_PER_ADDRESS_MAX - 1 }, (_, n) => begin(`c${n}`));
  expect(begun.find(other)).toBe(1);
  begin("d");
  expect([begun.find(other), begun.find(own[1] ?? ""), begun.find(many[0] ?? "")]).toEqual([undefined, 1, 1]);
});
