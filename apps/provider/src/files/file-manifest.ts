import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

/** Models have gigabytes: larger parts cost less than smaller ones. */
const READ_BYTES = 1024 * 1024;

/** One file and its SHA-256, lower-case hex. */
export interface HashedFile {
  /** Without line breaks; folders end with `/`. */
  readonly name: string;
  readonly sha256: string;
}

/**
 * Several files as one text: what `sha256sum` prints, `HEX␠␠NAME` and a line feed for each, in the order of
 * the names' characters. So anybody can make it:
 *
 *     sha256sum FILE… | LC_ALL=C sort -k 2
 *
 * Names are ASCII, for which every sort of single characters is the same.
 */
export const manifestText = (files: readonly HashedFile[]): string =>
  files
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .map(({ name, sha256 }) => `${sha256}  ${name}\n`)
    .join("");

/** The one hash that stands for all: SHA-256 of the manifest's text, lower-case hex. */
export const manifestSha256 = (files: readonly HashedFile[]): string =>
  createHash("sha256").update(manifestText(files)).digest("hex");

/**
 * SHA-256 of a file of any size, lower-case hex.
 *
 * @param read is told of every part that was read, in bytes
 */
export async function fileSha256(path: string, read?: (bytes: number) => void): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES })) {
    hash.update(chunk);
    read?.(chunk.length);
  }
  return hash.digest("hex");
}

const LINE = /^(?<sha256>[0-9a-f]{64}) [ *](?<name>[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)$/;

/**
 * Reads what `sha256sum` printed, in any order. Undefined where a line is something else, a name is there
 * twice or leads out of the folder, or there are none or more than `filesMax`.
 */
export function parseManifest(text: string, filesMax: number): readonly HashedFile[] | undefined {
  const lines = text.replace(/\r?\n$/, "").split(/\r?\n/);
  if (lines.length > filesMax) return undefined;
  const files = lines.flatMap((line) => {
    const { sha256, name } = LINE.exec(line)?.groups ?? {};
    return sha256 === undefined || name === undefined || /[\\/]/.test(name) || name.startsWith(".")
      ? []
      : [{ name, sha256 }];
  });
  const names = new Set(files.map(({ name }) => name));
  return names.size === lines.length ? files : undefined;
}
