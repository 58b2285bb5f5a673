import { lstatSync, mkdtempSync, readlinkSync, realpathSync, rmdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { AdminError } from "./operations.ts";

const SOCKET_FILE = "admin.sock";
/** macOS gives a socket's path 104 bytes with the closing zero, Linux 108; the smaller holds everywhere. */
const SOCKET_PATH_BYTES_MAX = 103;

/** Where a coordinator that holds this folder listens. @param dataPath an existing folder */
export function adminSocketOf(dataPath: string): string {
  const path = join(realpathSync(dataPath), SOCKET_FILE);
  return linkTarget(path) ?? path;
}

/** A place to listen, and how to take it away again. */
export interface SocketPlace extends Disposable {
  readonly path: string;
}

/**
 * Makes room for the socket: in the data folder, or, where that path is too long for a socket, in a
 * private folder of its own to which a link in the data folder leads. What a dead coordinator left is
 * removed; the caller holds the folder's lock, so it belongs to nobody.
 *
 * @param folderPath absolute and without symbolic links
 * @throws AdminError where the temporary folder's path is too long as well
 */
export function placeAdminSocket(folderPath: string): SocketPlace {
  const path = join(folderPath, SOCKET_FILE);
  clear(path);
  if (fits(path)) return { path, [Symbol.dispose]: () => clear(path) };
  const elsewhere = join(mkdtempSync(join(tmpdir(), "darkbloom-")), SOCKET_FILE);
  if (!fits(elsewhere)) {
    rmdirSync(dirname(elsewhere));
    throw new AdminError(
      "unreachable",
      `The paths of the data folder ${folderPath} and of the temporary folder are both too long for a socket (${SOCKET_PATH_BYTES_MAX} bytes). Choose a shorter --data.`,
    );
  }
  symlinkSync(elsewhere, path);
  return { path: elsewhere, [Symbol.dispose]: () => clear(path) };
}

const fits = (path: string): boolean => Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX;

function clear(path: string): void {
  const elsewhere = linkTarget(path);
  rmSync(path, { force: true });
  if (elsewhere === undefined) return;
  rmSync(elsewhere, { force: true });
  try {
    rmdirSync(dirname(elsewhere));
  } catch {
    // The temporary folder was cleaned already, or holds what is not ours; either way it may stay as it is.
  }
}

function linkTarget(path: string): string | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ? readlinkSync(path) : undefined;
}
