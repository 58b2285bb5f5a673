import { describe, expect, it } from "vitest";
import { isEarlierLife, leaseOf, releaseEarlierLives, type Lease } from "./lease.ts";
import type { Ledger } from "./port.ts";

const mine = leaseOf("one", "2");

describe("another lease", () => {
  /** Goal: only another life of the same coordinator is an earlier one. Method: the same, another life, other coordinators, also with a name that begins alike. */
  it.each<[lease: Lease, isEarlier: boolean]>([
    [mine, false],
    [leaseOf("one", "2"), false],
    [leaseOf("one", "1"), true],
    [leaseOf("one", "3/4"), true],
    [leaseOf("two", "1"), false],
    [leaseOf("on", "e1"), false],
    [leaseOf("one1", "1"), false],
  ])("%s is an earlier life: %s", (lease, isEarlier) => {
    expect(isEarlierLife(lease, mine)).toBe(isEarlier);
  });
});

/** Goal: a start gives back what its earlier lives left open, and all of it. Method: a ledger with leases of every kind. */
it("releases earlier lives", async () => {
  const open = new Map([
    [leaseOf("one", "0"), 3],
    [leaseOf("two", "1"), 5],
    [leaseOf("one", "1"), 4],
    [mine, 7],
  ]);
  const asked: [Lease, number][] = [];
  const ledger = {
    openLeases: async () => [...open.keys()],
    releaseOpenHolds: async (lease: Lease, at: number) => {
      asked.push([lease, at]);
      return open.get(lease) ?? 0;
    },
  } as Partial<Ledger> as Ledger;
  expect(await releaseEarlierLives(ledger, mine, 9)).toBe(7);
  expect(asked).toEqual([
    ["one/0", 9],
    ["one/1", 9],
  ]);
});
