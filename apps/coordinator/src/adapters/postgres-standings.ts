import type { MachineId } from "@darkbloom/protocol/ids";
import { GRIEVANCES_MAX, type Grievance, type Standings } from "../machines/records/standings.ts";
import type { Postgres } from "./postgres.ts";
import { grievanceOf } from "./sqlite-standings.ts";

/** What is held against machines in PostgreSQL: every query here is one statement and commits by itself. */
export class PostgresStandings implements Standings {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  async list(): Promise<Grievance[]> {
    const rows = await this.#postgres.query(
      "SELECT machine_id, why, until_at, since_at FROM grievances ORDER BY since_at, seq",
    );
    return rows.map(grievanceOf);
  }

  async put({ machineId, why, untilAt, sinceAt }: Grievance): Promise<void> {
    await this.#postgres.query(
      `INSERT INTO grievances (machine_id, why, until_at, since_at) VALUES ($1, $2, $3, $4)
      ON CONFLICT (machine_id) DO UPDATE SET seq = DEFAULT, why = excluded.why, until_at = excluded.until_at,
        since_at = excluded.since_at`,
      [machineId, why, untilAt, sinceAt],
    );
    await this.#postgres.query(
      `DELETE FROM grievances WHERE machine_id IN (
        SELECT machine_id FROM grievances ORDER BY since_at DESC, seq DESC OFFSET $1)`,
      [GRIEVANCES_MAX],
    );
  }

  async forgive(machineId: MachineId): Promise<void> {
    await this.#postgres.query("DELETE FROM grievances WHERE machine_id = $1", [machineId]);
  }
}
