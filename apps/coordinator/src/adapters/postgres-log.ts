import type { JobId } from "@darkbloom/protocol/ids";
import { leafHash, TILE_WIDTH, type Tile } from "@darkbloom/protocol/log";
import { nodeCrypto } from "@darkbloom/protocol/node";
import type { LogStore, SharedHead, UnloggedReceipt } from "../transparency/port.ts";
import { cutTile, growTiles, levelOf, LOG_RECEIPTS_PER_STEP_MAX, noTile, type KeptTile } from "./log-tiles.ts";
import type { Postgres, Query } from "./postgres.ts";
import { bigintOf, textOf, type Row } from "./rows.ts";

const statements = {
  tile: "SELECT width, bytes FROM log_tiles WHERE level = $1 AND tile = $2",
  last: "SELECT tile, width FROM log_tiles WHERE level = 0 ORDER BY tile DESC LIMIT 1",
  // Whoever appends is alone; who reads is not kept waiting.
  alone: "LOCK TABLE log_tiles IN EXCLUSIVE MODE",
  /** Only the last tile of a level can grow. */
  edge: "SELECT DISTINCT ON (level) level, tile, width, bytes FROM log_tiles ORDER BY level, tile DESC",
  putTiles: `
    INSERT INTO log_tiles (level, tile, width, bytes)
    SELECT * FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[])
    ON CONFLICT (level, tile) DO UPDATE SET width = excluded.width, bytes = excluded.bytes`,
  knownFacts: "SELECT leaf FROM log_facts WHERE leaf = ANY ($1::bytea[])",
  addFacts: "INSERT INTO log_facts (leaf, log_index) SELECT * FROM UNNEST($1::bytea[], $2::bigint[])",
  indexOfFact: "SELECT log_index FROM log_facts WHERE leaf = $1",
  unlogged: `
    SELECT seq, job_id, sha256 FROM receipts JOIN settlements USING (seq)
    WHERE sha256 IS NOT NULL AND log_index IS NULL ORDER BY seq LIMIT $1`,
  setIndices: `
    UPDATE receipts SET log_index = by.log_index FROM UNNEST($1::bigint[], $2::bigint[]) AS by (seq, log_index)
    WHERE receipts.seq = by.seq`,
  head: "SELECT note FROM log_heads",
  putHead: `
    INSERT INTO log_heads AS kept (id, size, note) VALUES (1, $1, $2)
    ON CONFLICT (id) DO UPDATE SET size = excluded.size, note = excluded.note WHERE kept.size <= excluded.size`,
  indexOf: "SELECT log_index FROM receipts JOIN settlements USING (seq) WHERE job_id = $1",
} as const;

/** The transparency log in PostgreSQL: its tiles, which only grow, and where each receipt stands. */
export class PostgresLog implements LogStore {
  readonly #postgres: Postgres;
  #size: number;

  private constructor(postgres: Postgres, size: number) {
    this.#postgres = postgres;
    this.#size = size;
  }

  static async open(postgres: Postgres): Promise<PostgresLog> {
    return new PostgresLog(postgres, await sizeIn(postgres.query));
  }

  size(): number {
    return this.#size;
  }

  async refresh(): Promise<void> {
    this.#size = await sizeIn(this.#postgres.query);
  }

  async append(facts: readonly Uint8Array[], entryOf: (receipt: UnloggedReceipt) => Uint8Array): Promise<void> {
    this.#size = await this.#postgres.transaction((query) => append(query, facts, entryOf));
  }

  async tile(tile: Tile): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const [row] = await this.#postgres.query(statements.tile, [levelOf(tile), tile.index]);
    return cutTile(tile, row ? keptOf(row) : noTile);
  }

  async indexOf(jobId: JobId): Promise<number | undefined> {
    return indexIn(await this.#postgres.query(statements.indexOf, [jobId]));
  }

  async indexOfFact(leaf: Uint8Array): Promise<number | undefined> {
    return indexIn(await this.#postgres.query(statements.indexOfFact, [leaf]));
  }
}

/** The checkpoint that all coordinators of a database publish. @param mayPublish whether this one signs the next */
export const postgresHead = ({ query }: Postgres, mayPublish: () => boolean): SharedHead => ({
  mayPublish,
  async read() {
    const [row] = await query(statements.head);
    return row && textOf(row, "note");
  },
  async write(size, note) {
    await query(statements.putHead, [size, note]);
  },
});

/** Within one transaction. What is in already is not added again, so that it may be done twice. @returns the entries then */
async function append(
  query: Query,
  facts: readonly Uint8Array[],
  entryOf: (receipt: UnloggedReceipt) => Uint8Array,
): Promise<number> {
  await query(statements.alone);
  const before = await sizeIn(query);
  const leaves = new Map(facts.map((fact) => [nameOf(leafHash(nodeCrypto, fact)), fact]));
  const asked = [...leaves.keys()].map((name) => Buffer.from(name, "hex"));
  for (const row of await query(statements.knownFacts, [asked])) leaves.delete(nameOf(bytesOf(row, "leaf")));
  const fresh = [...leaves.keys()].map((name) => Buffer.from(name, "hex"));
  await query(statements.addFacts, [fresh, fresh.map((_, n) => before + n)]);
  const added: Uint8Array[] = [...leaves.values()];

  const unlogged = await query(statements.unlogged, [LOG_RECEIPTS_PER_STEP_MAX]);
  const indices = unlogged.map((_, n) => before + added.length + n);
  await query(statements.setIndices, [unlogged.map((row) => bigintOf(row, "seq")), indices]);
  for (const row of unlogged)
    added.push(entryOf({ jobId: textOf(row, "job_id") as JobId, sha256: bytesOf(row, "sha256") }));

  const tiles = new Map<string, { level: number; index: number; tile: KeptTile; isNew: boolean }>();
  for (const row of await query(statements.edge)) {
    const [level, index] = [Number(row["level"]), Number(row["tile"])];
    tiles.set(`${level}/${index}`, { level, index, tile: keptOf(row), isNew: false });
  }
  const kept = (level: number, index: number): KeptTile => tiles.get(`${level}/${index}`)?.tile ?? noTile;
  growTiles(
    { kept, put: (level, index, tile) => void tiles.set(`${level}/${index}`, { level, index, tile, isNew: true }) },
    before,
    added,
  );
  const grown = [...tiles.values()].filter(({ isNew }) => isNew);
  await query(statements.putTiles, [
    grown.map(({ level }) => level),
    grown.map(({ index }) => index),
    grown.map(({ tile }) => tile.width),
    grown.map(({ tile }) => tile.bytes),
  ]);
  return before + added.length;
}

async function sizeIn(query: Query): Promise<number> {
  const [last] = await query(statements.last);
  return last ? Number(last["tile"]) * TILE_WIDTH + Number(last["width"]) : 0;
}

const nameOf = (leaf: Uint8Array): string => Buffer.from(leaf).toString("hex");

function indexIn([row]: readonly Row[]): number | undefined {
  const index = row?.["log_index"];
  return typeof index === "bigint" ? Number(index) : undefined;
}

function bytesOf(row: Row, column: string): Uint8Array<ArrayBuffer> {
  const bytes = row[column];
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`the database's column ${column} holds no bytes`);
  return new Uint8Array(bytes);
}

const keptOf = (row: Row): KeptTile => ({ width: Number(row["width"]), bytes: bytesOf(row, "bytes") });
