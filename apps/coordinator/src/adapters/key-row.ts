import type { AccountId, KeyId, PersonId, Sha256Hex } from "@darkbloom/protocol/ids";
import { keptTerms } from "../accounts/key-terms.ts";
import { endingAt, type KeyRecord } from "../accounts/port.ts";
import { textOf, timeOf, type Row } from "./rows.ts";

export const keyColumns =
  "key_id, account, created_by, label, terms, created_at, last_used_at, revoked_at, key_hash, earlier_hash, earlier_until";

/** An API key's row, as either database gives it. */
export const keyRecordOf = (row: Row): KeyRecord => ({
  ...keptTerms(typeof row["terms"] === "string" ? JSON.parse(row["terms"]) : row["terms"]),
  keyId: textOf(row, "key_id") as KeyId,
  account: textOf(row, "account") as AccountId,
  createdBy: row["created_by"] === null ? null : (textOf(row, "created_by") as PersonId),
  label: textOf(row, "label"),
  createdAt: Number(row["created_at"]),
  lastUsedAt: timeOf(row, "last_used_at"),
  revokedAt: timeOf(row, "revoked_at"),
});

/** As it was found by this hash: of its secret, or of the one before. */
export function keyFoundBy(row: Row, keyHash: Sha256Hex): KeyRecord {
  const record = keyRecordOf(row);
  return row["key_hash"] === keyHash ? record : endingAt(record, Number(row["earlier_until"]));
}
