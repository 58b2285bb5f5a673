import type { DatabaseSync } from "node:sqlite";
import { sql, type Kysely } from "kysely";
import { Migrator } from "kysely/migration";
import { DatabaseError } from "./database-file.ts";
import { kyselyOver } from "./kysely-node-sqlite.ts";
import { migrations as ours, type Migration } from "./migrations.ts";
import { storageFaultOf } from "./storage-failure.ts";

/**
 * Takes the steps that a database lacks, all or none.
 *
 * @throws DatabaseError where one of them fails; the storage's own error where it is that
 */
export async function migrate(
  database: DatabaseSync,
  path: string,
  migrations: readonly Migration[] = ours,
): Promise<void> {
  const db = kyselyOver<unknown>(database);
  const steps = migrations.map((migration, index) => {
    const step = async (transaction: Kysely<unknown>): Promise<void> => {
      await migration.up(transaction);
      const { rows } = await sql`PRAGMA foreign_key_check`.execute(transaction);
      if (rows.length > 0) throw new TypeError("a migration leaves a reference to nothing");
      await sql`PRAGMA user_version = ${sql.raw(String(index + 1))}`.execute(transaction);
    };
    return [migration.name, { up: step }] as const;
  });
  const migrator = new Migrator({ db, provider: { getMigrations: async () => Object.fromEntries(steps) } });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  if (storageFaultOf(error) !== undefined) throw error;
  throw new DatabaseError(
    "migration_failed",
    `The database ${path} could not be brought to schema version ${migrations.length}; it is as it was before. Go back to the Darkbloom that it ran with, and report this.`,
    { cause: error },
  );
}
