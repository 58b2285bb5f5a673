import { expect, it } from "vitest";
import { leaseOf, releaseOtherLives, type Lease } from "./lease.ts";
import type { Ledger } from "./port.ts";

const mine = leaseOf("one", "2");

/** Goal: a start on a database of its own gives back what any other life left open, and nothing of its own. Method: a ledger with leases of several coordinators. */
it("releases other lives", async () => {
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
  expect(await releaseOtherLives(ledger, mine, 9)).toBe(12);
  expect(asked).toEqual([
    ["one/0", 9],
    ["two/1", 9],
    ["one/1", 9],
  ]);
});
