import { closeSync, openSync, readSync } from "node:fs";
import { joinBytes } from "@darkbloom/protocol/bytes";
import { CommandFailed } from "./failure.ts";

/** A stream of 200,000 tokens with an event each is a third of it. */
export const SAVED_BYTES_MAX = 128 * 1024 * 1024;
const PIECE_BYTES = 1024 * 1024;

/** All of a file that somebody saved, or of a pipe. @throws CommandFailed where it cannot be read, or does not end within the bound */
export function savedBytes(path: string): Uint8Array<ArrayBuffer> {
  try {
    const bytes = read(path);
    if (bytes) return bytes;
  } catch {
    throw new CommandFailed(`${JSON.stringify(path)} is no file that this user can read.`);
  }
  throw new CommandFailed(`${JSON.stringify(path)} is longer than a saved answer can be (${SAVED_BYTES_MAX} bytes).`);
}

function read(path: string): Uint8Array<ArrayBuffer> | undefined {
  const file = openSync(path, "r");
  try {
    const pieces: Uint8Array[] = [];
    for (let bytes = 0; bytes <= SAVED_BYTES_MAX;) {
      const piece = new Uint8Array(PIECE_BYTES);
      const length = readSync(file, piece);
      if (length === 0) return joinBytes(pieces);
      pieces.push(piece.subarray(0, length));
      bytes += length;
    }
    return undefined;
  } finally {
    closeSync(file);
  }
}
