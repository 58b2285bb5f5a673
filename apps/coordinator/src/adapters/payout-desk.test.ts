import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDataFolder } from "@darkbloom/protocol/node";
import { afterAll, beforeAll, describe } from "vitest";
import { hasPostgres, Postgres as Server } from "../../test/postgres.ts";
import { lease } from "../ledger/ledger.samples.ts";
import { payoutDeskContract } from "../payouts/desk.contract.ts";
import { openDatabase } from "./database.ts";
import { MemoryLedger } from "./memory-ledger.ts";
import { MemoryWithdrawals } from "./memory-withdrawals.ts";
import { openPostgres } from "./open-postgres.ts";
import { PostgresLedger } from "./postgres-ledger.ts";
import { sqliteQuery } from "./sql-query.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";
import { SqlWithdrawals } from "./sql-withdrawals.ts";

payoutDeskContract(
  "in memory",
  async () => ({
    ledger: new MemoryLedger(),
    withdrawals: new MemoryWithdrawals(),
    [Symbol.asyncDispose]: async () => undefined,
  }),
  300,
);

const root = mkdtempSync(join(tmpdir(), "payouts-"));
afterAll(() => rmSync(root, { recursive: true }));

payoutDeskContract(
  "SQLite",
  async () => {
    await using opening = new AsyncDisposableStack();
    const folder = opening.use(await openDataFolder(mkdtempSync(join(root, "data-")), "coordinator"));
    const database = opening.use(await openDatabase(folder));
    const ledger = opening.use(new SqliteLedger(database, { lease }));
    const opened = opening.move();
    return {
      ledger,
      withdrawals: new SqlWithdrawals(sqliteQuery(database)),
      [Symbol.asyncDispose]: () => opened.disposeAsync(),
    };
  },
  25,
);

describe.skipIf(!hasPostgres)("on a real PostgreSQL", () => {
  let server: Server;
  beforeAll(async () => void (server = await Server.start()), 60_000);
  afterAll(() => server?.[Symbol.asyncDispose](), 60_000);

  payoutDeskContract(
    "PostgreSQL",
    async () => {
      await using opening = new AsyncDisposableStack();
      const { postgres } = opening.use(await openPostgres(await server.database()));
      const ledger = opening.use(new PostgresLedger(postgres, { lease }));
      const opened = opening.move();
      return {
        ledger,
        withdrawals: new SqlWithdrawals(postgres.query),
        [Symbol.asyncDispose]: () => opened.disposeAsync(),
      };
    },
    8,
  );
});
