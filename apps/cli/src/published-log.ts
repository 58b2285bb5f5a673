import {
  entriesIn,
  hashesOf,
  HASH_BYTES,
  leafHashesOf,
  NOTE_BYTES_MAX,
  noteTextOf,
  TILE_WIDTH,
  tilePath,
  Tree,
  widthAt,
  type Tile,
} from "@darkbloom/protocol/log";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { CommandFailed } from "./failure.ts";

const FILE_WAIT_MAX_MS = 10_000;
/** Entries of a log are short: a longer bundle is not a log's of ours. */
const BUNDLE_BYTES_MAX = 1024 * 1024;

/** A transparency log as its files are published (https://c2sp.org/tlog-tiles). Nothing of it is believed before it is compared. */
export class PublishedLog {
  readonly #prefix: URL;
  readonly #hashes = new Map<string, Promise<Uint8Array>>();

  /** @param prefix with a slash at its end */
  constructor(prefix: URL) {
    this.#prefix = prefix;
  }

  /** @throws CommandFailed */
  async checkpoint(): Promise<string> {
    const text = noteTextOf(await this.#file("checkpoint", NOTE_BYTES_MAX));
    if (text === undefined) throw new CommandFailed(`${this.#prefix.href}checkpoint is no text.`);
    return text;
  }

  /** The tree of the first `size` entries, by the hashes that the log shows. */
  tree(size: number): Tree {
    return new Tree(
      nodeCrypto,
      size,
      hashesOf(nodeCrypto, size, (tile) => this.#hashTile(tile)),
    );
  }

  /**
   * The entries from the first to the last, each compared with the hash that the tree has of it.
   *
   * @throws CommandFailed where one is missing or another than its hash says
   */
  async *entries(size: number): AsyncGenerator<Uint8Array> {
    for (let index = 0; index * TILE_WIDTH < size; index += 1) {
      const width = widthAt("entries", index, size);
      const [bundle, hashes] = await Promise.all([
        this.#file(tilePath({ level: "entries", index, width }), BUNDLE_BYTES_MAX),
        this.#hashTile({ level: 0, index, width }),
      ]);
      const entries = entriesIn(bundle, width);
      if (!entries || !Buffer.concat(leafHashesOf(nodeCrypto, entries)).equals(hashes))
        throw new CommandFailed(`The log's entries from ${index * TILE_WIDTH} on are not those of its tree.`);
      yield* entries;
    }
  }

  #hashTile(tile: Tile): Promise<Uint8Array> {
    const name = tilePath(tile);
    const known = this.#hashes.get(name);
    if (known) return known;
    const fetched = this.#file(name, TILE_WIDTH * HASH_BYTES).then((bytes) => {
      if (bytes.length !== tile.width * HASH_BYTES)
        throw new CommandFailed(`${this.#prefix.href}${name} has not as many hashes as its name says.`);
      return bytes;
    });
    this.#hashes.set(name, fetched);
    return fetched;
  }

  async #file(name: string, bytesMax: number): Promise<Uint8Array> {
    const url = new URL(name, this.#prefix);
    const response = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(FILE_WAIT_MAX_MS) }).catch(
      () => {
        throw new CommandFailed(
          `${url.href} does not answer. Check the URL, the network and that the coordinator runs.`,
        );
      },
    );
    if (!response.ok)
      throw new CommandFailed(`${url.href} answers with status ${response.status}: the log lacks that file.`);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > bytesMax) throw new CommandFailed(`${url.href} is longer than such a file can be.`);
      chunks.push(chunk);
    }
    return new Uint8Array(Buffer.concat(chunks));
  }
}
