import type { DatabaseSync } from "node:sqlite";
import type { CommitCount } from "./database-mark.ts";
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
  readonly mark?: CommitCount | undefined;
  /** The last thing inside of the transaction: writes what its calls have left for all of them together. */
  written?(): void;
  /** The transaction is there, or was undone. */
  ended?(isCommitted: boolean): void;
}

/**
 * One transaction for all calls of one turn of the event loop. A commit waits for the disk once, however
 * many calls share it, and no call is answered before its commit is on the disk.
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
  #isRefused = false;

  constructor(database: DatabaseSync, grouped: Grouped = {}) {
    this.#database = database;
    this.#grouped = grouped;
  }

  /** Whether the storage took nothing when it was last asked. */
  get isRefused(): boolean {
    return this.#isRefused;
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
      this.#queue.push({ run, undo, refuse: reject });
      if (this.#queue.length >= GROUP_CALLS_MAX) this.flush();
      else this.#scheduled ??= setImmediate(() => this.flush());
    });
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
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      const answers = calls.map((call) => call.run());
      this.#grouped.written?.();
      this.#grouped.mark?.count();
      this.#database.exec("COMMIT");
      this.#isRefused = false;
      this.#grouped.ended?.(true);
      this.#grouped.mark?.committed();
      for (const answer of answers) answer();
    } catch (error) {
      this.#undo(calls, error);
    }
  }

  #undo(calls: readonly Call[], error: unknown): void {
    // A failed write may have ended the transaction already: https://www.sqlite.org/lang_transaction.html
    const isOpen = this.#database.isOpen && this.#database.isTransaction;
    if (isOpen) this.#database.exec("ROLLBACK");
    this.#grouped.ended?.(false);
    for (const call of calls.toReversed()) call.undo();
    this.#isRefused = storageFaultOf(error) !== undefined;
    if (calls.length > 1 && isOpen && !this.#isRefused) {
      for (const call of calls) this.#commit([call]);
      return;
    }
    const failure = asStorageFailure(error);
    for (const call of calls) call.refuse(failure);
  }
}
