import { addressOf, readPostgresUrl } from "@darkbloom/coordinator/adapters/postgres-address";
import { isLoopback } from "./listening.ts";

/** A row of `settings.ts`. */
export const databaseSetting = {
  database: {
    value: "URL",
    means:
      "a PostgreSQL database, 15 or newer, in place of the one in the data folder; better set in the environment, since it can hold a password",
    mustBe:
      "a URL such as postgres://user:password@db.example.com/darkbloom?sslmode=verify-full (sslmode disable, require, verify-ca or verify-full; beside it port, host, user, sslrootcert, sslcert and sslkey, the last three paths)",
    secret: true,
    read: postgresUrl,
  },
} as const;

/** Undefined where nobody else can read what goes to the database and comes from it. */
export function plainDatabaseWarning(database: string): string | undefined {
  const { host, tls } = addressOf(database);
  if (tls || host.startsWith("/") || isLoopback(host)) return undefined;
  return (
    `Warning: the database at ${host} is spoken to without TLS: its password, balances and keys' hashes can be read and changed on the way. ` +
    "Add sslmode=verify-full to its URL."
  );
}

/** As it stands: what it says is read again by whoever connects. */
function postgresUrl(given: string): string | undefined {
  return readPostgresUrl(given) && given;
}
