import type { AccountId } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import { expect, it } from "vitest";
import { LedgerBook } from "../ledger/book.ts";
import { idempotencyContract } from "../ledger/idempotency.contract.ts";
import { ledgerContract } from "../ledger/ledger.contract.ts";
import { anna, bert } from "../ledger/ledger.samples.ts";
import type { Totals } from "../ledger/port.ts";
import { MemoryLedger } from "./memory-ledger.ts";

const open = async () => ({ ledger: new MemoryLedger(), [Symbol.asyncDispose]: async () => undefined });

ledgerContract("in memory", open);
idempotencyContract("in memory", open);

/** Goal: books that do not add up are told, by how much. Method: a book that counts a micro-dollar too much of one account. */
it("finds what does not add up", async () => {
  class WrongBook extends LedgerBook {
    isWrong = false;

    override totals(account: AccountId): Totals {
      const totals = super.totals(account);
      return this.isWrong && account === anna ? { ...totals, held: microUsd(totals.held + 1n) } : totals;
    }
  }
  const book = new WrongBook();
  const ledger = new MemoryLedger(book);
  for (const account of [anna, bert]) await ledger.credit(account, account, microUsd(5n), 1);
  book.isWrong = true;
  expect(await ledger.check()).toEqual([{ account: anna, offBy: 1n }]);
});
