import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDataFolder } from "@darkbloom/protocol/node";
import { afterAll, expect, it } from "vitest";
import { auditContract } from "../accounts/audit.contract.ts";
import { identitiesContract } from "../accounts/identities.contract.ts";
import { invitesContract } from "../accounts/invites.contract.ts";
import { ownedMachinesContract } from "../accounts/owned-machines.contract.ts";
import { passkeysContract } from "../accounts/passkeys.contract.ts";
import { anna, hash, peopleContract, personNamed, sessionOfAnna } from "../accounts/people.contract.ts";
import { operatorTokensContract } from "../accounts/operator-tokens.contract.ts";
import { teamsContract } from "../accounts/teams.contract.ts";
import { openDatabase } from "./database.ts";
import { MemoryOwnedMachines } from "./memory-owned-machines.ts";
import { MemoryAudit, MemoryPeople } from "./memory-people.ts";
import { MemoryIdentities } from "./memory-identities.ts";
import { MemoryInvites } from "./memory-invites.ts";
import { SqlAudit } from "./sql-audit.ts";
import { MemoryOperatorTokens } from "./memory-operator-tokens.ts";
import { MemoryPasskeys } from "./memory-passkeys.ts";
import { MemoryTeams } from "./memory-teams.ts";
import { SqlIdentities } from "./sql-identities.ts";
import { SqlPasskeys } from "./sql-passkeys.ts";
import { SqlInvites, SqlPeople } from "./sql-people.ts";
import { SqlOwnedMachines } from "./sql-owned-machines.ts";
import { SqlOperatorTokens } from "./sql-operator-tokens.ts";
import { SqlTeams } from "./sql-teams.ts";
import { sqliteQuery, type SqlQuery } from "./sql-query.ts";

const root = mkdtempSync(join(tmpdir(), "people-"));
const opened = new AsyncDisposableStack();
afterAll(async () => {
  await opened.disposeAsync();
  rmSync(root, { recursive: true });
});

async function open(changed?: () => void) {
  const folder = opened.use(await openDataFolder(mkdtempSync(join(root, "data-")), "coordinator"));
  return sqliteQuery(opened.use(await openDatabase(folder)), changed);
}

/** A passkey is of somebody who is there. */
async function withPeople(query: SqlQuery): Promise<SqlQuery> {
  const people = new SqlPeople(query);
  for (const name of ["anna", "otto"]) await people.add(personNamed(name));
  return query;
}

peopleContract("SQLite", async () => new SqlPeople(await open()));
peopleContract("in memory", async () => new MemoryPeople());
teamsContract("SQLite", async () => new SqlTeams(await open()));
teamsContract("in memory", async () => new MemoryTeams());
operatorTokensContract("SQLite", async () => new SqlOperatorTokens(await open()));
operatorTokensContract("in memory", async () => new MemoryOperatorTokens());
auditContract("SQLite", async () => new SqlAudit(await open()));
auditContract("in memory", async () => new MemoryAudit());
passkeysContract("SQLite", async () => new SqlPasskeys(await withPeople(await open())));
passkeysContract("in memory", async () => new MemoryPasskeys());
identitiesContract("SQLite", async () => new SqlIdentities(await open()));
identitiesContract("in memory", async () => new MemoryIdentities());
invitesContract("SQLite", async () => new SqlInvites(await open()));
invitesContract("in memory", async () => new MemoryInvites());
ownedMachinesContract("SQLite", async () => new SqlOwnedMachines(await open()));
ownedMachinesContract("in memory", async () => new MemoryOwnedMachines());

/** Goal: whoever watches over the database learns of every change, and of nothing else. Method: a change and a reading of each kind. */
it("says what was changed", async () => {
  let changes = 0;
  const query = await open(() => changes++);
  const [people, audit] = [new SqlPeople(query), new SqlAudit(query)];
  await people.add(anna);
  await people.usedSession(sessionOfAnna(1).sessionId, 1);
  await people.endSession(anna.personId, sessionOfAnna(1).sessionId);
  await audit.add({ at: 1, actor: "socket", action: "credit", subject: "acct_1" });
  expect(changes).toBe(4);
  await people.list();
  await people.findSession(hash(1));
  await audit.list(1);
  expect(changes).toBe(4);
});
