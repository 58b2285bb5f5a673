import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "pg";
import { NoConnection } from "./postgres-failure.ts";
import type { Row } from "./rows.ts";

/** Any number, by which coordinators of one database keep each other out. Kysely's migrator has one of its own. */
const TURN = 7_405_133_012;
/** Of one that was killed, or whose connection broke, the server may not know yet. */
const TURN_MS_MAX = 4_000;
const TURN_RETRY_MS = 200;
/** How often it is asked whether the turn is still ours, and how long for an answer. */
const TURN_BEAT_MS = 2_000;
const TURN_BEAT_MS_MAX = 4_000;

/** What the server does about a connection whose other end is gone without a word: it is closed after some ten seconds. */
const KEEP_ALIVE = `SELECT set_config('tcp_keepalives_idle', '4', FALSE), set_config('tcp_keepalives_interval', '2', FALSE),
  set_config('tcp_keepalives_count', '3', FALSE), set_config('tcp_user_timeout', '10000', FALSE)`;
const TRY = {
  alone: "SELECT pg_try_advisory_lock($1) AS mine",
  shared: "SELECT pg_try_advisory_lock_shared($1) AS mine",
} as const;
const WHO = "SELECT pid, backend_start::text AS since FROM pg_stat_activity WHERE pid = pg_backend_pid()";
/** A pooler in between may have given us another session than the one that has the turn. */
const STILL = `SELECT EXISTS (
  SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND pid = $1) AS mine`;
const END_SESSION = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2::timestamptz`;
const COUNT = `INSERT INTO turns (id, taken) VALUES (1, 1)
  ON CONFLICT (id) DO UPDATE SET taken = turns.taken + 1 RETURNING taken`;
const COUNTED = "SELECT taken FROM turns";

/** With nobody beside it, or with all others that share it. */
export type TurnKind = keyof typeof TRY;

interface Session {
  readonly client: Client;
  readonly pid: number;
  readonly since: string;
}

/** What happens to a turn behind its taker's back. */
export interface TurnWatcher {
  /** The connection is lost, or back; in between nothing may be written. */
  onChange(state: "away" | "back"): void;
  /** Another coordinator has had the database since: what this one remembers of it is not to be trusted any more. */
  onTaken(): void;
}

/**
 * That this coordinator alone works on a database, or none that has it alone, by a lock of the server's that is held as long
 * as one connection lives.
 *
 * Where that connection is lost the turn is not held, until it is taken anew and, for who has it alone, nobody else has had it in
 * between, which a number in the database tells.
 */
export class PostgresTurn implements AsyncDisposable {
  readonly #connect: () => Promise<Client>;
  readonly #kind: TurnKind;
  #session: Session;
  #isHeld = true;
  #isOver = false;
  /** How often the database was taken when we took it. */
  #taken: string | undefined;
  #watcher: TurnWatcher | undefined;
  #beat: NodeJS.Timeout | undefined;

  private constructor(connect: () => Promise<Client>, kind: TurnKind, session: Session) {
    this.#connect = connect;
    this.#kind = kind;
    this.#session = session;
    this.#watch(session);
  }

  /** Undefined where another has it, also after `TURN_MS_MAX`. */
  static async take(connect: () => Promise<Client>, client: Client, kind: TurnKind): Promise<PostgresTurn | undefined> {
    for (const until = Date.now() + TURN_MS_MAX; ;) {
      if (await isTaken(client, kind)) return new PostgresTurn(connect, kind, await sessionOf(client));
      if (Date.now() > until) return undefined;
      await sleep(TURN_RETRY_MS);
    }
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** From here on, when the tables are there, it is known whether another had the database meanwhile. */
  async begin(watcher: TurnWatcher): Promise<void> {
    if (this.#kind === "alone") this.#taken = await takenIn(this.#session.client, COUNT);
    this.#watcher = watcher;
  }

  /** One statement on the connection that holds it, which waits for no other. */
  async query(statement: string, values: readonly unknown[]): Promise<Row[]> {
    if (!this.#isHeld) throw new NoConnection();
    return (await this.#session.client.query<Row>(statement, [...values])).rows;
  }

  #watch(session: Session): void {
    session.client.on("error", () => this.#lose(session));
    session.client.on("end", () => this.#lose(session));
    this.#askAgain(session);
  }

  #askAgain(session: Session): void {
    this.#beat = setTimeout(() => {
      const asked = session.client.query<{ mine: boolean }>(STILL, [session.pid]);
      void asked.then(
        ({ rows }) => (rows[0]?.mine === true ? this.#askAgain(session) : this.#lose(session)),
        () => this.#lose(session),
      );
    }, TURN_BEAT_MS).unref();
  }

  #lose(session: Session): void {
    if (session !== this.#session || !this.#isHeld) return;
    this.#isHeld = false;
    clearTimeout(this.#beat);
    void session.client.end().catch(() => undefined);
    if (this.#isOver) return;
    this.#watcher?.onChange("away");
    void this.#regain(session);
  }

  async #regain(lost: Session): Promise<void> {
    let refusedAt: number | undefined;
    while (!this.#isOver) {
      const client = await this.#connect().catch(() => undefined);
      const found = await this.#foundBy(client, lost).catch(() => "nothing" as const);
      if (typeof found === "object" && !this.#isOver) {
        this.#session = found;
        this.#isHeld = true;
        this.#watch(found);
        this.#watcher?.onChange("back");
        return;
      }
      void client?.end().catch(() => undefined);
      if (found === "refused") refusedAt ??= Date.now();
      if (found === "taken" || (refusedAt !== undefined && Date.now() - refusedAt > TURN_MS_MAX)) {
        if (!this.#isOver) this.#watcher?.onTaken();
        this.#isOver = true;
      }
      await sleep(TURN_RETRY_MS, undefined, { ref: false });
    }
  }

  async #foundBy(
    client: Client | undefined,
    { pid, since }: Session,
  ): Promise<Session | "nothing" | "refused" | "taken"> {
    if (!client) return "nothing";
    // Where only we know that it broke, the old one still has the turn.
    await client.query(END_SESSION, [pid, since]);
    if (!(await isTaken(client, this.#kind))) return "refused";
    if (this.#taken !== undefined && (await takenIn(client, COUNTED)) !== this.#taken) return "taken";
    return await sessionOf(client);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#beat);
    await this.#session.client.end().catch(() => undefined);
  }
}

/** What a connection that may hold a turn is made with. */
export const turnConnection = { query_timeout: TURN_BEAT_MS_MAX } as const;

async function isTaken(client: Client, kind: TurnKind): Promise<boolean> {
  await client.query(KEEP_ALIVE);
  return (await client.query<{ mine: boolean }>(TRY[kind], [TURN])).rows[0]?.mine === true;
}

async function sessionOf(client: Client): Promise<Session> {
  const [row] = (await client.query<Omit<Session, "client">>(WHO)).rows;
  if (!row) throw new TypeError("PostgreSQL does not know this session");
  return { client, pid: row.pid, since: row.since };
}

async function takenIn(client: Client, statement: string): Promise<string | undefined> {
  return (await client.query<{ taken: string }>(statement)).rows[0]?.taken;
}
