import { randomUUID } from "node:crypto";
import { leaseOf, type Lease, type SharedLease } from "../ledger/lease.ts";
import { isTrue } from "./postgres-idempotency-keys.ts";
import { asPostgresFailure } from "./postgres-failure.ts";
import type { PostgresTurn } from "./postgres-turn.ts";

/** A coordinator says this often that it lives, to the database's clock. */
export const LEASE_BEAT_MS = 2_000;
/** Who has said nothing for so long has its lease taken away by the next that beats. */
export const LEASE_LIFE_MS = 10_000;

const leaseSql = {
  take: `INSERT INTO leases (lease, expires_at) VALUES ($1, clock_timestamp() + make_interval(secs => ${LEASE_LIFE_MS / 1000}))`,
  // The one that has been there longest looks after what only one of them need do.
  beat: `
    WITH
      renewed AS (
        UPDATE leases SET expires_at = clock_timestamp() + make_interval(secs => ${LEASE_LIFE_MS / 1000})
        WHERE lease = $1 RETURNING number),
      -- A server that was away itself gives everybody the time to come back.
      over AS (
        DELETE FROM leases
        WHERE lease <> $1 AND expires_at < clock_timestamp() AND EXISTS (SELECT 1 FROM renewed)
          AND pg_postmaster_start_time() < clock_timestamp() - make_interval(secs => ${LEASE_LIFE_MS / 1000})
        RETURNING lease)
    SELECT EXISTS (SELECT 1 FROM renewed) AS is_ours,
      NOT EXISTS (
        SELECT 1 FROM leases WHERE number < (SELECT number FROM renewed) AND lease NOT IN (SELECT lease FROM over))
        AS is_oldest`,
  giveUp: "DELETE FROM leases WHERE lease = $1",
} as const;

/** What happens around a lease. */
export interface LeaseWatcher {
  /** Another one has taken it away: what was held under it is given back there, and a new one is taken. */
  onLost(): void;
  /** Asked of the one that has been there longest, with each beat: what is held under leases that are over is to be released. */
  release(): Promise<unknown>;
  onError(error: unknown): void;
}

/**
 * That a coordinator lives, for the others on the same database: a row that it renews. What it holds is its own for as long as
 * that row is there; a row that was not renewed in time, by the database's clock, is taken away by another, and what was held
 * under it is released. So a process that slept goes on under a new lease, and settles nothing of what it held before.
 */
export class PostgresLease implements SharedLease, AsyncDisposable {
  readonly #turn: PostgresTurn;
  #watcher: LeaseWatcher | undefined;
  #current: Lease;
  #isOldest = false;
  #renewing: Promise<void> | undefined;
  #beat: NodeJS.Timeout | undefined;
  #isOver = false;

  private constructor(turn: PostgresTurn, lease: Lease) {
    this.#turn = turn;
    this.#current = lease;
  }

  /** It is renewed from `keep` on. */
  static async take(turn: PostgresTurn): Promise<PostgresLease> {
    const lease = newLease();
    await turn.query(leaseSql.take, [lease]);
    return new PostgresLease(turn, lease);
  }

  get current(): Lease {
    return this.#current;
  }

  /** Whether of all that live this one has been there longest; of two that both think so, one has slept. */
  get isOldest(): boolean {
    return this.#isOldest;
  }

  /** Begins to beat. */
  async keep(watcher: LeaseWatcher): Promise<void> {
    this.#watcher = watcher;
    await this.#beatOnce();
    this.#beatLater();
  }

  /** @throws NetworkError `storage_unavailable` */
  renew(): Promise<void> {
    this.#renewing ??= this.#renew().finally(() => (this.#renewing = undefined));
    return this.#renewing;
  }

  async #renew(): Promise<void> {
    try {
      const [row] = await this.#turn.query(leaseSql.beat, [this.#current]);
      this.#isOldest = isTrue(row?.["is_ours"]) && isTrue(row?.["is_oldest"]);
      if (isTrue(row?.["is_ours"])) return;
      const lease = newLease();
      await this.#turn.query(leaseSql.take, [lease]);
      this.#current = lease;
      this.#watcher?.onLost();
    } catch (error) {
      this.#isOldest = false;
      throw asPostgresFailure(error);
    }
  }

  async #beatOnce(): Promise<void> {
    await this.renew();
    if (this.#isOldest) await this.#watcher?.release();
  }

  #beatLater(): void {
    this.#beat = setTimeout(() => {
      void this.#beatOnce()
        .catch((error: unknown) => this.#watcher?.onError(error))
        .finally(() => {
          if (!this.#isOver) this.#beatLater();
        });
    }, LEASE_BEAT_MS).unref();
  }

  /** Given up, so that nobody waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#beat);
    await this.#renewing?.catch(() => undefined);
    await this.#turn.query(leaseSql.giveUp, [this.#current]).catch(() => undefined);
  }
}

const newLease = (): Lease => leaseOf("shared", randomUUID());
