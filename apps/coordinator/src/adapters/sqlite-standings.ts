import type { DatabaseSync } from "node:sqlite";
import type { MachineId } from "@darkbloom/protocol/ids";
import { GRIEVANCES_MAX, type Grievance, type Standings } from "../machines/records/standings.ts";
import { textOf, timeOf, type Row } from "./rows.ts";
import { prepareAll, type Prepared } from "./sqlite-statements.ts";
import { readStorage } from "./storage-failure.ts";

const standingsSql = {
  list: "SELECT machine_id, why, until_at, since_at FROM grievances ORDER BY since_at, rowid",
  put: "REPLACE INTO grievances (machine_id, why, until_at, since_at) VALUES (?, ?, ?, ?)",
  // Without a limit SQLite takes no offset; minus one is none.
  trim: `
    DELETE FROM grievances WHERE machine_id IN (
      SELECT machine_id FROM grievances ORDER BY since_at DESC, rowid DESC LIMIT -1 OFFSET ?)`,
  forgive: "DELETE FROM grievances WHERE machine_id = ?",
} as const;

/** What the table's own rules let in. */
export const grievanceOf = (row: Row): Grievance => ({
  machineId: textOf(row, "machine_id") as MachineId,
  why: textOf(row, "why") as Grievance["why"],
  untilAt: timeOf(row, "until_at"),
  sinceAt: Number(row["since_at"]),
});

/** What is held against machines in SQLite, on the ledger's connection: every query here is one statement and commits by itself. */
export class SqliteStandings implements Standings {
  readonly #sql: Prepared<keyof typeof standingsSql>;
  readonly #changed: () => void;

  /**
   * @param database opened by `openDatabase`
   * @param changed called behind each change, before anybody is told of it
   */
  constructor(database: DatabaseSync, changed = () => {}) {
    this.#changed = changed;
    this.#sql = prepareAll(database, standingsSql, "numbers");
  }

  async list(): Promise<Grievance[]> {
    return readStorage(() => this.#sql.list.all()).map(grievanceOf);
  }

  async put({ machineId, why, untilAt, sinceAt }: Grievance): Promise<void> {
    readStorage(() => {
      this.#sql.put.run(machineId, why, untilAt, sinceAt);
      this.#sql.trim.run(GRIEVANCES_MAX);
    });
    this.#changed();
  }

  async forgive(machineId: MachineId): Promise<void> {
    readStorage(() => this.#sql.forgive.run(machineId));
    this.#changed();
  }
}
