import type { Decision, Decisions } from "../machines/trust/approvals.ts";
import type { Postgres } from "./postgres.ts";
import { decisionOf } from "./sqlite-decisions.ts";

/** Decisions on machines in PostgreSQL: every query here is one statement and commits by itself. */
export class PostgresDecisions implements Decisions {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  async list(): Promise<Decision[]> {
    const rows = await this.#postgres.query(
      "SELECT machine_id, serial, state, decided_at FROM machines ORDER BY decided_at, seq",
    );
    return rows.map(decisionOf);
  }

  async put({ machineId, serial, state, decidedAt }: Decision): Promise<void> {
    // A machine that is away now keeps the name under which it was decided on.
    await this.#postgres.query(
      `INSERT INTO machines (machine_id, serial, state, decided_at) VALUES ($1, $2, $3, $4)
      ON CONFLICT (machine_id) DO UPDATE SET state = excluded.state, decided_at = excluded.decided_at,
        serial = COALESCE(excluded.serial, machines.serial)`,
      [machineId, serial, state, decidedAt],
    );
  }
}
