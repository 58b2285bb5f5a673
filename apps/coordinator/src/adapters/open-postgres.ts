import { setTimeout as sleep } from "node:timers/promises";
import { NetworkError } from "@darkbloom/protocol/failures";
import { Kysely, PostgresDialect } from "kysely";
import { Migrator } from "kysely/migration";
import { Client } from "pg";
import { DatabaseError } from "./database-file.ts";
import { postgresFaultOf } from "./postgres-failure.ts";
import { postgresMigrations } from "./postgres-migrations.ts";
import { isTrue } from "./postgres-idempotency-keys.ts";
import { Postgres } from "./postgres.ts";

/** The oldest server that our statements are tried on. */
const VERSION_MIN = 15;
const POSTGRES_START_MS_MAX = 10_000;
/** Any number, by which coordinators of one database keep each other out. Kysely's migrator has one of its own. */
const TURN = 7_405_133_012;
/** Of one that was killed the server may not know yet. */
const TURN_MS_MAX = 4_000;
const TURN_RETRY_MS = 200;

/** A coordinator's database in PostgreSQL, for this coordinator alone. */
export interface OpenedPostgres extends AsyncDisposable {
  readonly postgres: Postgres;
}

/**
 * Connects, and brings the database to our schema.
 *
 * @param url of the database; what it says of a password is in no message
 * @throws DatabaseError
 */
export async function openPostgres(url: string): Promise<OpenedPostgres> {
  await using opening = new AsyncDisposableStack();
  const name = nameOf(url);
  const turn = opening.adopt(await connect(url, name), async (client) => client.end().catch(() => undefined));
  // The turn is lost with its connection, and who serves goes on: nobody else could write money of ours twice.
  turn.on("error", () => undefined);
  await assertVersion(turn, name);
  await assertAlone(turn, name);
  const postgres = opening.use(new Postgres(url));
  await migrate(postgres, name);
  const opened = opening.move();
  return { postgres, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/**
 * Says whose a database is that is nobody's yet.
 *
 * @param keyId of the key by which the network's receipts are signed
 * @throws DatabaseError where it is another network's
 */
export async function assertOwn(postgres: Postgres, url: string, keyId: string): Promise<void> {
  await postgres.query("INSERT INTO network (id, coordinator_key_id) VALUES (1, $1) ON CONFLICT DO NOTHING", [keyId]);
  const owner = await ownerOf(postgres);
  if (owner === keyId) return;
  throw new DatabaseError(
    "other_network",
    `The database ${nameOf(url)} belongs to a network with another key (${owner}, and this folder's is ${keyId}). Give the data folder that it was used with, or another database.`,
  );
}

/** By whose key; undefined for a database that nobody has used. */
export async function ownerOf(postgres: Postgres): Promise<string | undefined> {
  const [row] = await postgres.query("SELECT coordinator_key_id FROM network");
  return row && String(row["coordinator_key_id"]);
}

/** Where a database is, without who asks and with which password. */
export function nameOf(url: string): string {
  const { host, pathname, searchParams } = new URL(url);
  return `${pathname.slice(1) || "postgres"} at ${host || searchParams.get("host") || "this machine"}`;
}

async function connect(url: string, name: string): Promise<Client> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: POSTGRES_START_MS_MAX,
    application_name: "darkbloom",
  });
  try {
    await client.connect();
    return client;
  } catch (cause) {
    await client.end().catch(() => undefined);
    throw new DatabaseError("unusable", `The database ${name} cannot be used: ${reasonOf(cause)}`, { cause });
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "28P01" || code === "28000")
    return "PostgreSQL refuses the user or its password. Set both in DARKBLOOM_DATABASE, or in the file that PGPASSFILE names.";
  if (code === "3D000") return "there is no database of that name. Make it with 'createdb', and start again.";
  if (postgresFaultOf(error) !== undefined)
    return "PostgreSQL cannot be reached there. Look whether it runs, whether the address is right, and whether it lets this machine in.";
  return "PostgreSQL does not answer as it should. Look into its log.";
}

async function assertVersion(client: Client, name: string): Promise<void> {
  const { rows } = await client.query<{ version: string }>("SELECT current_setting('server_version_num') AS version");
  const version = Math.floor(Number(rows[0]?.version) / 10_000);
  if (version >= VERSION_MIN) return;
  throw new DatabaseError(
    "unusable",
    `The database ${name} is on PostgreSQL ${version}, and Darkbloom needs ${VERSION_MIN} or newer. Update the server, or give another.`,
  );
}

async function assertAlone(client: Client, name: string): Promise<void> {
  for (const until = Date.now() + TURN_MS_MAX; ;) {
    const { rows } = await client.query<{ mine: boolean }>("SELECT pg_try_advisory_lock($1) AS mine", [TURN]);
    if (rows[0]?.mine === true) return;
    if (Date.now() > until) break;
    await sleep(TURN_RETRY_MS);
  }
  throw new DatabaseError(
    "unusable",
    `The database ${name} is used by another coordinator, or by an admin command on another data folder. Stop that first: one coordinator at a time works on a database.`,
  );
}

/** All missing steps or none, one program at a time: Kysely's migrator takes an advisory lock of its own. */
async function migrate(postgres: Postgres, name: string): Promise<void> {
  const known = postgresMigrations.length;
  const version = await versionOf(postgres);
  if (version > known)
    throw new DatabaseError(
      "newer_schema",
      `The database ${name} has schema version ${version} and this program knows versions up to ${known}. Use the newer Darkbloom that wrote it, or restore the backup from before its update.`,
    );
  if (version === known) return;
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: lent(postgres) }) });
  const steps = Object.fromEntries(postgresMigrations.map((step) => [step.name, step]));
  const { error } = await new Migrator({ db, provider: { getMigrations: async () => steps } }).migrateToLatest();
  if (error === undefined) return;
  if (error instanceof NetworkError) throw error;
  throw new DatabaseError(
    "migration_failed",
    `The database ${name} could not be brought to schema version ${known}; it is as it was before. Look whether its user may make tables there; else go back to the Darkbloom that it ran with, and report this.`,
    { cause: error },
  );
}

async function versionOf(postgres: Postgres): Promise<number> {
  const [there] = await postgres.query("SELECT to_regclass('kysely_migration') IS NOT NULL AS is_there");
  if (!isTrue(there?.["is_there"])) return 0;
  const [row] = await postgres.query("SELECT COUNT(*) AS steps FROM kysely_migration");
  return Number(row?.["steps"]);
}

/** What Kysely ends is not ended: the pool stays with its owner. */
const lent = ({ pool }: Postgres) => ({
  connect: () => pool.connect(),
  end: async () => undefined,
  options: pool.options,
});
