import { randomUUID } from "node:crypto";
import { lstatSync } from "node:fs";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { DataFolder } from "@darkbloom/protocol/node";
import { KnownKeys } from "../accounts/known-keys.ts";
import { MachineOwners } from "../accounts/machine-owners.ts";
import { KnownPeople } from "../accounts/known-people.ts";
import { KnownTeams } from "../accounts/known-teams.ts";
import { leaseOf, releaseOtherLives } from "../ledger/lease.ts";
import { COORDINATOR_OF_FOLDER, DATABASE_FILE, DatabaseError } from "./database-file.ts";
import { filesOfNetwork, missingKeyFiles, missingSharedFiles, openFolderKeys, restoreKeyFiles } from "./folder-keys.ts";
import { assertOwn, openPostgres, ownerOf } from "./open-postgres.ts";
import type { Kept, KeptOptions } from "./kept.ts";
import { PostgresAccounts } from "./postgres-accounts.ts";
import { nameOf } from "./postgres-address.ts";
import { PostgresDecisions } from "./postgres-decisions.ts";
import { reasonOf } from "./postgres-failure.ts";
import { PostgresLease } from "./postgres-lease.ts";
import { PostgresLedger } from "./postgres-ledger.ts";
import { PostgresLog, postgresHead } from "./postgres-log.ts";
import { PostgresStandings } from "./postgres-standings.ts";
import { SqlAudit } from "./sql-audit.ts";
import { SqlOperatorTokens } from "./sql-operator-tokens.ts";
import { SqlDeposits } from "./sql-deposits.ts";
import { SqlIdentities } from "./sql-identities.ts";
import { SqlPasskeys } from "./sql-passkeys.ts";
import { SqlInvites, SqlPeople } from "./sql-people.ts";
import { SqlOwnedMachines } from "./sql-owned-machines.ts";
import { SqlTeams } from "./sql-teams.ts";
import { SqlWithdrawals } from "./sql-withdrawals.ts";
import type { Postgres } from "./postgres.ts";
import { keepUp } from "./upkeep.ts";

/**
 * The database in PostgreSQL, for as long as nobody else has it, and the folder's keys, by which its network is known.
 *
 * @param url as `readPostgresUrl` takes it
 * @throws DatabaseError
 */
export async function openPostgresStore(
  folder: DataFolder,
  url: string,
  options: KeptOptions,
): Promise<Kept & AsyncDisposable> {
  try {
    return await openParts(folder, url, options);
  } catch (error) {
    if (!(error instanceof NetworkError) || error.failure.code !== "storage_unavailable") throw error;
    const why = reasonOf(error.cause);
    throw new DatabaseError("unusable", `The database ${nameOf(url)} cannot be used: ${why}`, { cause: error });
  }
}

async function openParts(folder: DataFolder, url: string, options: KeptOptions): Promise<Kept & AsyncDisposable> {
  const { clock, receiptLifeMs, clearingDays, onDatabase, onDatabaseTaken, shared } = options;
  assertNoOther(folder, url);
  await using opening = new AsyncDisposableStack();
  const watcher = {
    onChange: (state: "away" | "back") => onDatabase?.(state),
    onTaken: (error: DatabaseError) => onDatabaseTaken?.(error),
  };
  const { postgres, turn } = opening.use(await openPostgres(url, watcher, shared ? "shared" : "alone"));
  await assertSameNetwork(folder, url, postgres, shared !== undefined);
  const keys = openFolderKeys(folder);
  await assertOwn(postgres, url, keys.countersigner.keyId);
  const sharedLease = shared && opening.use(await PostgresLease.take(turn));
  const lease = sharedLease ?? leaseOf(COORDINATOR_OF_FOLDER, randomUUID());
  const ledger = opening.use(new PostgresLedger(postgres, { lease, receiptLifeMs, clearingDays }));
  if (typeof lease === "string") {
    await postgres.query("DELETE FROM leases");
    await releaseOtherLives(ledger, lease, clock.now());
  }
  await sharedLease?.keep({
    onLost: () => shared?.onLeaseLost(),
    onError: (error) => options.onSweepError(error),
    release: async () => {
      for (const over of await ledger.endedLeases()) await ledger.releaseOpenHolds(over, clock.now());
    },
  });
  opening.use(keepUp(ledger, options));
  const logStore = await PostgresLog.open(postgres);
  const owners = await MachineOwners.open(new SqlOwnedMachines(postgres.query), clock, shared !== undefined);
  const sharing = shared && { clock, notices: shared.notices };
  const opened = opening.move();
  return {
    ...keys,
    ledger,
    accounts: new KnownKeys(new PostgresAccounts(postgres), sharing),
    people: new KnownPeople(new SqlPeople(postgres.query), sharing),
    teams: new KnownTeams(new SqlTeams(postgres.query), sharing),
    tokens: new SqlOperatorTokens(postgres.query),
    deposits: new SqlDeposits(postgres.query),
    withdrawals: new SqlWithdrawals(postgres.query),
    audit: new SqlAudit(postgres.query),
    invites: new SqlInvites(postgres.query),
    identities: new SqlIdentities(postgres.query),
    passkeys: new SqlPasskeys(postgres.query),
    owners,
    decisions: new PostgresDecisions(postgres),
    standings: new PostgresStandings(postgres),
    logStore,
    ...(sharedLease && {
      among: {
        isOldest: () => sharedLease.isOldest,
        logHead: postgresHead(postgres, () => sharedLease.isOldest),
      },
    }),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** @throws DatabaseError where the folder has balances of its own */
function assertNoOther(folder: DataFolder, url: string): void {
  if (!lstatSync(folder.file(DATABASE_FILE), { throwIfNoEntry: false })) return;
  throw new DatabaseError(
    "other_network",
    `The folder ${folder.path} has a database of its own (${DATABASE_FILE}), and ${nameOf(url)} would be a second one: every account would have two balances. Give another folder with --data, or start without DARKBLOOM_DATABASE.`,
  );
}

/** @throws DatabaseError where either of the network's two halves is missing */
async function assertSameNetwork(
  folder: DataFolder,
  url: string,
  postgres: Postgres,
  isShared: boolean,
): Promise<void> {
  const isUsed = (await ownerOf(postgres)) !== undefined;
  const left = filesOfNetwork(folder);
  if (!isUsed && left.length > 0)
    throw new DatabaseError(
      "missing",
      `The folder ${folder.path} has the files of a network (${left.join(", ")}), and the database ${nameOf(url)} is new: all balances are elsewhere. Give the database that the folder was used with, or restore it from a backup; only to begin a new network, or where its first start was cut off, move these files away.`,
    );
  const missing = isShared ? missingSharedFiles(folder) : missingKeyFiles(folder);
  if (isUsed && missing.length > 0 && isShared)
    throw new DatabaseError(
      "missing",
      `The database ${nameOf(url)} is a network's, and the folder ${folder.path} lacks key files that all its coordinators have: ${missing.join(", ")}. Copy them from the data folder of another one (mode 600), and start again.`,
    );
  if (isUsed && missing.length > 0)
    throw new DatabaseError(
      "missing",
      `The database ${nameOf(url)} is a network's, and the folder ${folder.path} has not its key files: ${missing.join(", ")}. Give the folder that it was used with, or another database. ${restoreKeyFiles}`,
    );
}
