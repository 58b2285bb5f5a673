import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { Postgres as Server, hasPostgres } from "../../test/postgres.ts";
import { accountsContract } from "../accounts/accounts.contract.ts";
import { auditContract } from "../accounts/audit.contract.ts";
import { identitiesContract } from "../accounts/identities.contract.ts";
import { invitesContract } from "../accounts/invites.contract.ts";
import { ownedMachinesContract } from "../accounts/owned-machines.contract.ts";
import { passkeysContract } from "../accounts/passkeys.contract.ts";
import { peopleContract, personNamed } from "../accounts/people.contract.ts";
import { operatorTokensContract } from "../accounts/operator-tokens.contract.ts";
import { teamsContract } from "../accounts/teams.contract.ts";
import { anna, lease, settlementOf, termsOf } from "../ledger/ledger.samples.ts";
import { standingsContract } from "../machines/records/standings.contract.ts";
import { decisionsContract } from "../machines/trust/decisions.contract.ts";
import { depositsContract } from "../payments/deposits.contract.ts";
import { withdrawalsContract } from "../payouts/withdrawals.contract.ts";
import { logStoreContract } from "../transparency/log-store.contract.ts";
import { TransparencyLog } from "../transparency/transparency-log.ts";
import { fact, signersOfOne } from "../../test/log-kit.ts";
import { microUsd } from "@darkbloom/protocol/money";
import { assertOwn, openPostgres } from "./open-postgres.ts";
import { PostgresAccounts } from "./postgres-accounts.ts";
import { PostgresDecisions } from "./postgres-decisions.ts";
import { PostgresLedger } from "./postgres-ledger.ts";
import { PostgresLease } from "./postgres-lease.ts";
import { postgresHead, PostgresLog } from "./postgres-log.ts";
import { PostgresStandings } from "./postgres-standings.ts";
import { SqlAudit } from "./sql-audit.ts";
import { SqlDeposits } from "./sql-deposits.ts";
import { SqlIdentities } from "./sql-identities.ts";
import { SqlPasskeys } from "./sql-passkeys.ts";
import { SqlInvites, SqlPeople } from "./sql-people.ts";
import { SqlOwnedMachines } from "./sql-owned-machines.ts";
import { SqlOperatorTokens } from "./sql-operator-tokens.ts";
import { SqlTeams } from "./sql-teams.ts";
import { SqlWithdrawals } from "./sql-withdrawals.ts";

describe.skipIf(!hasPostgres)("on a real PostgreSQL", () => {
  let server: Server;
  beforeAll(async () => void (server = await Server.start()), 60_000);
  // On a busy disk a server takes its time to be deleted.
  afterAll(() => server?.[Symbol.asyncDispose](), 60_000);

  async function open() {
    const opened = await openPostgres(await server.database());
    onTestFinished(() => opened[Symbol.asyncDispose]());
    return opened.postgres;
  }

  accountsContract("PostgreSQL", async () => new PostgresAccounts(await open()));
  decisionsContract("PostgreSQL", async () => new PostgresDecisions(await open()));
  peopleContract("PostgreSQL", async () => new SqlPeople((await open()).query));
  teamsContract("PostgreSQL", async () => new SqlTeams((await open()).query));
  operatorTokensContract("PostgreSQL", async () => new SqlOperatorTokens((await open()).query));
  depositsContract("PostgreSQL", async () => new SqlDeposits((await open()).query));
  withdrawalsContract("PostgreSQL", async () => new SqlWithdrawals((await open()).query));
  auditContract("PostgreSQL", async () => new SqlAudit((await open()).query));
  passkeysContract("PostgreSQL", async () => {
    const { query } = await open();
    for (const name of ["anna", "otto"]) await new SqlPeople(query).add(personNamed(name));
    return new SqlPasskeys(query);
  });
  identitiesContract("PostgreSQL", async () => new SqlIdentities((await open()).query));
  invitesContract("PostgreSQL", async () => new SqlInvites((await open()).query));
  ownedMachinesContract("PostgreSQL", async () => new SqlOwnedMachines((await open()).query));
  standingsContract("PostgreSQL", async () => new PostgresStandings(await open()));
  logStoreContract("PostgreSQL", async () => {
    const postgres = await open();
    return { store: await PostgresLog.open(postgres), ledger: new PostgresLedger(postgres, { lease }) };
  });

  /** Goal: a server that is too old is told as that, before anything is changed. Method: a real one whose database says an older number. */
  it("needs version 15", async () => {
    const url = await server.database();
    const name = new URL(url).pathname.slice(1);
    await server.ask("CREATE SCHEMA older", name);
    const says = "RETURNS text LANGUAGE sql AS $$ SELECT '140019' $$";
    await server.ask(`CREATE FUNCTION older.current_setting(text) ${says}`, name);
    await server.ask(`ALTER DATABASE ${name} SET search_path = older, pg_catalog`);
    await expect(openPostgres(url)).rejects.toThrow(/is on PostgreSQL 14, and Darkbloom needs 15 or newer\. Update/);
    expect(
      await server.ask("SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname IN ('older', 'public')", name),
    ).toEqual([]);
  });

  /** Goal: TLS that is asked for is checked as it was asked for. Method: a server with a certificate of its own authority, for its address; by that authority and by another, under its address and under a name. */
  it("speaks TLS with whom it means", async () => {
    const { ours, anothers } = await server.takeTls();
    const url = await server.database();
    const byName = url.replace("127.0.0.1", "localhost");
    const tlsOf = async (at: string, mode: string, root: string) => {
      await using opened = await openPostgres(`${at}?sslmode=${mode}&sslrootcert=${root}`);
      const [row] = await opened.postgres.query("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
      return row;
    };
    // The server takes up its new settings in its own time.
    await expect
      .poll(() => tlsOf(url, "verify-full", ours), { timeout: 10_000 })
      .toEqual({ ssl: true, version: "TLSv1.3" });
    expect(await tlsOf(byName, "verify-ca", ours)).toMatchObject({ ssl: true });
    await expect(tlsOf(byName, "verify-full", ours)).rejects.toThrow(/cannot be used/);
    for (const mode of ["verify-full", "verify-ca"])
      await expect(tlsOf(url, mode, anothers), mode).rejects.toThrow(/cannot be used/);
  });

  /** Goal: what was written is there when it is opened again, and one coordinator at a time has it. Method: two at once, then one after the other. */
  it("is for one coordinator at a time", async () => {
    const url = await server.database();
    {
      await using first = await openPostgres(url);
      await new PostgresLedger(first.postgres, { lease }).credit("credit_1", anna, microUsd(5n), 1);
      await expect(openPostgres(url)).rejects.toThrow(/used by another coordinator/);
    }
    await using again = await openPostgres(url);
    expect((await new PostgresLedger(again.postgres, { lease }).totals(anna)).balance).toBe(5n);
  });

  /**
   * Goal: of several, one whose time is over by the database's clock loses its lease to another, and takes a new one when it wakes; the
   * one that has been there longest looks after what is over; one that leaves leaves nothing. Method: three on one database, of which
   * the first sleeps; each one's beat asked for by hand.
   */
  it("is shared by those whose leases are kept", { timeout: 60_000 }, async () => {
    const url = await server.database();
    const name = new URL(url).pathname.slice(1);
    const one = async () => {
      const opened = await openPostgres(url, undefined, "shared");
      onTestFinished(() => opened[Symbol.asyncDispose]());
      const told: string[] = [];
      const kept = await PostgresLease.take(opened.turn);
      const watcher = { onLost: () => told.push("lost"), onError: () => told.push("error") };
      await kept.keep({ ...watcher, release: async () => told.push("release") });
      return { lease: kept, told };
    };
    const leases = async () =>
      (await server.ask("SELECT lease FROM leases ORDER BY number", name)).map((row) => row["lease"]);
    const [first, second] = [await one(), await one()];
    await expect(openPostgres(url)).rejects.toThrow(/used by another coordinator/);
    expect([first.lease.isOldest, second.lease.isOldest]).toEqual([true, false]);
    expect([new Set(first.told), second.told]).toEqual([new Set(["release"]), []]);
    const lost = first.lease.current;
    // A server that has just begun takes nothing away: it may have been away itself.
    await second.lease.renew();
    expect(await leases()).toContain(lost);
    const takesAway = async () => {
      await server.ask(`UPDATE leases SET expires_at = now() - interval '1 s' WHERE lease = '${lost}'`, name);
      await second.lease.renew();
      return await leases();
    };
    await expect.poll(takesAway, { timeout: 30_000 }).not.toContain(lost);
    expect(second.lease.isOldest).toBe(true);
    await first.lease.renew();
    expect(first.told).toContain("lost");
    expect(first.lease.current).not.toBe(lost);
    expect(first.lease.isOldest).toBe(false);
    expect(await leases()).toEqual([second.lease.current, first.lease.current]);
    await second.lease[Symbol.asyncDispose]();
    expect(await leases()).toEqual([first.lease.current]);
    await first.lease[Symbol.asyncDispose]();
  });

  /** Goal: several add to one log, and all show what one of them signs. Method: two over one database, each with entries; the head of the one that may not sign, and a tile that it has not published yet; then it signs. */
  it("holds one log of several coordinators", { timeout: 60_000 }, async () => {
    const postgres = await open();
    const signer = signersOfOne();
    const may = [true, false];
    const logs = await Promise.all(
      may.map(async (_, n) =>
        TransparencyLog.open({
          ...signer.net(n),
          store: await PostgresLog.open(postgres),
          head: postgresHead(postgres, () => may[n] === true),
        }),
      ),
    );
    const [ours, theirs] = logs as [TransparencyLog, TransparencyLog];
    ours.add(fact(1));
    theirs.add(fact(2));
    await theirs.grow();
    expect(theirs.checkpoint).toContain("\n0\n");
    await ours.grow();
    expect(ours.checkpoint).toContain("\n2\n");
    expect(await theirs.tile({ level: 0, index: 0, width: 2 })).toHaveLength(64);
    expect(theirs.checkpoint).toBe(ours.checkpoint);
    expect(signer.kept(1)).toBe(ours.checkpoint);
    may.reverse();
    theirs.add(fact(3));
    await theirs.grow();
    await ours.grow();
    expect(theirs.checkpoint).toContain("\n3\n");
    expect(ours.checkpoint).toBe(theirs.checkpoint);
  });

  /** Goal: nothing is written while it is not known whether the database is still ours, though the server is there. Method: the lock's connection ended, and no further one let in for a while; a pool whose connections live on. */
  it("asks for nothing while its lock is lost, and takes it anew", async () => {
    const url = await server.database();
    const name = new URL(url).pathname.slice(1);
    const told: string[] = [];
    const watcher = { onChange: (state: string) => told.push(state), onTaken: () => told.push("taken") };
    await using opened = await openPostgres(url, watcher);
    const ask = () => opened.postgres.query("SELECT 1 AS one");
    await server.ask(`ALTER DATABASE ${name} ALLOW_CONNECTIONS FALSE`);
    await server.ask(
      `SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
      WHERE locktype = 'advisory' AND datname = '${name}'`,
    );
    await expect.poll(() => told, { timeout: 10_000 }).toEqual(["away"]);
    const lost = { failure: { code: "storage_unavailable", fault: "away", retryAfterSec: 5 } };
    await expect(ask()).rejects.toMatchObject(lost);
    await server.ask(`ALTER DATABASE ${name} ALLOW_CONNECTIONS TRUE`);
    await expect.poll(() => told, { timeout: 10_000 }).toEqual(["away", "back"]);
    expect(await ask()).toEqual([{ one: 1 }]);
    await expect(openPostgres(url)).rejects.toThrow(/used by another coordinator/);
  });

  /** Goal: no older program works on a newer schema. Method: a step that this one does not know. */
  it("refuses a newer schema", async () => {
    const url = await server.database();
    await (await openPostgres(url))[Symbol.asyncDispose]();
    await server.ask("INSERT INTO kysely_migration VALUES ('9999_later', 'now')", new URL(url).pathname.slice(1));
    await expect(openPostgres(url)).rejects.toMatchObject({ code: "newer_schema" });
  });

  /** Goal: who cannot be let in is told what to do, and no password. Method: a server that is not there, a database that is not, one of another network. */
  it("says why it cannot be used", async () => {
    const url = await server.database();
    const away = new URL(url);
    away.port = "1";
    const failures = [
      await openPostgres(away.href).catch(String),
      await openPostgres(server.urlOf("nobodys")).catch(String),
    ];
    expect(failures).toEqual([expect.stringMatching(/cannot be reached/), expect.stringMatching(/createdb/)]);
    await using opened = await openPostgres(url);
    await assertOwn(opened.postgres, url, "one");
    await assertOwn(opened.postgres, url, "one");
    const other = await assertOwn(opened.postgres, url, "another").catch(String);
    expect(other).toMatch(/belongs to a network with another key/);
    expect(JSON.stringify([failures, other])).not.toContain("not-a-secret");
  });

  /** Goal: without the server nothing is answered for free, and with it all goes on without a restart. Method: holds and a settlement across a halt; what is settled later, settles itself. */
  it("comes back with its server", async () => {
    const postgres = await open();
    await using ledger = new PostgresLedger(postgres, { lease });
    await ledger.credit("credit_1", anna, microUsd(100n), 1);
    for (const id of ["1", "2"]) await ledger.hold(termsOf(id, 40n));
    await server.halt();
    const refused = { failure: { code: "storage_unavailable", fault: "away", retryAfterSec: 5 } };
    await expect(ledger.hold(termsOf("3", 1n))).rejects.toMatchObject(refused);
    await expect(ledger.settle(termsOf("1", 40n).holdId, settlementOf(30n, { id: "1" }))).rejects.toMatchObject(
      refused,
    );
    ledger.settleLater(termsOf("2", 40n).holdId, settlementOf(0n, undefined, { outcome: "too_slow" }));
    await server.resume();
    expect(await ledger.settle(termsOf("1", 40n).holdId, settlementOf(30n, { id: "1" }))).toBe(30n);
    const after = { balance: 70n, held: 0n, charged: 30n, credited: 100n };
    await expect.poll(() => ledger.totals(anna), { timeout: 20_000 }).toEqual(after);
    expect(await ledger.check()).toEqual([]);
  });
});
