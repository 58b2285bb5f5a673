import { ErrorForPeople } from "@darkbloom/protocol/for-people";

export const DATABASE_FILE = "coordinator.db";
/** SQLite's write-ahead log, as long as anybody has the database open. */
export const LOG_OF_DATABASE_FILE = `${DATABASE_FILE}-wal`;

/** How many migrations there are; a database of this version needs none of them, so that they are not even loaded. */
export const SCHEMA_VERSION = 22;

/** In leases. The folder's lock lets one coordinator in, so that every life that wrote into its database was of this one. */
export const COORDINATOR_OF_FOLDER = "local";

/** The message is a sentence for the operator. */
export class DatabaseError extends ErrorForPeople {
  override readonly name = "DatabaseError";
  readonly code:
    | "newer_schema"
    | "not_a_database"
    | "migration_failed"
    | "missing"
    | "older"
    | "other_network"
    | "damaged"
    | "unusable";

  constructor(code: DatabaseError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
