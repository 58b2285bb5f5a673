import type { KeyRecord } from "@darkbloom/coordinator/accounts/port";
import { AdminError } from "@darkbloom/coordinator/admin/fault";
import type { Admin } from "@darkbloom/coordinator/admin/operations";
import { ErrorForPeople } from "@darkbloom/protocol/for-people";
import { microUsd } from "@darkbloom/protocol/money";
import type { DataFolder } from "@darkbloom/protocol/node";
import { CommandFailed } from "./failure.ts";
import { note } from "./output.ts";
import { baseOf, jsonOf, publishedAt } from "./published.ts";

const NAME = "darkbloom up";
/** Holds the key in clear, so that the next start shows the same one. Mode 0600, as every file of the folder. */
const UP_FILE = "up.json";
const STARTING_CREDIT = microUsd(5_000_000n);
/** Seldom long: the coordinator runs on this machine. */
const BALANCE_WAIT_MAX_MS = 5_000;
const BALANCE_BYTES_MAX = 64 * 1024;

interface UpKey {
  readonly apiKey: string;
  readonly account: string;
}

/** The account that `darkbloom up` made for whoever sits at this machine. */
interface SavedKey {
  readonly api_key: string;
  readonly key_id: string;
  readonly account: string;
}

/**
 * The key of an earlier start if it still works; else a new one: on the same account where the operator
 * revoked the old one, with an account and credit of its own where the books are new.
 */
export async function ensureKey(folder: DataFolder, admin: Admin): Promise<UpKey> {
  const saved = savedKey(folder);
  const known = saved && (await keyNow(admin, saved.key_id));
  if (saved && known?.revokedAt === null) return { apiKey: saved.api_key, account: saved.account };
  const { apiKey, keyId, account } = await admin.createKey(
    known
      ? { terms: { name: NAME }, credit: microUsd(0n), account: known.account }
      : { terms: { name: NAME }, credit: STARTING_CREDIT },
  );
  const next: SavedKey = { api_key: apiKey, key_id: keyId, account };
  folder.write(UP_FILE, `${JSON.stringify(next, null, 2)}\n`);
  return { apiKey, account };
}

/** Undefined where nobody knows it any more. */
async function keyNow(admin: Admin, keyId: string): Promise<KeyRecord | undefined> {
  try {
    return await admin.showKey(keyId);
  } catch (error) {
    if (error instanceof AdminError && error.code === "unknown_key") return undefined;
    throw error;
  }
}

/** Where this machine's owner signs in, once; undefined where the operator has decided otherwise, which is told. */
export async function ownersLink(admin: Admin, account: string): Promise<string | undefined> {
  try {
    return (await admin.signInLink({ account })).path;
  } catch (error) {
    if (!(error instanceof ErrorForPeople)) throw error;
    note(`No link to sign in with: ${error.message}`);
    return undefined;
  }
}

/** What the key can spend now, in USD, as the API tells it. */
export async function balanceOf(baseUrl: string, apiKey: string): Promise<string> {
  const told = await publishedAt(new URL("v1/payments/balance", baseOf(new URL(baseUrl))), {
    waitMsMax: BALANCE_WAIT_MAX_MS,
    bytesMax: BALANCE_BYTES_MAX,
    headers: { authorization: `Bearer ${apiKey}` },
  });
  const answer = jsonOf(told);
  if (
    typeof answer === "object" &&
    answer !== null &&
    "balance_usd" in answer &&
    typeof answer.balance_usd === "string"
  )
    return answer.balance_usd;
  throw new CommandFailed(
    `The coordinator does not tell the balance (status ${told.status}). Its log says more with --log-level info.`,
  );
}

function savedKey(folder: DataFolder): SavedKey | undefined {
  const bytes = folder.read(UP_FILE);
  if (!bytes) return undefined;
  const saved = jsonIn(bytes);
  if (isSavedKey(saved)) return saved;
  throw new CommandFailed(
    `The file ${folder.file(UP_FILE)} is damaged. Move it away to get a new key; the old one keeps working.`,
  );
}

function isSavedKey(value: unknown): value is SavedKey {
  return (
    typeof value === "object" &&
    value !== null &&
    ["api_key", "key_id", "account"].every((field) => typeof Reflect.get(value, field) === "string")
  );
}

function jsonIn(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}
