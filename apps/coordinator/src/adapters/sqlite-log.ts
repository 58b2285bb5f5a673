import type { DatabaseSync } from "node:sqlite";
import type { JobId } from "@darkbloom/protocol/ids";
import { leafHash, TILE_WIDTH, type Tile } from "@darkbloom/protocol/log";
import { nodeCrypto } from "@darkbloom/protocol/node";
import type { LogStore, UnloggedReceipt } from "../transparency/port.ts";
import type { Disk } from "./disk-sync.ts";
import { GroupCommit } from "./group-commit.ts";
import {
  cutTile,
  growTiles,
  levelOf,
  LOG_RECEIPTS_PER_STEP_MAX,
  noTile,
  type KeptTile,
  type Tiles,
} from "./log-tiles.ts";
import { prepareAll, type Prepared } from "./sqlite-statements.ts";
import { readStorage } from "./storage-failure.ts";

const statements = {
  tile: "SELECT width, bytes FROM log_tiles WHERE level = ? AND tile = ?",
  putTile: `
    INSERT INTO log_tiles (level, tile, width, bytes) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET width = excluded.width, bytes = excluded.bytes`,
  last: "SELECT tile, width FROM log_tiles WHERE level = 0 ORDER BY tile DESC LIMIT 1",
  indexOfFact: "SELECT log_index FROM log_facts WHERE leaf = ?",
  addFact: "INSERT INTO log_facts (leaf, log_index) VALUES (?, ?)",
  unlogged: `
    SELECT seq, job_id, sha256 FROM receipts JOIN settlements USING (seq)
    WHERE sha256 IS NOT NULL AND log_index IS NULL ORDER BY seq LIMIT ?`,
  setIndex: "UPDATE receipts SET log_index = ? WHERE seq = ?",
  indexOf: "SELECT log_index FROM receipts JOIN settlements USING (seq) WHERE job_id = ?",
} as const;

/**
 * The transparency log in the coordinator's database: its tiles, which only grow, and where each receipt stands. The
 * database's mark does not count its commits: an older copy is one that lacks entries of the checkpoint kept beside it.
 */
export class SqliteLog implements LogStore {
  readonly #sql: Prepared<keyof typeof statements>;
  readonly #group: GroupCommit;
  #size: number;

  /** @param database opened by `openDatabase` */
  constructor(database: DatabaseSync, disk?: Disk) {
    this.#sql = prepareAll(database, statements, "numbers");
    this.#group = new GroupCommit(database, { disk });
    const last = this.#sql.last.get();
    this.#size = last ? Number(last["tile"]) * TILE_WIDTH + Number(last["width"]) : 0;
  }

  size(): number {
    return this.#size;
  }

  async append(facts: readonly Uint8Array[], entryOf: (receipt: UnloggedReceipt) => Uint8Array): Promise<void> {
    this.#size = await this.#group.run(() => () => this.#append(facts, entryOf));
  }

  async tile(tile: Tile): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return cutTile(tile, this.#kept(levelOf(tile), tile.index));
  }

  async indexOf(jobId: JobId): Promise<number | undefined> {
    const index = readStorage(() => this.#sql.indexOf.get(jobId))?.["log_index"];
    return typeof index === "number" ? index : undefined;
  }

  async indexOfFact(leaf: Uint8Array): Promise<number | undefined> {
    const index = readStorage(() => this.#sql.indexOfFact.get(leaf))?.["log_index"];
    return typeof index === "number" ? index : undefined;
  }

  /** Within one transaction. */
  #append(facts: readonly Uint8Array[], entryOf: (receipt: UnloggedReceipt) => Uint8Array): number {
    const before = this.#size;
    const added: Uint8Array[] = [];
    for (const fact of facts) {
      const leaf = leafHash(nodeCrypto, fact);
      if (this.#sql.indexOfFact.get(leaf)) continue;
      this.#sql.addFact.run(leaf, before + added.length);
      added.push(fact);
    }
    for (const { seq, job_id, sha256 } of this.#sql.unlogged.all(LOG_RECEIPTS_PER_STEP_MAX)) {
      if (seq === undefined || typeof job_id !== "string" || !(sha256 instanceof Uint8Array))
        throw new TypeError("the database holds a receipt without a name");
      this.#sql.setIndex.run(before + added.length, seq);
      added.push(entryOf({ jobId: job_id as JobId, sha256 }));
    }
    growTiles(this.#tiles, before, added);
    return before + added.length;
  }

  readonly #tiles: Tiles = {
    kept: (level, index) => this.#kept(level, index),
    put: (level, index, { width, bytes }) => void this.#sql.putTile.run(level, index, width, bytes),
  };

  #kept(level: number, index: number): KeptTile {
    const row = readStorage(() => this.#sql.tile.get(level, index));
    const bytes = row?.["bytes"];
    return bytes instanceof Uint8Array ? { width: Number(row?.["width"]), bytes: new Uint8Array(bytes) } : noTile;
  }
}
