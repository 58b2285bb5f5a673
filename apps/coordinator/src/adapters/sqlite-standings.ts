import type { DatabaseSync } from "node:sqlite";
import type { MachineId } from "@darkbloom/protocol/ids";
import { sql, type Kysely } from "kysely";
import { GRIEVANCES_MAX, type Grievance, type Standings } from "../machines/records/standings.ts";
import { kyselyOver } from "./kysely-node-sqlite.ts";
import { throwAsStorageFailure } from "./storage-failure.ts";

interface Tables {
  grievances: { machine_id: MachineId; why: Grievance["why"]; until_at: number | null; since_at: number };
}

/** What is held against machines in SQLite, on the ledger's connection: every query here is one statement and commits by itself. */
export class SqliteStandings implements Standings {
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

  async list(): Promise<Grievance[]> {
    return await this.#db
      .selectFrom("grievances")
      .select(["machine_id as machineId", "why", "until_at as untilAt", "since_at as sinceAt"])
      .orderBy("since_at")
      .orderBy(sql`rowid`)
      .execute()
      .catch(throwAsStorageFailure);
  }

  async put({ machineId, why, untilAt, sinceAt }: Grievance): Promise<void> {
    await this.#db
      .replaceInto("grievances")
      .values({ machine_id: machineId, why, until_at: untilAt, since_at: sinceAt })
      .execute()
      .catch(throwAsStorageFailure);
    await this.#db
      .deleteFrom("grievances")
      .where("machine_id", "in", (rows) =>
        rows
          .selectFrom("grievances")
          .select("machine_id")
          .orderBy("since_at", "desc")
          .orderBy(sql`rowid`, "desc")
          // Without a limit SQLite takes no offset; minus one is none.
          .limit(-1)
          .offset(GRIEVANCES_MAX),
      )
      .execute()
      .catch(throwAsStorageFailure);
    this.#changed();
  }

  async forgive(machineId: MachineId): Promise<void> {
    await this.#db.deleteFrom("grievances").where("machine_id", "=", machineId).execute().catch(throwAsStorageFailure);
    this.#changed();
  }
}
