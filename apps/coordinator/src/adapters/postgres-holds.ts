import { NetworkError } from "@darkbloom/protocol/failures";
import type { AccountId } from "@darkbloom/protocol/ids";
import { nothing, PLATFORM, setAside, type Holding } from "../ledger/journal.ts";
import type { Lease, SharedLease } from "../ledger/lease.ts";
import { assertFits, bounds, subjectsOf, type Cap, type Counted } from "../ledger/caps.ts";
import type { Idempotency } from "../ledger/idempotency.ts";
import type { HoldTerms } from "../ledger/port.ts";
import { windowAt } from "../ledger/windows.ts";
import { isTrue, type PostgresIdempotencyKeys } from "./postgres-idempotency-keys.ts";
import { postgresLedgerSql as sql } from "./postgres-ledger-sql.ts";
import type { Postgres, Query } from "./postgres.ts";
import { STORAGE_RETRY_SEC } from "./storage-failure.ts";
import { balancesOf, bigintOf, figuresOf, textOf, type Row } from "./rows.ts";

/** A hold is tried so often where others take what it had read, or its lease: then it is refused. */
export const HOLD_TRIES_MAX = 10;

/** How one try of a hold ended: `again` where something had come between. */
type TryEnd = "held" | "lease_gone" | "again";

/** Under which holds are taken here. */
export class HoldLease {
  readonly #lease: Lease | SharedLease;

  /** @param lease one that can be lost to another coordinator, where there are several */
  constructor(lease: Lease | SharedLease) {
    this.#lease = lease;
  }

  get isShared(): boolean {
    return typeof this.#lease !== "string";
  }

  get current(): Lease {
    return typeof this.#lease === "string" ? this.#lease : this.#lease.current;
  }

  async renew(): Promise<void> {
    if (typeof this.#lease !== "string") await this.#lease.renew();
  }
}

/** How money is set aside in PostgreSQL: by one statement, or, where a cap or an idempotency key is to be looked at, under the account's lock. */
export class PostgresHolds {
  readonly #postgres: Postgres;
  readonly #keys: PostgresIdempotencyKeys;
  readonly #lease: HoldLease;

  constructor(postgres: Postgres, keys: PostgresIdempotencyKeys, lease: HoldLease) {
    this.#postgres = postgres;
    this.#keys = keys;
    this.#lease = lease;
  }

  /** @throws NetworkError `storage_unavailable` where others were quicker `HOLD_TRIES_MAX` times */
  async take(terms: HoldTerms): Promise<void> {
    const { amount, account, idempotency, caps } = terms;
    const isBound = idempotency !== undefined || caps.some(bounds);
    // What no balance covers, or no hold can be, is refused by the rule itself.
    if (!isBound) setAside(amount, account, { ...nothing, granted: amount }, false);
    for (let tries = 0; tries < HOLD_TRIES_MAX; tries++) {
      const end = await (isBound ? this.#byLock(terms, idempotency) : this.#byStatement(terms));
      if (end === "held") return;
      if (end === "lease_gone") await this.#lease.renew();
    }
    throw new NetworkError({ code: "storage_unavailable", fault: "busy", retryAfterSec: STORAGE_RETRY_SEC });
  }

  async #byStatement(terms: HoldTerms): Promise<TryEnd> {
    const { holdId, requestId, account, keyId, model, amount, at, tokens } = terms;
    const named = [holdId, requestId, account, keyId, model];
    const values = [...named, amount, this.#lease.current, at, tokens, subjectsOf(terms), this.#lease.isShared];
    const rows = await this.#postgres.query(sql.hold, values).catch((error: unknown): Row[] => {
      // The same hold came between, on another connection.
      if (breaks(error, "holds_pkey")) return [{ is_held: true }];
      // Or one that took what this one had read.
      if (breaks(error, "accounts_check")) return [];
      throw error;
    });
    const row = rows[0];
    if (!row) return "again";
    if (isTrue(row["is_held"])) return "held";
    if (!isTrue(row["is_leased"])) return "lease_gone";
    setAside(amount, account, row["debt"] === null ? nothing : balancesOf(row), false);
    // It costs nothing, and the account is not there yet.
    await this.#postgres.query(sql.openAccount, [account]);
    return "again";
  }

  /**
   * One transaction, in which the account's row is locked: of many at once one finds the key free, and each finds what those before
   * it count against a cap, since every statement behind the lock sees what was committed until then.
   */
  #byLock(terms: HoldTerms, idempotency: Idempotency | undefined): Promise<TryEnd> {
    const { holdId, requestId, account, keyId, model, amount, at, tokens, caps } = terms;
    return this.#postgres.transaction(async (query: Query) => {
      const lease = this.#lease.current;
      if (this.#lease.isShared && (await query(sql.isLeased, [lease])).length === 0) return "lease_gone";
      await query(sql.openAccount, [account]);
      const figures = figuresOf((await query(sql.lockedFigures, [account]))[0]);
      if ((await query(sql.knowsHold, [holdId])).length > 0) return "held";
      const isFree = idempotency !== undefined && (await this.#keys.isFree(query, account, idempotency, { at, lease }));
      const bounding = isFree ? [] : caps.filter(bounds);
      const counted = bounding.length === 0 ? [] : await countedBy(query, bounding, at);
      for (const [n, one] of counted.entries()) {
        const cap = bounding[n];
        if (cap) assertFits(cap, { microUsd: amount, tokens }, one, at);
      }
      const { payer, parts } = setAside(amount, account, figures, isFree);
      const { granted, paid_in: paidIn, earned, payable } = parts;
      await query(sql.aside, [payer, granted, paidIn, earned, payable]);
      const named = [holdId, requestId, account, keyId, model, lease, isFree];
      await query(sql.addHold, [...named, granted, paidIn, earned, payable, at, tokens, subjectsOf(terms)]);
      if (idempotency) await this.#keys.begin(query, account, idempotency, { holdId, at, isFree });
      return "held";
    });
  }
}

/** In the order of the caps. */
export async function countedBy(
  query: Query,
  caps: readonly Pick<Cap, "subject" | "reset">[],
  at: number,
): Promise<Counted[]> {
  const windows = caps.map(({ reset }) => windowAt(reset, at));
  const rows = await query(sql.counted, [
    caps.map(({ subject }) => subject),
    windows.map(({ fromDay }) => fromDay),
    windows.map(({ untilDay }) => untilDay),
  ]);
  return rows.map((row) => ({
    used: { microUsd: bigintOf(row, "micro_usd"), tokens: bigintOf(row, "tokens") },
    open: { microUsd: bigintOf(row, "open_micro_usd"), tokens: bigintOf(row, "open_tokens") },
  }));
}

const breaks = (error: unknown, constraint: string): boolean =>
  error instanceof Error && "constraint" in error && error.constraint === constraint;

/** What is set aside by a row of `holds`. */
export const holdingOf = (row: Row): Holding => ({
  payer: isTrue(row["by_platform"]) ? PLATFORM : (textOf(row, "account") as AccountId),
  parts: {
    granted: bigintOf(row, "granted"),
    paid_in: bigintOf(row, "paid_in"),
    earned: bigintOf(row, "earned"),
    payable: bigintOf(row, "payable"),
  },
});
