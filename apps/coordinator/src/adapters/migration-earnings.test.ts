import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDataFolder } from "@darkbloom/protocol/node";
import { afterAll, expect, it } from "vitest";
import { anna, bert, lease, machine, settlementOf, termsOf } from "../ledger/ledger.samples.ts";
import { openDatabase } from "./database.ts";
import { migrations } from "./migrations.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";

const root = mkdtempSync(join(tmpdir(), "earnings-"));
afterAll(() => rmSync(root, { recursive: true }));

/** Goal: what was earned before stays what it is and is never withdrawn, the books add up, and what is earned from now on is told. Method: a database of the program before, with settlements by the row and by the day; then one more answer. */
it("keeps what was earned before", async () => {
  await using folder = await openDataFolder(join(root, "data"), "coordinator");
  {
    using database = await openDatabase(folder, migrations.slice(0, 18));
    database.exec(`
      INSERT INTO accounts (account, id, granted, paid_in, earned, charged, credited) VALUES
        ('outside', 1, -100, -50, 0, 0, 0), ('${anna}', 2, 70, 50, 0, 30, 150), ('platform', 4, 0, 0, 5, 0, 0),
        ('${machine}', 5, 0, 0, 25, 0, 0);
      INSERT INTO journal (entry, kind, at, ref) VALUES
        (1, 'grant', 1, 'credit_1'), (2, 'deposit', 1, 'deposit_1'), (3, 'settle', 3, NULL), (4, 'day', 0, '0');
      INSERT INTO postings VALUES
        (1, 1, 'granted', -100), (1, 2, 'granted', 100), (2, 1, 'paid_in', -50), (2, 2, 'paid_in', 50),
        (3, 2, 'granted', -20), (3, 4, 'earned', 5), (3, 5, 'earned', 15), (4, 2, 'granted', -10), (4, 5, 'earned', 10);
      INSERT INTO settlements (hold_id, request_id, account, key_id, model, held, held_at, outcome, charge, at, job_id,
        serial, prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens, earned, entry, counted_tokens)
        VALUES ('hold_0', 'request_0', '${anna}', 'key_1', 'm', 30, 90000000, 'finished', 20, 90000000, 'job_0', 'S', 1, 0, 1, 0, 15, 3, 2);
      INSERT INTO usage_days (day, account, key_id, model, serial, outcome, requests, prompt_tokens, cached_tokens,
        completion_tokens, reasoning_tokens, charge, earned, counted_tokens)
        VALUES (0, '${anna}', 'key_1', 'm', 'S', 'finished', 2, 5, 0, 5, 0, 10, 10, 10);
      INSERT INTO used VALUES ('key_1', 0, 10, 10), ('key_1', 1, 20, 2)`);
  }
  using database = await openDatabase(folder);
  await using ledger = new SqliteLedger(database, { lease });
  expect(await ledger.check()).toEqual([]);
  const whole = { by: "machine", fromDay: 0, untilDay: 99 } as const;
  expect(await ledger.balances(machine)).toMatchObject({ earned: 25n, payable: 0n });
  expect(await ledger.earnings(machine, whole)).toEqual([]);
  await ledger.book("deposit_2", { kind: "deposit", account: bert, amount: 40n }, 5);
  await ledger.hold(termsOf("1", 40n, bert));
  await ledger.settle(termsOf("1", 40n).holdId, settlementOf(40n, { id: "1", earned: 30n }));
  expect(await ledger.balances(machine)).toMatchObject({ earned: 25n, payable: 30n });
  expect(await ledger.earnings(machine, whole)).toMatchObject([{ answers: 1n, earned: 0n, payable: 30n }]);
  expect(await ledger.check()).toEqual([]);
});
