import type { DatabaseSync } from "node:sqlite";
import type { MachineId, Serial } from "@darkbloom/protocol/ids";
import type { Decided, Decision, Decisions } from "../machines/trust/approvals.ts";
import { textOf, type Row } from "./rows.ts";
import { prepareAll, type Prepared } from "./sqlite-statements.ts";
import { readStorage } from "./storage-failure.ts";

const decisionsSql = {
  list: "SELECT machine_id, serial, state, decided_at FROM machines ORDER BY decided_at, rowid",
  // A machine that is away now keeps the name under which it was decided on.
  put: `
    INSERT INTO machines (machine_id, serial, state, decided_at) VALUES (?, ?, ?, ?)
    ON CONFLICT (machine_id) DO UPDATE SET state = excluded.state, decided_at = excluded.decided_at,
      serial = COALESCE(excluded.serial, serial)`,
} as const;

/** What the table's own rules let in. */
export const decisionOf = (row: Row): Decision => ({
  machineId: textOf(row, "machine_id") as MachineId,
  serial: row["serial"] as Serial | null,
  state: textOf(row, "state") as Decided,
  decidedAt: Number(row["decided_at"]),
});

/** Decisions on machines in SQLite, on the ledger's connection: every query here is one statement and commits by itself. */
export class SqliteDecisions implements Decisions {
  readonly #sql: Prepared<keyof typeof decisionsSql>;
  readonly #changed: () => void;

  /**
   * @param database opened by `openDatabase`
   * @param changed called behind each change, before anybody is told of it
   */
  constructor(database: DatabaseSync, changed = () => {}) {
    this.#changed = changed;
    this.#sql = prepareAll(database, decisionsSql, "numbers");
  }

  async list(): Promise<Decision[]> {
    return readStorage(() => this.#sql.list.all()).map(decisionOf);
  }

  async put({ machineId, serial, state, decidedAt }: Decision): Promise<void> {
    readStorage(() => this.#sql.put.run(machineId, serial, state, decidedAt));
    this.#changed();
  }
}
