import type { DatabaseSync } from "node:sqlite";
import type { CommitCount } from "./database-mark.ts";
import type { Disk } from "./disk-sync.ts";
import { asStorageFailure, storageFaultOf } from "./storage-failure.ts";

/** Calls that wait for the end of this turn; the group that reaches this is committed at once. */
export const GROUP_CALLS_MAX = 256;

interface Call {
  /** Does the work inside the open transaction and returns what tells the caller, for after the commit. */
  run(): () => void;
  undo(): void;
  refuse(error: unknown): void;
}

/** What a group is a transaction over. */
export interface Grouped {
  /** Syncs the database's log off the event loop; without it a commit does so itself. */
  readonly disk?: Disk | undefined;
  readonly mark?: CommitCount | undefined;
  /** The last thing inside of the transaction: writes what its calls have left for all of them together. */
  written?(): void;
  /** The transaction is there, or was undone. */
  ended?(isCommitted: boolean): void;
}

/** How a commit that syncs nothing is made, on a connection whose others all sync: https://www.sqlite.org/pragma.html#pragma_synchronous */
export const SYNC_LATER = "PRAGMA synchronous = NORMAL";
export const SYNC_NOW = "PRAGMA synchronous = FULL";
/** For all who write by this connection, not only in groups: https://www.sqlite.org/pragma.html#pragma_query_only */
const WRITE_NOTHING = "PRAGMA query_only = ON";

/**
 * One transaction for all calls of one turn of the event loop. A commit waits for the disk once, however
 * many calls share it, and no call is answered before its commit is on the disk. The wait is off the loop, where other requests go
 * on; what they bring is the next group.
 *
 * A group runs from `BEGIN` to `COMMIT` without giving up the turn, so nothing else on this connection
 * can come between. A call looks first, and may refuse; where what it writes then fails, which none should, the whole group is
 * undone and each of its calls tried again alone. So no call needs a savepoint of its own.
 */
export class GroupCommit {
  readonly #database: DatabaseSync;
  readonly #grouped: Grouped;
  #queue: Call[] = [];
  #scheduled: NodeJS.Immediate | undefined;
  #syncs = 0;
  #isRefused = false;

  constructor(database: DatabaseSync, grouped: Grouped = {}) {
    this.#database = database;
    this.#grouped = grouped;
  }

  /** Whether the storage took nothing when it was last asked. */
  get isRefused(): boolean {
    return this.#isRefused || this.#grouped.disk?.failure !== undefined;
  }

  /**
   * @param look reads and refuses by throwing; what it returns writes. Statements of this connection only, nothing asynchronous
   * @param undo takes back what the call has done beside the database
   */
  run<Answer>(look: () => () => Answer, undo: () => void = () => {}): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      const run = (): (() => void) => {
        let write: () => Answer;
        try {
          write = look();
        } catch (error) {
          if (!this.#database.isTransaction) throw error;
          return () => reject(asStorageFailure(error));
        }
        const answer = write();
        return () => resolve(answer);
      };
      const failure = this.#grouped.disk?.failure;
      if (failure) {
        reject(asStorageFailure(failure));
        return;
      }
      this.#queue.push({ run, undo, refuse: reject });
      if (this.#queue.length >= GROUP_CALLS_MAX) this.flush();
      else this.#schedule();
    });
  }

  /** While a sync runs the next group gathers: it would have to wait for a sync of its own anyway. */
  #schedule(): void {
    if (this.#syncs === 0) this.#scheduled ??= setImmediate(() => this.flush());
  }

  /** Commits what waits, now. */
  flush(): void {
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    const calls = this.#queue;
    this.#queue = [];
    if (calls.length > 0) this.#commit(calls);
  }

  #commit(calls: readonly Call[]): void {
    const { disk, mark } = this.#grouped;
    try {
      if (disk?.failure) throw disk.failure;
      this.#database.exec(disk ? `${SYNC_LATER}; BEGIN IMMEDIATE` : "BEGIN IMMEDIATE");
      const answers = calls.map((call) => call.run());
      this.#grouped.written?.();
      const committed = mark?.count();
      this.#database.exec("COMMIT");
      this.#isRefused = false;
      this.#grouped.ended?.(true);
      const tell = (): void => {
        committed?.();
        for (const answer of answers) answer();
      };
      if (disk) void this.#synced(disk, calls, tell);
      else tell();
    } catch (error) {
      this.#undo(calls, error);
    } finally {
      if (disk && this.#database.isOpen) this.#database.exec(SYNC_NOW);
    }
  }

  async #synced(disk: Disk, calls: readonly Call[], tell: () => void): Promise<void> {
    this.#syncs++;
    try {
      await disk.synced();
      tell();
    } catch (error) {
      if (this.#database.isOpen) this.#database.exec(WRITE_NOTHING);
      this.#refuse(calls, error, true);
    } finally {
      this.#syncs--;
      this.#schedule();
    }
  }

  #undo(calls: readonly Call[], error: unknown): void {
    // A failed write may have ended the transaction already: https://www.sqlite.org/lang_transaction.html
    const isOpen = this.#database.isOpen && this.#database.isTransaction;
    if (isOpen) this.#database.exec("ROLLBACK");
    this.#grouped.ended?.(false);
    for (const call of calls.toReversed()) call.undo();
    if (calls.length > 1 && isOpen && storageFaultOf(error) === undefined) {
      this.#isRefused = false;
      for (const call of calls) this.#commit([call]);
      return;
    }
    this.#refuse(calls, error);
  }

  /** Where the disk failed behind a commit, what was written stands until a restart tells what the disk has: nothing is undone. */
  #refuse(calls: readonly Call[], error: unknown, mayStand = false): void {
    this.#isRefused = storageFaultOf(error) !== undefined;
    const failure = asStorageFailure(error, mayStand);
    for (const call of calls) call.refuse(failure);
  }
}
