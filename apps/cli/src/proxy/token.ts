import { toBase64Url } from "@darkbloom/protocol/bytes";
import { join } from "node:path";
import { readPrivateFile, systemRandom, type DataFolder } from "@darkbloom/protocol/node";

/** Mode 0600, as every file of the folder. */
const TOKEN_FILE = "proxy-token";
const TOKEN_BYTES = 32;

export interface ProxyToken {
  readonly token: string;
  readonly file: string;
  /** Whether it was made now, so that somebody has to be told of it. */
  readonly isNew: boolean;
}

/** What programs on this machine have to show. The same at every start. */
export function tokenOf(folder: Pick<DataFolder, "file" | "write">): ProxyToken {
  const file = folder.file(TOKEN_FILE);
  const kept = keptToken(file);
  if (kept !== undefined) return { token: kept, file, isNew: false };
  const token = `dbproxy-${toBase64Url(systemRandom.bytes(TOKEN_BYTES))}`;
  folder.write(TOKEN_FILE, `${token}\n`);
  return { token, file, isNew: true };
}

/** The token of a proxy's folder, which may be in use; undefined where none was made yet. */
export const tokenIn = (data: string): string | undefined => keptToken(join(data, TOKEN_FILE));

function keptToken(file: string): string | undefined {
  const text = readPrivateFile(file)?.toString("utf8").trim();
  return text === undefined || text === "" ? undefined : text;
}
