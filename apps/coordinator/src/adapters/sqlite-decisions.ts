import type { DatabaseSync } from "node:sqlite";
import { sql, type Kysely } from "kysely";
import type { MachineId, Serial } from "@darkbloom/protocol/ids";
import type { Decided, Decision, Decisions } from "../machines/trust/approvals.ts";
import { kyselyOver } from "./kysely-node-sqlite.ts";
import { throwAsStorageFailure } from "./storage-failure.ts";

interface Tables {
  machines: { machine_id: MachineId; serial: Serial | null; state: Decided; decided_at: number };
}

/** Decisions on machines in SQLite, on the ledger's connection: every query here is one statement and commits by itself. */
export class SqliteDecisions implements Decisions {
  readonly #db: Kysely<Tables>;
  readonly #changed: () => void;

  /**
   * @param database opened by `openDatabase`
   * @param changed called behind each change, before anybody is told of it
   */
  constructor(database: DatabaseSync, changed = () => {}) {
    this.#changed = changed;
    this.#db = kyselyOver<Tables>(database);
  }

  async list(): Promise<Decision[]> {
    return await this.#db
      .selectFrom("machines")
      .select(["machine_id as machineId", "serial", "state", "decided_at as decidedAt"])
      .orderBy("decided_at")
      .orderBy(sql`rowid`)
      .execute()
      .catch(throwAsStorageFailure);
  }

  async put({ machineId, serial, state, decidedAt }: Decision): Promise<void> {
    await this.#db
      .insertInto("machines")
      .values({ machine_id: machineId, serial, state, decided_at: decidedAt })
      .onConflict((conflict) =>
        conflict.column("machine_id").doUpdateSet((row) => ({
          state,
          decided_at: decidedAt,
          // A machine that is away now keeps the name under which it was decided on.
          serial: row.fn.coalesce(row.val(serial), "machines.serial"),
        })),
      )
      .execute()
      .catch(throwAsStorageFailure);
    this.#changed();
  }
}
