import { setTimeout as sleep } from "node:timers/promises";
import { Pool, types, type ClientConfig, type PoolClient } from "pg";
import { asPostgresFailure, isLost, isPassing, NoConnection, throwAsNoConnection } from "./postgres-failure.ts";
import type { Row } from "./rows.ts";

/** Connections of one coordinator, so that a hundred connections, PostgreSQL's default, are enough for several. */
export const POSTGRES_CONNECTIONS_MAX = 16;
/** What is tried in all of a call that another one was in the way of, or whose connection was lost. */
export const POSTGRES_ATTEMPTS_MAX = 4;
/** Before a second attempt; each later one waits twice as long, and all a little at random. */
const POSTGRES_RETRY_MS = 40;
/** Who waits longer for a connection, of which all may be in use, is told that the server is away. */
const POSTGRES_CONNECT_MS_MAX = 15_000;
/** A statement that takes longer, behind somebody's lock as a rule, is ended by the server. */
export const POSTGRES_STATEMENT_MS_MAX = 5_000;
/** What the server has this much longer for, so that its own word comes first. */
const ANSWER_MS_MORE = 3_000;

function parserOf(oid: Parameters<typeof types.getTypeParser>[0], format?: "text" | "binary") {
  const is64Bits = oid === types.builtins.INT8 || oid === types.builtins.NUMERIC;
  return is64Bits ? BigInt : types.getTypeParser(oid, format === "binary" ? "text" : format);
}

/** One statement and what it gives. */
export type Query = (text: string, values?: readonly unknown[]) => Promise<Row[]>;

/**
 * Connections to one PostgreSQL database. Every integer of 64 bits, and every sum of such, is read as a bigint.
 *
 * What is asked here is asked again where the connection was lost or another was in the way, `POSTGRES_ATTEMPTS_MAX` times in
 * all. Nobody knows then whether the first attempt was committed: each call must come to the same when it is made twice.
 */
export class Postgres implements AsyncDisposable {
  readonly pool: Pool;
  /** A statement is planned once for each connection, under its name. */
  readonly #names = new Map<string, string>();
  readonly #isOurs: () => boolean;

  /** @param isOurs whether anything may be asked: of a database that is this process's alone */
  constructor(connection: ClientConfig, isOurs = () => true) {
    this.#isOurs = isOurs;
    this.pool = new Pool({
      ...connection,
      max: POSTGRES_CONNECTIONS_MAX,
      connectionTimeoutMillis: POSTGRES_CONNECT_MS_MAX,
      statement_timeout: POSTGRES_STATEMENT_MS_MAX,
      types: { getTypeParser: parserOf },
    });
    // What ends a connection fails the call that uses it; where none does, the next call opens another.
    this.pool.on("error", () => undefined);
    this.pool.on("connect", (client) => void client.on("error", () => undefined));
  }

  /** One statement, which commits by itself. @throws NetworkError `storage_unavailable` */
  readonly query: Query = (text, values = []) =>
    this.#retried((client) => this.#ask(client, text, values, POSTGRES_STATEMENT_MS_MAX));

  /**
   * @param work is done again from its beginning where it is retried
   * @param msMax of each of its statements
   * @throws NetworkError `storage_unavailable`
   */
  transaction<Answer>(work: (query: Query) => Promise<Answer>, msMax = POSTGRES_STATEMENT_MS_MAX): Promise<Answer> {
    return this.#retried(async (client) => {
      await client.query("BEGIN");
      try {
        if (msMax !== POSTGRES_STATEMENT_MS_MAX) await client.query(`SET LOCAL statement_timeout = ${msMax}`);
        const answer = await work((text, values = []) => this.#ask(client, text, values, msMax));
        await client.query("COMMIT");
        return answer;
      } catch (error) {
        if (!isLost(error)) await client.query("ROLLBACK");
        throw error;
      }
    });
  }

  async #ask(client: PoolClient, text: string, values: readonly unknown[], msMax: number): Promise<Row[]> {
    const name = this.#names.get(text) ?? `s${this.#names.size}`;
    this.#names.set(text, name);
    const asked = { name, text, values: [...values], query_timeout: msMax + ANSWER_MS_MORE };
    return (await client.query<Row>(asked)).rows;
  }

  async #retried<Answer>(attempt: (client: PoolClient) => Promise<Answer>): Promise<Answer> {
    for (let attempts = 1; ; attempts++) {
      let failed: unknown;
      try {
        this.#assertOurs();
        const client = await this.pool.connect().catch(throwAsNoConnection);
        try {
          // It may have been waited for.
          this.#assertOurs();
          return await attempt(client);
        } catch (error) {
          failed = error;
          throw error;
        } finally {
          client.release(isLost(failed));
        }
      } catch (error) {
        if (!isPassing(error) || attempts === POSTGRES_ATTEMPTS_MAX) throw asPostgresFailure(error);
        await sleep(POSTGRES_RETRY_MS * 2 ** (attempts - 1) * (0.5 + Math.random()));
      }
    }
  }

  #assertOurs(): void {
    if (!this.#isOurs()) throw new NoConnection();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.end();
  }
}
