import { existsSync } from "node:fs";
import { RevocationFile } from "@darkbloom/protocol/node";
import { WrongUsage } from "./failure.ts";

/**
 * @param unreadable told once of each replacement that cannot be read
 * @throws WrongUsage where there is no list
 */
export function needRevocations(path: string, unreadable?: (error: Error) => void): RevocationFile {
  if (!existsSync(path)) throw new WrongUsage(`--revoked names ${path}, and there is no such file.`);
  const file = RevocationFile.open(path, unreadable);
  if (file) return file;
  throw new WrongUsage(
    `--revoked names ${path}, which is no revocation list: {"at": "2026-01-02T03:04:05Z", "identity_key_sha256": ["…64 hex digits"]}.`,
  );
}
