import type { DatabaseSync } from "node:sqlite";
import type { CommitCount } from "./database-mark.ts";
import { asStorageFailure } from "./storage-failure.ts";

/** Calls that wait for the end of this turn; the group that reaches this is committed at once. */
export const GROUP_CALLS_MAX = 256;

interface Call {
  /** Does the work inside the open transaction and returns what tells the caller, for after the commit. */
  run(): () => void;
  refuse(error: unknown): void;
}

/**
 * One transaction for all calls of one turn of the event loop. A commit waits for the disk once, however
 * many calls share it, and no call is answered before its commit is on the disk.
 *
 * A group runs from `BEGIN` to `COMMIT` without giving up the turn, so nothing else on this connection
 * can come between.
 */
export class GroupCommit {
  readonly #database: DatabaseSync;
  readonly #mark: CommitCount | undefined;
  #queue: Call[] = [];
  #scheduled: NodeJS.Immediate | undefined;

  constructor(database: DatabaseSync, mark?: CommitCount) {
    this.#database = database;
    this.#mark = mark;
  }

  /** @param work statements of this connection only, nothing asynchronous; what it throws undoes this call alone */
  run<Answer>(work: () => Answer): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      const run = (): (() => void) => {
        const answer = work();
        return () => resolve(answer);
      };
      this.#queue.push({ run, refuse: reject });
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
    if (calls.length === 0) return;
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      const answers = calls.map((call) => this.#attempt(call));
      this.#mark?.count();
      this.#database.exec("COMMIT");
      this.#mark?.committed();
      for (const answer of answers) answer();
    } catch (error) {
      const failure = asStorageFailure(error);
      for (const call of calls) call.refuse(failure);
      // A failed write may have ended the transaction already: https://www.sqlite.org/lang_transaction.html
      if (this.#database.isOpen && this.#database.isTransaction) this.#database.exec("ROLLBACK");
    }
  }

  /** A call that throws is refused and leaves no trace in the transaction; the others go on. */
  #attempt(call: Call): () => void {
    this.#database.exec("SAVEPOINT call");
    try {
      const answer = call.run();
      this.#database.exec("RELEASE call");
      return answer;
    } catch (error) {
      if (!this.#database.isTransaction) throw error;
      this.#database.exec("ROLLBACK TO call");
      this.#database.exec("RELEASE call");
      return () => call.refuse(asStorageFailure(error));
    }
  }
}
