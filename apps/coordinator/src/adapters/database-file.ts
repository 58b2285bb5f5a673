import { ErrorForPeople } from "@darkbloom/protocol/for-people";

export const DATABASE_FILE = "coordinator.db";

/** The message is a sentence for the operator. */
export class DatabaseError extends ErrorForPeople {
  override readonly name = "DatabaseError";
  readonly code: "newer_schema" | "not_a_database" | "migration_failed" | "missing" | "older" | "damaged" | "unusable";

  constructor(code: DatabaseError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
