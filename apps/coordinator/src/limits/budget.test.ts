import type { AccountId } from "@darkbloom/protocol/ids";
import { expect, it } from "vitest";
import { anna, bert } from "../ledger/ledger.samples.ts";
import { Budget } from "./budget.ts";

/** Goal: the sum never exceeds its bound and nothing is lost. Method: two takers, one leaves. */
it("shares its bytes, refuses what is too much, and takes back what was given", () => {
  const budget = new Budget(20);
  using first = budget.share(anna);
  {
    using second = budget.share(anna);
    expect(first.grow(6)).toBe(true);
    expect(second.grow(5)).toBe(false);
    expect(second.grow(4)).toBe(true);
    expect(first.grow(1)).toBe(false);
  }
  expect(first.grow(4)).toBe(true);
  expect(first.grow(1)).toBe(false);
  first.shrink(3);
  expect(first.grow(4)).toBe(false);
  expect(first.grow(3)).toBe(true);
  first.shrink(99);
  using third = budget.share(bert);
  expect(third.grow(11)).toBe(false);
  expect(third.grow(10)).toBe(true);
});

/** Goal: whatever some accounts take, there is room for one that has little. Method: accounts that take all they can, one byte at a time, then one more. */
it("lets no account take more than it leaves to all others", () => {
  const budget = new Budget(120);
  const carl = "acct_carl" as AccountId;
  const greedy = (account: AccountId) => {
    const share = budget.share(account);
    let taken = 0;
    while (share.grow(1)) taken++;
    return taken;
  };
  expect([anna, bert, carl].map(greedy)).toEqual([60, 30, 15]);
  expect(greedy(anna)).toBe(0);
  using modest = budget.share("acct_modest");
  expect(modest.grow(7)).toBe(true);
});

/** Goal: a crowd that has come and gone leaves nothing. Method: owners who took nothing, took and left, and stay. */
it("keeps nothing of an owner who has nothing", () => {
  const budget = new Budget(100);
  using stays = budget.share(anna);
  stays.grow(1);
  for (let n = 0; n < 10; n++) {
    using share = budget.share(`acct_${n}`);
    if (n % 2 === 0) share.grow(3);
  }
  expect(budget.owners).toBe(1);
});
