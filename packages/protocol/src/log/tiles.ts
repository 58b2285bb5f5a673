import type { Crypto } from "../ports.ts";
import { leafHash, nodeHash, type Hash } from "./merkle.ts";
import type { ReadHash } from "./tree.ts";

/**
 * A log as files that never change, by https://c2sp.org/tlog-tiles: 256 hashes, each the root of a full tile one level
 * below; at level 0 those of the entries.
 */
export const TILE_WIDTH = 256;
const TILE_HEIGHT = 8;
export const HASH_BYTES = 32;

export interface Tile {
  /** `entries`: the entries themselves, under the numbers of level 0. */
  readonly level: number | "entries";
  readonly index: number;
  /** How many it holds; below 256 only at the right edge. */
  readonly width: number;
}

const LEVEL_MAX = 5;
const path = /^tile\/(entries|\d)\/((?:x\d{3}\/){0,4}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/;

/** e.g. `tile/0/x001/x234/067.p/12` */
export function tilePath({ level, index, width }: Tile): string {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/\d{3}/g) ?? [];
  const name = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join("/");
  return `tile/${level}/${name}${width < TILE_WIDTH ? `.p/${width}` : ""}`;
}

/** Undefined for anything that `tilePath` would not have written. */
export function readTilePath(text: string): Tile | undefined {
  const [, level = "", name = "", partial] = path.exec(text) ?? [];
  const tile: Tile = {
    level: level === "entries" ? level : Number(level),
    index: Number(name.replaceAll(/[x/]/g, "")),
    width: partial === undefined ? TILE_WIDTH : Number(partial),
  };
  const isOurs = tile.level === "entries" || tile.level <= LEVEL_MAX;
  return isOurs && tilePath(tile) === text ? tile : undefined;
}

/** How wide the tile is in a tree of this size; zero where it is not there. */
export function widthAt(level: Tile["level"], index: number, size: number): number {
  const hashes = Math.floor(size / TILE_WIDTH ** (level === "entries" ? 0 : level));
  return Math.max(0, Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH));
}

/** The hashes of a tree of this size, out of its tiles. @param readTile the bytes of a tile, `width` × 32 of them */
export function hashesOf(crypto: Crypto, size: number, readTile: (tile: Tile) => Promise<Uint8Array>): ReadHash {
  return async (height, index) => {
    const level = Math.floor(height / TILE_HEIGHT);
    const count = 2 ** (height % TILE_HEIGHT);
    const first = index * count;
    const tileIndex = Math.floor(first / TILE_WIDTH);
    const width = widthAt(level, tileIndex, size);
    const bytes = await readTile({ level, index: tileIndex, width });
    if (bytes.length !== width * HASH_BYTES) throw new RangeError("a tile has not as many hashes as its name says");
    const from = (first % TILE_WIDTH) * HASH_BYTES;
    return foldedTo(crypto, hashesIn(bytes.subarray(from, from + count * HASH_BYTES)));
  };
}

/** The hash that a full tile gives the level above. */
export const rootOfTile = (crypto: Crypto, tile: Uint8Array): Hash => foldedTo(crypto, hashesIn(tile));

export function hashesIn(bytes: Uint8Array): Hash[] {
  return Array.from({ length: Math.floor(bytes.length / HASH_BYTES) }, (_, at) =>
    bytes.slice(at * HASH_BYTES, (at + 1) * HASH_BYTES),
  );
}

/** The one hash above a power of two of them. */
function foldedTo(crypto: Crypto, hashes: readonly Hash[]): Hash {
  const [first] = hashes;
  if (!first) throw new RangeError("no hashes to fold");
  if (hashes.length === 1) return first;
  const middle = hashes.length / 2;
  return nodeHash(crypto, foldedTo(crypto, hashes.slice(0, middle)), foldedTo(crypto, hashes.slice(middle)));
}

export const ENTRY_BYTES_MAX = 0xffff;

/** Entries of one bundle, each behind its length in two bytes, most significant first. */
export function bundleOf(entries: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(entries.reduce((sum, { length }) => sum + 2 + length, 0));
  let at = 0;
  for (const entry of entries) {
    if (entry.length > ENTRY_BYTES_MAX) throw new RangeError("an entry of the log is too long");
    bytes.set([entry.length >> 8, entry.length & 0xff], at);
    bytes.set(entry, at + 2);
    at += 2 + entry.length;
  }
  return bytes;
}

/** Undefined where the bytes are no bundle of so many entries. */
export function entriesIn(bundle: Uint8Array, count: number): Uint8Array[] | undefined {
  const entries: Uint8Array[] = [];
  let at = 0;
  while (at + 2 <= bundle.length) {
    const end = at + 2 + (((bundle[at] ?? 0) << 8) | (bundle[at + 1] ?? 0));
    entries.push(bundle.subarray(at + 2, end));
    at = end;
  }
  return at === bundle.length && entries.length === count ? entries : undefined;
}

/** What level 0 holds of these entries. */
export const leafHashesOf = (crypto: Crypto, entries: readonly Uint8Array[]): Hash[] =>
  entries.map((entry) => leafHash(crypto, entry));
