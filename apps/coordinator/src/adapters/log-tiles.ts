import { joinBytes } from "@darkbloom/protocol/bytes";
import {
  bundleOf,
  entriesIn,
  HASH_BYTES,
  leafHashesOf,
  rootOfTile,
  TILE_WIDTH,
  type Tile,
} from "@darkbloom/protocol/log";
import { nodeCrypto } from "@darkbloom/protocol/node";

/** Receipts that become entries in one step, so that no request waits long behind it. */
export const LOG_RECEIPTS_PER_STEP_MAX = 512;
/** The level under which the entries themselves are kept. */
const ENTRIES_LEVEL = -1;

export interface KeptTile {
  readonly width: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What is not there yet. */
export const noTile: KeptTile = { width: 0, bytes: new Uint8Array() };

/** The tiles of a log, wherever they are kept. */
export interface Tiles {
  kept(level: number, index: number): KeptTile;
  put(level: number, index: number, tile: KeptTile): void;
}

export const levelOf = ({ level }: Tile): number => (level === "entries" ? ENTRIES_LEVEL : level);

/** The first `width` hashes or entries of what is kept; undefined where it has less. */
export function cutTile({ level, width }: Tile, kept: KeptTile): Uint8Array<ArrayBuffer> | undefined {
  if (kept.width < width) return undefined;
  if (level !== "entries") return kept.bytes.slice(0, width * HASH_BYTES);
  return kept.width === width ? kept.bytes : bundleOf((entriesIn(kept.bytes, kept.width) ?? []).slice(0, width));
}

/** Adds entries behind the last one, and all hashes that follow from them. */
export function growTiles(tiles: Tiles, before: number, added: readonly Uint8Array[]): void {
  extend(tiles, ENTRIES_LEVEL, before, added, (entries) => bundleOf(entries));
  let hashes: readonly Uint8Array[] = leafHashesOf(nodeCrypto, added);
  for (let level = 0; hashes.length > 0; level += 1)
    hashes = extend(tiles, level, Math.floor(before / TILE_WIDTH ** level), hashes, joinBytes);
}

/** Adds to the tiles of one level from a place on. @returns the roots of those that are full now */
function extend(
  tiles: Tiles,
  level: number,
  from: number,
  added: readonly Uint8Array[],
  join: (parts: readonly Uint8Array[]) => Uint8Array<ArrayBuffer>,
): Uint8Array[] {
  const roots: Uint8Array[] = [];
  for (let done = 0; done < added.length;) {
    const at = from + done;
    const index = Math.floor(at / TILE_WIDTH);
    const kept = tiles.kept(level, index);
    const part = added.slice(done, done + TILE_WIDTH - kept.width);
    const width = kept.width + part.length;
    if (kept.width !== at % TILE_WIDTH) throw new RangeError("a tile of the log has not the width that it should");
    const bytes = joinBytes([kept.bytes, join(part)]);
    tiles.put(level, index, { width, bytes });
    if (width === TILE_WIDTH && level !== ENTRIES_LEVEL) roots.push(rootOfTile(nodeCrypto, bytes));
    done += part.length;
  }
  return roots;
}
