import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Postgres as Server, hasPostgres } from "../../test/postgres.ts";
import { capsContract, daysContract } from "../ledger/caps.contract.ts";
import { earningsContract } from "../ledger/earnings.contract.ts";
import { withdrawingContract } from "../ledger/withdrawing.contract.ts";
import { idempotencyContract } from "../ledger/idempotency.contract.ts";
import { leaseOf, type Lease, type SharedLease } from "../ledger/lease.ts";
import { ledgerContract, type LedgerUnderTest } from "../ledger/ledger.contract.ts";
import { microUsd } from "@darkbloom/protocol/money";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { JobId, Sha256Hex } from "@darkbloom/protocol/ids";
import { RECEIPT_LIFE_MS, USAGE_LIFE_MS, type HoldTerms } from "../ledger/port.ts";
import {
  anna,
  bert,
  idempotencyOf,
  lease,
  machine,
  receiptOf,
  settlementOf,
  termsOf,
} from "../ledger/ledger.samples.ts";
import { openPostgres } from "./open-postgres.ts";
import { HOLD_TRIES_MAX } from "./postgres-holds.ts";
import { connectionOf } from "./postgres-address.ts";
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
  // On a busy disk a server takes its time to be deleted.
  afterAll(() => server?.[Symbol.asyncDispose](), 60_000);

  /** A lease that is as it would be in a coordinator among several, and that a test can take away. */
  async function leaseAt(postgres: Postgres, first: Lease) {
    const take = (one: Lease) =>
      postgres.query("INSERT INTO leases VALUES ($1, DEFAULT, now()) ON CONFLICT DO NOTHING", [one]);
    let lives = 0;
    let current = first;
    await take(current);
    return {
      get current() {
        return current;
      },
      async renew() {
        current = `${first}/${++lives}` as Lease;
        await take(current);
      },
      takeAway: () => postgres.query("DELETE FROM leases WHERE lease = $1", [current]),
    } satisfies SharedLease & Record<string, unknown>;
  }

  async function openLedger(isShared = false) {
    const url = await server.database(like);
    const postgres = new Postgres(connectionOf(url));
    const ours = isShared ? await leaseAt(postgres, lease) : lease;
    let ledger = new PostgresLedger(postgres, { lease: ours });
    return {
      get ledger() {
        return ledger;
      },
      postgres,
      url,
      holdsOutliveRestart: true,
      isUnordered: true,
      isShared,
      beside(other: Lease) {
        if (!isShared) return new PostgresLedger(postgres, { lease: other });
        const theirs = leaseAt(postgres, other);
        // It has no lease before it first asks for one.
        const renew = async (): Promise<void> => void (await theirs);
        return new PostgresLedger(postgres, { lease: { current: other, renew } });
      },
      async reopen() {
        await ledger[Symbol.asyncDispose]();
        ledger = new PostgresLedger(postgres, { lease: ours });
      },
      async [Symbol.asyncDispose]() {
        await ledger[Symbol.asyncDispose]();
        await postgres[Symbol.asyncDispose]();
      },
    } satisfies LedgerUnderTest & Record<string, unknown>;
  }

  ledgerContract("PostgreSQL", () => openLedger());
  ledgerContract("PostgreSQL, shared", () => openLedger(true));
  idempotencyContract("PostgreSQL", () => openLedger());
  capsContract("PostgreSQL", () => openLedger());
  earningsContract("PostgreSQL", () => openLedger());
  withdrawingContract("PostgreSQL", () => openLedger());
  daysContract("PostgreSQL", () => openLedger());

  /** Goal: however coordinators interleave, no more is spent than there is, and each hold is settled once. Method: two of them, 64 holds at once for money of ten; each hold settled by both at once, by a machine that both pay. */
  it("spends nothing twice over two coordinators", async () => {
    await using test = await openLedger();
    await using other = new Postgres(connectionOf(test.url));
    const both = [test.ledger, new PostgresLedger(other, { lease })] as const;
    for (const account of [anna, bert]) await test.ledger.credit(account, account, microUsd(107n), 1);
    const holds = Array.from({ length: 64 }, (_, n) => termsOf(`${n}`, 10n, n % 2 === 0 ? anna : bert));
    const taken = await Promise.allSettled(holds.map((terms, n) => both[n % 4 < 2 ? 0 : 1].hold(terms)));
    const open = holds.filter((_, n) => taken[n]?.status === "fulfilled");
    expect(open).toHaveLength(20);
    const settled = open.flatMap(({ holdId }, n) =>
      both.map((ledger, which) => ledger.settle(holdId, settlementOf(BigInt(3 + which), { id: `${n}`, earned: 2n }))),
    );
    const charges = await Promise.all(settled);
    open.forEach((_, n) => expect(charges[2 * n]).toBe(charges[2 * n + 1]));
    const charged = charges.reduce((sum, one) => sum + one, 0n) / 2n;
    const [ofAnna, ofBert] = [await test.ledger.totals(anna), await test.ledger.totals(bert)];
    expect(ofAnna.charged + ofBert.charged).toBe(charged);
    expect(ofAnna.balance + ofBert.balance).toBe(214n - charged);
    expect((await test.ledger.totals(machine)).balance).toBe(40n);
    expect(await test.ledger.check()).toEqual([]);
  });

  /** Goal: a hold that others are always quicker than is refused, and not tried for ever. Method: a table that refuses each, and counts. */
  it("tries a hold so often and no oftener", async () => {
    await using test = await openLedger();
    await test.ledger.credit("credit_1", anna, microUsd(100n), 1);
    await test.postgres.query("CREATE SEQUENCE tries");
    await test.postgres.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM nextval('tries');
        RAISE EXCEPTION 'refused' USING ERRCODE = '23514', CONSTRAINT = 'accounts_check';
      END $$`);
    await test.postgres.query("CREATE TRIGGER refuse BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION refuse()");
    await expect(test.ledger.hold(termsOf("1", 40n))).rejects.toMatchObject({
      failure: { code: "storage_unavailable", fault: "busy" },
    });
    expect(await test.postgres.query("SELECT last_value FROM tries")).toEqual([{ last_value: BigInt(HOLD_TRIES_MAX) }]);
    await test.postgres.query("DROP TRIGGER refuse ON accounts");
  });

  /** Goal: the same where a lease is taken away again and again. Method: one that no renewal brings back; a hold by one statement, and one under a key. */
  it.each([{}, { idempotency: idempotencyOf("key") }])("asks for a lease so often and no oftener", async (named) => {
    await using test = await openLedger();
    await test.ledger.credit("credit_1", anna, microUsd(100n), 1);
    const renew = vi.fn(() => Promise.resolve());
    await using without = new PostgresLedger(test.postgres, { lease: { current: leaseOf("other", "1"), renew } });
    await expect(without.hold({ ...termsOf("1", 40n), ...named })).rejects.toMatchObject({
      failure: { code: "storage_unavailable", fault: "busy" },
    });
    expect(renew).toHaveBeenCalledTimes(HOLD_TRIES_MAX);
    expect((await test.ledger.totals(anna)).held).toBe(0n);
  });

  /** Goal: who comes while others hold and settle is told how much there is, and nothing else. Method: three coordinators, and again and again 64 holds at once for money of seven, each settled for a little. */
  it("refuses what is not there for that alone", { timeout: 60_000 }, async () => {
    await using test = await openLedger(true);
    await test.ledger.credit("credit_1", anna, microUsd(400n), 1);
    const all = [test.ledger, ...["2", "3"].map((life) => test.beside(leaseOf("other", life)))];
    const codes = new Set<string>();
    for (let round = 0; round < 10; round++)
      await Promise.all(
        Array.from({ length: 64 }, async (_, n) => {
          const ledger = all[n % 3] ?? test.ledger;
          const terms = termsOf(`${round}_${n}`, 57n);
          const held = await ledger.hold(terms).then(
            () => true,
            (error: unknown) => {
              codes.add(error instanceof NetworkError ? error.failure.code : String(error));
              return false;
            },
          );
          if (held) await ledger.settle(terms.holdId, settlementOf(1n, { id: `${round}_${n}` }));
        }),
      );
    expect(codes).toEqual(new Set(["insufficient_funds"]));
    const { balance, charged, held } = await test.ledger.totals(anna);
    expect([balance + charged, held]).toEqual([400n, 0n]);
    expect(await test.ledger.check()).toEqual([]);
  });

  /** Goal: who was away for too long settles nothing of what it held then, tells nobody that it did, and goes on under a new lease. Method: its lease taken away with three holds open; an answer that was paid and one that was not, before they are released and behind it, and an answer still on its way. */
  it("settles nothing under a lease that is gone", async () => {
    await using test = await openLedger();
    const { postgres } = test;
    const [slept, awake] = [await leaseAt(postgres, lease), await leaseAt(postgres, leaseOf("shared", "2"))];
    const ours = new PostgresLedger(postgres, { lease: slept });
    const theirs = new PostgresLedger(postgres, { lease: awake });
    const idempotency = { keySha256: "k".repeat(64) as Sha256Hex, bodySha256: "b".repeat(64) as Sha256Hex };
    await ours.credit("credit_1", anna, microUsd(100n), 1);
    for (const id of ["1", "2", "3"]) await ours.hold(termsOf(id, 10n));
    await ours.hold({ ...termsOf("4", 10n), idempotency });
    await ours.settle(termsOf("4", 10n).holdId, settlementOf(5n, { id: "4" }));
    await expect(theirs.hold({ ...termsOf("5", 10n), idempotency })).rejects.toMatchObject({
      failure: { code: "idempotency_conflict", conflict: "running" },
    });
    expect(await theirs.endedLeases()).toEqual([]);
    await slept.takeAway();
    expect(await theirs.endedLeases()).toEqual([lease]);
    const lost = { failure: { code: "storage_unavailable", fault: "away" } };
    const settling = (id: string, charge = 7n) =>
      ours.settle(
        termsOf(id, 10n).holdId,
        settlementOf(charge, { id, earned: charge, receipt: receiptOf(`job_${id}`) }),
      );
    await expect(settling("1")).rejects.toMatchObject(lost);
    expect(await theirs.releaseOpenHolds(lease, 3_000)).toBe(3);
    for (const id of ["1", "2"]) await expect(settling(id)).rejects.toMatchObject(lost);
    const { holdId } = termsOf("3", 10n);
    expect(await ours.settle(holdId, settlementOf(0n, { id: "3" }, { outcome: "provider_fault" }))).toBe(0n);
    expect(await theirs.totals(anna)).toEqual({ balance: 95n, held: 0n, charged: 5n, credited: 100n });
    await theirs.hold({ ...termsOf("5", 10n), idempotency });
    await ours.hold(termsOf("6", 10n));
    const cap = { subject: termsOf("7", 10n).keyId, reset: "none", limitMicroUsd: 1_000n, limitTokens: null } as const;
    await ours.hold({ ...termsOf("7", 10n), caps: [cap] });
    expect(await theirs.endedLeases()).toEqual([]);
    expect(new Set(await theirs.openLeases())).toEqual(new Set([awake.current, slept.current]));
    for (const id of ["6", "7"]) expect(await settling(id)).toBe(7n);
    expect(await ours.check()).toEqual([]);
  });

  /** Goal: a connection that is cut off in the middle loses no money and charges nothing twice. Method: every connection ended by the server again and again, while requests are held and settled. */
  it("settles once though connections are lost", async () => {
    await using test = await openLedger();
    const { ledger } = test;
    await ledger.credit("credit_1", anna, microUsd(1_000n), 1);
    const over = new AbortController();
    const cutting = (async () => {
      while (!over.signal.aborted)
        await server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'darkbloom'");
    })();
    const again = async <Answer>(act: () => Promise<Answer>): Promise<Answer> =>
      await act().catch((error: unknown) => {
        expect(error).toMatchObject({ failure: { code: "storage_unavailable", fault: "away" } });
        return again(act);
      });
    for (let n = 0; n < 10; n++) {
      await again(() => ledger.hold(termsOf(`${n}`, 10n)));
      expect(await again(() => ledger.settle(termsOf(`${n}`, 10n).holdId, settlementOf(7n, { id: `${n}` })))).toBe(7n);
    }
    over.abort();
    await cutting;
    expect(await again(() => ledger.totals(anna))).toEqual({ balance: 930n, held: 0n, charged: 70n, credited: 1_000n });
    expect(await ledger.check()).toEqual([]);
  });

  /** Goal: a hold that went through behind its own settlement holds nothing for good. Method: put there by hand, as a statement that was thought lost would; then its end, as a start brings it. */
  it("gives back what is held for what was settled", async () => {
    await using test = await openLedger();
    const { ledger } = test;
    await ledger.credit("credit_1", anna, microUsd(100n), 1);
    await ledger.hold(termsOf("1", 40n));
    await ledger.settle(termsOf("1", 40n).holdId, settlementOf(30n, { id: "1" }));
    await test.postgres.query(
      `INSERT INTO holds VALUES ('hold_1', 'r', 'acct_anna', 'k', 'm', '${lease}', FALSE, 40, 0, 0, 1)`,
    );
    await test.postgres.query("UPDATE accounts SET granted = granted - 40, held = 40 WHERE account = 'acct_anna'");
    expect(await ledger.releaseOpenHolds(lease, 3_000)).toBe(1);
    expect(await ledger.totals(anna)).toEqual({ balance: 70n, held: 0n, charged: 30n, credited: 100n });
    expect(await ledger.check()).toEqual([]);
  });

  /** Goal: money is not held for a request that was refused since nobody heard that its hold went through; who asks for it again has it. Method: answers that are lost behind their commit, with a key and without one; then the same key, and one hold anew. */
  it("gives back what was held unheard", async () => {
    await using test = await openLedger();
    const { ledger, postgres } = test;
    await ledger.credit("credit_1", anna, microUsd(100n), 1);
    const { query, transaction } = postgres;
    const lost = new NetworkError({ code: "storage_unavailable", fault: "away", retryAfterSec: 5 });
    const isRefused = async (terms: HoldTerms): Promise<void> => {
      Object.assign(postgres, {
        query: async (...asked: Parameters<typeof query>) => {
          await query(...asked);
          throw lost;
        },
        transaction: async (work: Parameters<typeof transaction>[0]) => {
          await transaction.call(postgres, work);
          throw lost;
        },
      });
      await expect(ledger.hold(terms)).rejects.toBe(lost);
      Object.assign(postgres, { query, transaction: transaction.bind(postgres) });
    };
    const idempotency = { keySha256: "k".repeat(64) as Sha256Hex, bodySha256: "b".repeat(64) as Sha256Hex };
    for (const terms of [termsOf("1", 10n), { ...termsOf("2", 10n), idempotency }, termsOf("3", 10n)])
      await isRefused(terms);
    await ledger.hold(termsOf("3", 10n));
    expect((await ledger.totals(anna)).held).toBe(30n);
    await expect.poll(async () => (await ledger.totals(anna)).held, { timeout: 5_000 }).toBe(10n);
    await ledger.hold({ ...termsOf("4", 10n), idempotency });
    expect(await ledger.settle(termsOf("3", 10n).holdId, settlementOf(7n, { id: "3" }))).toBe(7n);
    expect(await ledger.totals(anna)).toMatchObject({ balance: 83n, held: 10n, charged: 7n });
    expect(await ledger.check()).toEqual([]);
  });

  /** Goal: what is old goes, and the books add up as before. Method: receipts on both sides of their life; settlements of two days added up after theirs, twice. */
  it("adds up what is old", async () => {
    await using test = await openLedger();
    const { ledger } = test;
    await ledger.credit("credit_1", anna, microUsd(100n), 1);
    const day = 86_400_000;
    for (const [n, at] of [0, 1, day].entries()) {
      await ledger.hold(termsOf(`${n}`, 10n));
      const receipt = receiptOf(`job_${n}`);
      await ledger.settle(termsOf(`${n}`, 10n).holdId, settlementOf(5n, { id: `${n}`, earned: 3n, receipt }, { at }));
    }
    expect(await ledger.rollUpUsage(2 * USAGE_LIFE_MS)).toBe(0);
    expect(await ledger.deleteExpiredReceipts(RECEIPT_LIFE_MS - 1)).toBe(0);
    expect(await ledger.deleteExpiredReceipts(RECEIPT_LIFE_MS)).toBe(1);
    expect(await ledger.receipt(anna, "job_0" as JobId, 0)).toBeUndefined();
    expect(await ledger.rollUpUsage(2 * USAGE_LIFE_MS)).toBe(1);
    expect(await ledger.deleteExpiredReceipts(2 * RECEIPT_LIFE_MS)).toBe(2);
    expect(await ledger.rollUpUsage(USAGE_LIFE_MS + 1)).toBe(1);
    expect(await ledger.rollUpUsage(USAGE_LIFE_MS + day)).toBe(1);
    expect(await ledger.usage(anna, 10)).toEqual([]);
    expect(await test.postgres.query("SELECT day, requests, charge, earned FROM usage_days ORDER BY day")).toEqual([
      { day: 0n, requests: 2n, charge: 10n, earned: 6n },
      { day: 1n, requests: 1n, charge: 5n, earned: 3n },
    ]);
    expect(await test.postgres.query("SELECT kind FROM journal ORDER BY entry")).toHaveLength(3);
    expect(await ledger.totals(anna)).toEqual({ balance: 85n, held: 0n, charged: 15n, credited: 100n });
    expect(await ledger.check()).toEqual([]);
  });

  /** Goal: figures that are not what the rows come to are told, by how much. Method: one of each put wrong by hand. */
  it("finds what does not add up", async () => {
    await using test = await openLedger();
    await test.ledger.credit("credit_1", anna, microUsd(100n), 1);
    await test.ledger.hold(termsOf("1", 40n));
    await test.postgres.query("UPDATE accounts SET held = held + 1, charged = 2 WHERE account = 'acct_anna'");
    await test.postgres.query("INSERT INTO used VALUES ('key_1', 7, 3, 0), ('key_2', -1, 0, 4)");
    expect(await test.ledger.check()).toEqual([
      { account: anna, part: "charged", offBy: 2n },
      { account: anna, part: "held", offBy: 1n },
      { account: anna, part: "open holds", offBy: 1n },
      { account: "key_1", part: "used", offBy: 3n },
      { account: "key_2", part: "used tokens", offBy: 4n },
    ]);
  });
});
