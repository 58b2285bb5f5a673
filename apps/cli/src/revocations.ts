import { readFileSync, statSync } from "node:fs";
import { readRevocations, type Revocations } from "@darkbloom/protocol";
import { WrongUsage } from "./failure.ts";

/** Some 200,000 identities. */
const REVOCATIONS_BYTES_MAX = 16 * 1024 * 1024;

/** @throws WrongUsage */
export function revocationsIn(path: string): Revocations {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new WrongUsage(`--revoked names ${path}, and there is no such file.`);
  const list = size <= REVOCATIONS_BYTES_MAX ? readRevocations(readFileSync(path, "utf8")) : undefined;
  if (!list)
    throw new WrongUsage(
      `${path} is no revocation list: {"at": "2026-01-02T03:04:05Z", "identity_key_sha256": ["…64 hex digits"]}.`,
    );
  return list;
}
