import { lstatSync, mkdtempSync, readlinkSync, realpathSync, rmdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { AdminError } from "./fault.ts";

const SOCKET_FILE = "admin.sock";
const FOLDER_PREFIX = "darkbloom-";
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
  const elsewhere = join(mkdtempSync(join(tmpdir(), FOLDER_PREFIX)), SOCKET_FILE);
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
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there && elsewhere === undefined && !there.isSocket())
    throw new AdminError("unreachable", `At ${path} stands something that is no socket. Move it away.`);
  rmSync(path, { force: true });
  if (elsewhere === undefined) return;
  rmSync(elsewhere, { force: true });
  try {
    rmdirSync(dirname(elsewhere));
  } catch {
    // The temporary folder was cleaned already, or holds what is not ours; either way it may stay as it is.
  }
}

/**
 * Where our own link leads: to a socket in a private folder of ours, or to one that is gone.
 *
 * @throws AdminError for every other link: what it leads to is somebody else's
 */
function linkTarget(path: string): string | undefined {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) return undefined;
  const target = readlinkSync(path);
  const folder = lstatSync(dirname(target), { throwIfNoEntry: false });
  const named = basename(target) === SOCKET_FILE && basename(dirname(target)).startsWith(FOLDER_PREFIX);
  const isPrivate =
    !folder || (folder.isDirectory() && (folder.mode & 0o077) === 0 && folder.uid === process.getuid?.());
  const socket = lstatSync(target, { throwIfNoEntry: false });
  if (named && isPrivate && (!socket || socket.isSocket())) return target;
  throw new AdminError("unreachable", `The file ${path} is a link that Darkbloom did not make. Remove it.`);
}
