import type { AccountId } from "@darkbloom/protocol/ids";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { nothing, type Balances } from "./journal.ts";
import { leaseOf } from "./lease.ts";
import { anna, bert, lease, termsOf } from "./ledger.samples.ts";
import { OpenHolds, type OpenHold } from "./open-holds.ts";

const accounts = [anna, bert] as const;
const other = leaseOf("other", "1");
const written: Balances = { ...nothing, granted: 1_000n, paid_in: 500n, earned: 200n, payable: 300n, held: 7n };

const step = fc.record({
  op: fc.constantFrom("take", "take", "end", "rewrite"),
  n: fc.nat(7),
  granted: fc.bigInt(0n, 50n),
  paid: fc.bigInt(0n, 50n),
});

/**
 * Goal: what is left of an account, and what is held, is what its open holds come to, in any order; nothing is known of an
 * account without one. Method: random holds of two accounts and two lives, ends and changes of what is written, against plain sums.
 */
it("keeps what is set aside", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const open = new OpenHolds();
      const model = new Map<number, OpenHold>();
      const now = new Map<AccountId, Balances>(accounts.map((account) => [account, written]));
      const read = (account: AccountId) => now.get(account) ?? nothing;
      for (const { op, n, granted, paid } of steps) {
        const account = n % 2 === 0 ? anna : bert;
        const known = model.get(n);
        if (op === "take" && !known) {
          const parts = { granted, paid_in: paid, earned: 1n, payable: 2n };
          const hold: OpenHold = {
            terms: termsOf(`${n}`, granted + paid + 3n, account),
            lease: n < 4 ? lease : other,
            holding: { payer: account, parts },
          };
          open.take(hold, read);
          model.set(n, hold);
        } else if (op === "end" && known) {
          expect(open.end(known)).toEqual(read(account));
          expect(() => open.end(known)).toThrow(RangeError);
          model.delete(n);
        } else if (op === "rewrite") {
          now.set(account, { ...written, granted: 1_000n + granted });
          open.rewritten(account, read(account));
        }
        for (const one of accounts) {
          const holds = [...model.values()].filter(({ holding }) => holding.payer === one);
          const sum = (of: (hold: OpenHold) => bigint) => holds.reduce((total, hold) => total + of(hold), 0n);
          const left = {
            ...read(one),
            granted: read(one).granted - sum(({ holding }) => holding.parts.granted),
            paid_in: read(one).paid_in - sum(({ holding }) => holding.parts.paid_in),
            earned: read(one).earned - BigInt(holds.length),
            payable: read(one).payable - 2n * BigInt(holds.length),
            held: 7n + sum(({ terms }) => terms.amount),
          };
          expect(open.left(one)).toEqual(holds.length > 0 ? left : undefined);
          expect(open.overlay(one, read(one))).toEqual(left);
        }
        expect(open.faults(read)).toEqual([]);
        const all = [...model.values()];
        expect(new Set(open.leases())).toEqual(new Set(all.map((hold) => hold.lease)));
        expect(open.of(other, 2)).toEqual(all.filter((hold) => hold.lease === other).slice(0, 2));
        expect(open.get(termsOf(`${n}`, 0n).holdId)).toBe(model.get(n));
      }
    }),
  );
});
