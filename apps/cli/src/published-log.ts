import { joinBytes } from "@darkbloom/protocol/bytes";
import {
  entriesIn,
  HASH_BYTES,
  leafHashesOf,
  NOTE_BYTES_MAX,
  noteTextOf,
  rootOfTile,
  TILE_WIDTH,
  tilePath,
  widthAt,
  type Hash,
  type Tile,
} from "@darkbloom/protocol/log";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { CommandFailed } from "./failure.ts";
import { baseOf, publishedAt } from "./published.ts";

const FILE_WAIT_MAX_MS = 10_000;
/** Entries of a log are short: a longer bundle is not a log's of ours. */
const BUNDLE_BYTES_MAX = 1024 * 1024;

/** Two files of a log contradict each other; the message says which. */
export class ContradictoryLog extends Error {
  override readonly name = "ContradictoryLog";
}

export interface PublishedEntry {
  readonly bytes: Uint8Array;
  readonly leaf: Hash;
}

/** A transparency log as its files are published (https://c2sp.org/tlog-tiles). Nothing of it is believed before it is compared. */
export class PublishedLog {
  readonly #prefix: URL;

  /** @param path below the coordinator's URL: whatever it says, no other host is asked */
  constructor(coordinator: URL, path: string) {
    this.#prefix = new URL(`./${path.replace(/^\/+|\/+$/g, "")}/`, baseOf(coordinator));
  }

  /** @throws CommandFailed */
  async checkpoint(): Promise<string> {
    const text = noteTextOf(await this.#file("checkpoint", NOTE_BYTES_MAX));
    if (text === undefined) throw new CommandFailed(`${this.#prefix.href}checkpoint is no text.`);
    return text;
  }

  /**
   * The entries from the first to the last. Every tile of hashes is compared with what the entries below it give, as soon as
   * they are read; whether all that is the tree of a checkpoint, the leaves say.
   *
   * @throws CommandFailed where a file is missing
   * @throws ContradictoryLog at the first tile that is another
   */
  async *entries(size: number): AsyncGenerator<PublishedEntry> {
    const above = new TilesAbove((tile, hashes) => this.#compare(tile, hashes));
    for (let index = 0; index * TILE_WIDTH < size; index += 1) {
      const width = widthAt("entries", index, size);
      const bundle: Tile = { level: "entries", index, width };
      const [bytes, shown] = await Promise.all([
        this.#file(tilePath(bundle), BUNDLE_BYTES_MAX),
        this.#hashes({ ...bundle, level: 0 }),
      ]);
      const entries = entriesIn(bytes, width);
      if (!entries) throw new ContradictoryLog(`${tilePath(bundle)} does not hold ${width} entries`);
      const leaves = leafHashesOf(nodeCrypto, entries);
      assertSame({ ...bundle, level: 0 }, leaves, shown);
      if (width === TILE_WIDTH) await above.add(1, rootOfTile(nodeCrypto, shown));
      for (const [at, leaf] of leaves.entries()) yield { bytes: entries[at] ?? new Uint8Array(), leaf };
    }
    await above.end();
  }

  async #compare(tile: Tile, hashes: readonly Hash[]): Promise<void> {
    assertSame(tile, hashes, await this.#hashes(tile));
  }

  #hashes(tile: Tile): Promise<Uint8Array> {
    return this.#file(tilePath(tile), TILE_WIDTH * HASH_BYTES);
  }

  async #file(name: string, bytesMax: number): Promise<Uint8Array> {
    const url = new URL(name, this.#prefix);
    const { status, body } = await publishedAt(url, { waitMsMax: FILE_WAIT_MAX_MS, bytesMax });
    if (status !== 200) throw new CommandFailed(`${url.href} answers with status ${status}: the log lacks that file.`);
    return body;
  }
}

function assertSame(tile: Tile, hashes: readonly Hash[], shown: Uint8Array): void {
  if (!Buffer.from(shown).equals(joinBytes(hashes)))
    throw new ContradictoryLog(`${tilePath(tile)} is not what the entries below it give`);
}

/** The tiles above level 0, put together out of the roots of those below: one at each level, however many entries there are. */
class TilesAbove {
  readonly #compare: (tile: Tile, hashes: readonly Hash[]) => Promise<void>;
  readonly #levels = new Map<number, { index: number; hashes: Hash[] }>();

  constructor(compare: (tile: Tile, hashes: readonly Hash[]) => Promise<void>) {
    this.#compare = compare;
  }

  async add(level: number, root: Hash): Promise<void> {
    const edge = this.#levels.get(level) ?? { index: 0, hashes: [] };
    this.#levels.set(level, edge);
    edge.hashes.push(root);
    if (edge.hashes.length < TILE_WIDTH) return;
    await this.#compare({ level, index: edge.index, width: TILE_WIDTH }, edge.hashes);
    const above = rootOfTile(nodeCrypto, joinBytes(edge.hashes));
    this.#levels.set(level, { index: edge.index + 1, hashes: [] });
    await this.add(level + 1, above);
  }

  /** Those at the right edge. */
  async end(): Promise<void> {
    for (const [level, { index, hashes }] of this.#levels)
      if (hashes.length > 0) await this.#compare({ level, index, width: hashes.length }, hashes);
  }
}
