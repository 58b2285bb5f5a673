import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { Kysely, SqliteAdapter, SqliteDialect, type DialectAdapter } from "kysely";

/**
 * Kysely over a connection that somebody else owns: destroying it does not close the connection.
 *
 * Queries are single statements. A transaction of Kysely's spans turns of the event loop, so one may
 * be open only while nobody else uses the connection, as at a migration.
 */
export function kyselyOver<Tables>(database: DatabaseSync): Kysely<Tables> {
  return new Kysely<Tables>({
    dialect: new NodeSqliteDialect({
      database: {
        close: () => undefined,
        prepare(sql) {
          // What fills the disk ends its transaction; the error of a second end would hide the first one.
          const isEnded = sql.toLowerCase() === "rollback" && !database.isTransaction;
          const statement = database.prepare(isEnded ? "SELECT 1 WHERE 0" : sql);
          return {
            reader: statement.columns().length > 0,
            all: (parameters) => statement.all(...parameters.map(inputOf)),
            run: (parameters) => statement.run(...parameters.map(inputOf)),
            iterate: (parameters) => statement.iterate(...parameters.map(inputOf)),
          };
        },
      },
    }),
  });
}

class NodeSqliteDialect extends SqliteDialect {
  override createAdapter(): DialectAdapter {
    return new TransactionalSqliteAdapter();
  }
}

/** SQLite's schema changes are transactional (https://www.sqlite.org/lang_transaction.html): all migrations or none. */
class TransactionalSqliteAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

function inputOf(value: unknown): SQLInputValue {
  if (typeof value === "string" || typeof value === "number" || typeof value === "bigint") return value;
  if (value === null || value instanceof Uint8Array) return value;
  throw new TypeError("SQLite has no column for this kind of value");
}
