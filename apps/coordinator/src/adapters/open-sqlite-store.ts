import { randomUUID } from "node:crypto";
import { lstatSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import type { DataFolder } from "@darkbloom/protocol/node";
import { KnownKeys } from "../accounts/known-keys.ts";
import { MachineOwners } from "../accounts/machine-owners.ts";
import { KnownPeople } from "../accounts/known-people.ts";
import { KnownTeams } from "../accounts/known-teams.ts";
import { leaseOf } from "../ledger/lease.ts";
import { openDatabase } from "./database.ts";
import { COORDINATOR_OF_FOLDER, DATABASE_FILE, DatabaseError, LOG_OF_DATABASE_FILE } from "./database-file.ts";
import { assertNotOlder, DatabaseMark } from "./database-mark.ts";
import { DiskSync } from "./disk-sync.ts";
import { filesOfNetwork, missingKeyFiles, openFolderKeys, restoreKeyFiles } from "./folder-keys.ts";
import type { Kept, KeptOptions } from "./kept.ts";
import { SqlAudit } from "./sql-audit.ts";
import { SqlOperatorTokens } from "./sql-operator-tokens.ts";
import { SqlDeposits } from "./sql-deposits.ts";
import { SqlIdentities } from "./sql-identities.ts";
import { SqlPasskeys } from "./sql-passkeys.ts";
import { SqlInvites, SqlPeople } from "./sql-people.ts";
import { SqlOwnedMachines } from "./sql-owned-machines.ts";
import { SqlTeams } from "./sql-teams.ts";
import { SqlWithdrawals } from "./sql-withdrawals.ts";
import { sqliteQuery } from "./sql-query.ts";
import { SqliteAccounts } from "./sqlite-accounts.ts";
import { SqliteDecisions } from "./sqlite-decisions.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";
import { SqliteLog } from "./sqlite-log.ts";
import { SqliteStandings } from "./sqlite-standings.ts";
import { keepUp } from "./upkeep.ts";

/** The database in the folder's own file, and then the keys. */
export async function openSqliteStore(folder: DataFolder, options: KeptOptions): Promise<Kept & AsyncDisposable> {
  await using opening = new AsyncDisposableStack();
  assertWhole(folder);
  const database = opening.adopt(await openDatabase(folder), async (open: DatabaseSync) => open.close());
  assertNotOlder(folder, database);
  assertKeysThere(folder, database);
  const keys = openFolderKeys(folder);
  const disk = opening.use(new DiskSync(folder.file(LOG_OF_DATABASE_FILE)));
  const mark = opening.use(new DatabaseMark(folder, database));
  // Last of all that writes, so that the mark is the newest there is.
  opening.defer(() => mark.keep());
  const lease = leaseOf(COORDINATOR_OF_FOLDER, randomUUID());
  const { receiptLifeMs, clearingDays } = options;
  const ledger = opening.use(new SqliteLedger(database, { lease, receiptLifeMs, clearingDays, mark, disk }));
  opening.use(keepUp(ledger, { ...options, first: () => mark.keep() }));
  const query = sqliteQuery(database, mark.changed);
  const owners = await MachineOwners.open(new SqlOwnedMachines(query), options.clock);
  const opened = opening.move();
  return {
    ...keys,
    ledger,
    accounts: new KnownKeys(new SqliteAccounts(database, mark.changed)),
    people: new KnownPeople(new SqlPeople(query)),
    teams: new KnownTeams(new SqlTeams(query)),
    tokens: new SqlOperatorTokens(query),
    deposits: new SqlDeposits(query),
    withdrawals: new SqlWithdrawals(query),
    audit: new SqlAudit(query),
    invites: new SqlInvites(query),
    identities: new SqlIdentities(query),
    passkeys: new SqlPasskeys(query),
    owners,
    decisions: new SqliteDecisions(database, mark.changed),
    standings: new SqliteStandings(database, mark.changed),
    logStore: new SqliteLog(database, disk),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** @throws DatabaseError where a network's files are there and not its database */
function assertWhole(folder: DataFolder): void {
  if (lstatSync(folder.file(DATABASE_FILE), { throwIfNoEntry: false })) return;
  const left = filesOfNetwork(folder);
  if (left.length === 0) return;
  throw new DatabaseError(
    "missing",
    `The folder ${folder.path} has the files of a network (${left.join(", ")}) and not its database ${DATABASE_FILE}, which holds all balances. Restore it from a backup, or, where they are in PostgreSQL, say which in DARKBLOOM_DATABASE; only to begin a new network, move these files away.`,
  );
}

/** @throws DatabaseError where the database knows accounts or API keys, and a key file is missing */
function assertKeysThere(folder: DataFolder, database: DatabaseSync): void {
  const missing = missingKeyFiles(folder);
  if (missing.length === 0) return;
  const used = database.prepare("SELECT 1 FROM accounts UNION ALL SELECT 1 FROM api_keys LIMIT 1").get();
  if (!used) return;
  throw new DatabaseError(
    "missing",
    `The folder ${folder.path} has the database of a network and not its key files: ${missing.join(", ")}. ${restoreKeyFiles}`,
  );
}
