import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Postgres as Server, hasPostgres } from "../../test/postgres.ts";
import { idempotencyContract } from "../ledger/idempotency.contract.ts";
import type { Lease } from "../ledger/lease.ts";
import { ledgerContract, type LedgerUnderTest } from "../ledger/ledger.contract.ts";
import { anna, bert, lease, machine, settlementOf, termsOf } from "../ledger/ledger.samples.ts";
import { openPostgres } from "./open-postgres.ts";
import { PostgresLedger } from "./postgres-ledger.ts";
import { Postgres } from "./postgres.ts";

describe.skipIf(!hasPostgres)("on a real PostgreSQL", () => {
  let server: Server;
  let like: string;
  beforeAll(async () => {
    server = await Server.start();
    const url = await server.database();
    await (await openPostgres(url))[Symbol.asyncDispose]();
    like = new URL(url).pathname.slice(1);
  }, 60_000);
  afterAll(() => server?.[Symbol.asyncDispose]());

  async function openLedger() {
    const url = await server.database(like);
    const postgres = new Postgres(url);
    let ledger = new PostgresLedger(postgres, { lease });
    return {
      get ledger() {
        return ledger;
      },
      postgres,
      url,
      holdsOutliveRestart: true,
      beside: (other: Lease) => new PostgresLedger(postgres, { lease: other }),
      async reopen() {
        await ledger[Symbol.asyncDispose]();
        ledger = new PostgresLedger(postgres, { lease });
      },
      async [Symbol.asyncDispose]() {
        await ledger[Symbol.asyncDispose]();
        await postgres[Symbol.asyncDispose]();
      },
    } satisfies LedgerUnderTest & Record<string, unknown>;
  }

  ledgerContract("PostgreSQL", openLedger);
  idempotencyContract("PostgreSQL", openLedger);
});
