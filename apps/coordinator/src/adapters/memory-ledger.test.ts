import type { AccountId } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import { expect, it } from "vitest";
import { LedgerBook } from "../ledger/book.ts";
import { capsContract } from "../ledger/caps.contract.ts";
import { earningsContract } from "../ledger/earnings.contract.ts";
import { withdrawingContract } from "../ledger/withdrawing.contract.ts";
import { idempotencyContract } from "../ledger/idempotency.contract.ts";
import { ledgerContract } from "../ledger/ledger.contract.ts";
import { anna, bert, lease } from "../ledger/ledger.samples.ts";
import type { Balances } from "../ledger/journal.ts";
import type { Lease } from "../ledger/lease.ts";
import { MemoryLedger } from "./memory-ledger.ts";

const open = async () => {
  const book = new LedgerBook();
  return {
    ledger: new MemoryLedger(book, lease),
    holdsOutliveRestart: true,
    beside: (other: Lease) => new MemoryLedger(book, other),
    [Symbol.asyncDispose]: async () => undefined,
  };
};

ledgerContract("in memory", open);
idempotencyContract("in memory", open);
capsContract("in memory", open);
earningsContract("in memory", open);
withdrawingContract("in memory", open);

/** Goal: figures that are not what the journal comes to are told, by how much. Method: a book that counts a micro-dollar too much of one account. */
it("finds what does not add up", async () => {
  class WrongBook extends LedgerBook {
    isWrong = false;

    override balances(account: AccountId): Balances {
      const balances = super.balances(account);
      return this.isWrong && account === anna ? { ...balances, held: balances.held + 1n } : balances;
    }
  }
  const book = new WrongBook();
  const ledger = new MemoryLedger(book);
  for (const account of [anna, bert]) await ledger.credit(account, account, microUsd(5n), 1);
  expect(await ledger.check()).toEqual([]);
  book.isWrong = true;
  expect(await ledger.check()).toEqual([
    { account: anna, part: "held", offBy: 1n },
    { account: anna, part: "open holds", offBy: 1n },
  ]);
});
