import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import type { JobId } from "@darkbloom/protocol/ids";
import { openDataFolder } from "@darkbloom/protocol/node";
import { afterAll, expect, it } from "vitest";
import { PLATFORM } from "../ledger/journal.ts";
import { anna, bert, idempotencyOf, lease, receiptOf, settlementOf, termsOf } from "../ledger/ledger.samples.ts";
import { openDatabase } from "./database.ts";
import { migrations } from "./migrations.ts";
import { packReceipt } from "./receipt-pack.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";

const root = mkdtempSync(join(tmpdir(), "holds-"));
afterAll(() => rmSync(root, { recursive: true }));

const { keySha256, bodySha256 } = idempotencyOf("k");

/** What the program before wrote: credits, a settlement with its receipt, and holds of every kind that are open. */
function fill(database: DatabaseSync): void {
  database.exec(`
    INSERT INTO accounts (account, id, granted, paid_in, earned, held, charged, credited) VALUES
      ('outside', 1, -1000, 0, 0, 0, 0, 0), ('${anna}', 2, 460, 5, 4, 511, 20, 1000),
      ('${bert}', 3, 0, 0, 0, 0, 0, 0), ('platform', 4, 0, 0, -72, 77, 0, 0), ('mach_1', 5, 0, 0, 15, 0, 0, 0);
    INSERT INTO journal (entry, kind, at, ref) VALUES
      (1, 'grant', 1, 'credit_1'), (2, 'hold', 2, NULL), (3, 'settle', 3, NULL), (4, 'hold', 4, NULL), (5, 'hold', 5, NULL),
      (6, 'hold', 6, NULL), (7, 'grant', 1, 'paid');
    INSERT INTO postings VALUES
      (1, 1, 'granted', -1000), (1, 2, 'granted', 1000),
      (2, 2, 'granted', -30), (2, 2, 'held', 30),
      (3, 2, 'held', -30), (3, 2, 'granted', 10), (3, 4, 'earned', 5), (3, 5, 'earned', 15),
      (4, 2, 'granted', -500), (4, 2, 'held', 500),
      (5, 2, 'granted', -8), (5, 2, 'paid_in', -2), (5, 2, 'earned', -1), (5, 2, 'held', 11),
      (6, 4, 'earned', -77), (6, 4, 'held', 77),
      (7, 2, 'paid_in', 7), (7, 2, 'earned', 5), (7, 2, 'granted', -12);
    INSERT INTO holds VALUES
      ('hold_open', 'request_open', '${anna}', 'key_1', 'm', 'local/0', 0, 500, 0, 0, 4, 4),
      ('hold_parts', 'request_parts', '${anna}', 'key_1', 'm', 'local/0', 0, 8, 2, 1, 5, 5),
      ('hold_owed', 'request_owed', '${bert}', 'key_1', 'm', 'local/0', 1, 0, 0, 77, 6, 6),
      ('hold_free', 'request_free', '${bert}', 'key_1', 'm', 'local/0', 0, 0, 0, 0, NULL, 7);
    INSERT INTO settlements (seq, hold_id, request_id, account, key_id, model, held, held_at, outcome, charge, at, job_id,
      serial, prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens, earned, hold_entry, entry)
      VALUES (7, 'hold_1', 'request_1', '${anna}', 'key_1', 'm', 30, 2, 'finished', 20, 3, 'job_1', 'S', 1, 0, 1, 0, 15, 2, 3);
    INSERT INTO idempotency_keys VALUES ('${bert}', '${keySha256}', '${bodySha256}', 'hold_owed', 1, 1, 90000000)`);
  database
    .prepare("INSERT INTO receipts VALUES ('job_1', ?, '', 9000, ?, ?, 4)")
    .run(anna, packReceipt(receiptOf("job_1")), new Uint8Array(32));
}

/** Goal: what was held in the database goes back, each part to where it was taken from, charging nobody; receipts stay. Method: every kind of open hold; each figure, the check, and what is asked for next. */
it("releases the holds that are open", async () => {
  await using folder = await openDataFolder(join(root, "data"), "coordinator");
  {
    using database = await openDatabase(folder, migrations.slice(0, 8));
    fill(database);
  }
  using database = await openDatabase(folder);
  await using ledger = new SqliteLedger(database, { lease });
  expect(await ledger.check()).toEqual([]);
  const rows = database.prepare("SELECT account, granted, paid_in, earned, held, charged FROM accounts ORDER BY id");
  expect(rows.all()).toEqual([
    { account: "outside", granted: -1000, paid_in: 0, earned: 0, held: 0, charged: 0 },
    { account: anna, granted: 968, paid_in: 7, earned: 5, held: 0, charged: 20 },
    { account: bert, granted: 0, paid_in: 0, earned: 0, held: 0, charged: 0 },
    { account: "platform", granted: 0, paid_in: 0, earned: 5, held: 0, charged: 0 },
    { account: "mach_1", granted: 0, paid_in: 0, earned: 15, held: 0, charged: 0 },
  ]);
  expect(await ledger.receipt(anna, "job_1" as JobId, 1)).toEqual(receiptOf("job_1"));
  expect(database.prepare("SELECT seq, log_index FROM receipts").all()).toEqual([{ seq: 7, log_index: 4 }]);
  for (const id of ["open", "parts", "owed", "free"])
    expect(await ledger.settle(termsOf(id, 0n).holdId, settlementOf(5n)), id).toBe(0n);
  const crashed = database.prepare("SELECT hold_id, held, held_at, outcome, charge FROM settlements WHERE seq > 7");
  expect(crashed.all()).toEqual([
    { hold_id: "hold_open", held: 500, held_at: 4, outcome: "crashed", charge: 0 },
    { hold_id: "hold_parts", held: 11, held_at: 5, outcome: "crashed", charge: 0 },
    { hold_id: "hold_owed", held: 0, held_at: 6, outcome: "crashed", charge: 0 },
    { hold_id: "hold_free", held: 0, held_at: 7, outcome: "crashed", charge: 0 },
  ]);
  // What was owed is owed still, and the platform pays.
  await ledger.hold({ ...termsOf("again", 70n, bert), idempotency: idempotencyOf("k") });
  expect(await ledger.settle(termsOf("again", 70n).holdId, settlementOf(70n, { id: "again", earned: 60n }))).toBe(0n);
  expect(await ledger.totals(PLATFORM)).toMatchObject({ held: 0n });
  expect(await ledger.shares()).toEqual({ machines: 75n, platform: -55n });
  expect(await ledger.check()).toEqual([]);
});
