import type { PersonId } from "@darkbloom/protocol/ids";
import type { Actor, Audit, AuditAction, AuditEntry, KeptEntry } from "../accounts/audit.ts";
import { textOf, type Row } from "./rows.ts";
import type { SqlQuery } from "./sql-query.ts";

/** The audit log in either database. An answer that was lost on its way back may leave an entry twice, never none. */
export class SqlAudit implements Audit {
  readonly #query: SqlQuery;

  constructor(query: SqlQuery) {
    this.#query = query;
  }

  async add({ at, actor, action, subject }: AuditEntry): Promise<void> {
    await this.#query("INSERT INTO audit (at, actor, action, subject) VALUES ($1, $2, $3, $4)", [
      at,
      actor,
      action,
      subject,
    ]);
  }

  async list(rows: number, before = Number.MAX_SAFE_INTEGER): Promise<KeptEntry[]> {
    const found = await this.#query(
      "SELECT seq, at, actor, action, subject FROM audit WHERE seq < $1 ORDER BY seq DESC LIMIT $2",
      [before, rows],
    );
    return found.map(entryOf);
  }

  async about(personId: PersonId, rows: number): Promise<KeptEntry[]> {
    const found = await this.#query(
      `SELECT seq, at, actor, action, subject FROM audit
      WHERE actor = $1 OR subject = $1 OR '/' || subject || '/' LIKE '%/' || $1 || '/%' ORDER BY seq DESC LIMIT $2`,
      [personId, rows],
    );
    return found.map(entryOf);
  }
}

const entryOf = (row: Row): KeptEntry => ({
  seq: Number(row["seq"]),
  at: Number(row["at"]),
  // What we have written ourselves.
  actor: textOf(row, "actor") as Actor,
  action: textOf(row, "action") as AuditAction,
  subject: textOf(row, "subject"),
});
