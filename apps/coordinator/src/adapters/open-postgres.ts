import { NetworkError } from "@darkbloom/protocol/failures";
import { Kysely, PostgresDialect } from "kysely";
import { Migrator } from "kysely/migration";
import { Client, type ClientConfig } from "pg";
import { DatabaseError } from "./database-file.ts";
import { connectionOf, nameOf } from "./postgres-address.ts";
import { isForbidden, postgresFaultOf, reasonOf } from "./postgres-failure.ts";
import { isTrue } from "./postgres-idempotency-keys.ts";
import { postgresMigrations } from "./postgres-migrations.ts";
import { PostgresTurn, turnConnection, type TurnKind } from "./postgres-turn.ts";
import { Postgres } from "./postgres.ts";

/** The oldest server that our statements are tried on. */
const VERSION_MIN = 15;
const POSTGRES_START_MS_MAX = 10_000;

/** A coordinator's database in PostgreSQL, for this coordinator alone, or for all that share it. */
export interface OpenedPostgres extends AsyncDisposable {
  readonly postgres: Postgres;
  readonly turn: PostgresTurn;
}

/** What is told of an open database. */
export interface PostgresWatcher {
  /** Its server is away or cut us off, or is back: in between nothing is written. */
  onChange(state: "away" | "back"): void;
  /** Another coordinator has it alone: this one can only end. */
  onTaken(error: DatabaseError): void;
}

const nobody: PostgresWatcher = { onChange: () => undefined, onTaken: () => undefined };

/**
 * Connects, and brings the database to our schema.
 *
 * @param url of the database; what it says of a password is in no message
 * @throws DatabaseError
 */
export async function openPostgres(url: string, watcher = nobody, kind: TurnKind = "alone"): Promise<OpenedPostgres> {
  await using opening = new AsyncDisposableStack();
  const name = nameOf(url);
  const connection = connectionOf(url);
  try {
    const first = await connect(connection);
    const closing = opening.adopt(first, async (client) => client.end().catch(() => undefined));
    await assertVersion(closing, name);
    const turn = await PostgresTurn.take(() => connect(connection), first, kind);
    if (!turn) throw anothers(name, kind);
    opening.use(turn);
    const postgres = opening.use(new Postgres(connection, () => turn.isHeld));
    await migrate(postgres, name);
    await turn.begin({ onChange: (state) => watcher.onChange(state), onTaken: () => watcher.onTaken(takenOver(name)) });
    const opened = opening.move();
    return { postgres, turn, [Symbol.asyncDispose]: () => opened.disposeAsync() };
  } catch (error) {
    if (error instanceof DatabaseError) throw error;
    const cause = error instanceof NetworkError ? error.cause : error;
    throw new DatabaseError("unusable", `The database ${name} cannot be used: ${reasonOf(cause)}`, { cause });
  }
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

async function connect(connection: ClientConfig): Promise<Client> {
  const client = new Client({ ...connection, ...turnConnection, connectionTimeoutMillis: POSTGRES_START_MS_MAX });
  // Of a connection that is lost later its user is told, who listens as well.
  client.on("error", () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    void client.end().catch(() => undefined);
    throw error;
  }
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

const anothers = (name: string, kind: TurnKind): DatabaseError =>
  new DatabaseError(
    "unusable",
    kind === "alone"
      ? `The database ${name} is used by another coordinator, or by an admin command on another data folder. Stop that first: one coordinator at a time works on a database, unless all that do are started with --nats. An admin command goes through the coordinator that runs on its own data folder.`
      : `The database ${name} is used by a coordinator that was started without --nats, or by an admin command. Stop that first: coordinators share a database where all of them are started with --nats.`,
  );

const takenOver = (name: string): DatabaseError =>
  new DatabaseError(
    "unusable",
    `The database ${name} was out of reach, and another coordinator, or an admin command on another data folder, has used it since: this one has ended. One coordinator at a time works on a database; start again the one that shall.`,
  );

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
  if (error instanceof NetworkError || postgresFaultOf(error) !== undefined || isForbidden(error)) throw error;
  throw new DatabaseError(
    "migration_failed",
    `The database ${name} could not be brought to schema version ${known}; it is as it was before. Go back to the Darkbloom that it ran with, and report this.`,
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
