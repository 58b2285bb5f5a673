import type { Clock } from "@darkbloom/protocol/ports";
import type { Audit } from "../accounts/audit.ts";
import type { Invites } from "../accounts/admission.ts";
import type { Identities } from "../accounts/identities.ts";
import type { MachineOwners } from "../accounts/machine-owners.ts";
import type { Passkeys } from "../accounts/passkeys.ts";
import type { People } from "../accounts/people.ts";
import type { Accounts } from "../accounts/port.ts";
import type { OperatorTokens } from "../accounts/operator-tokens.ts";
import type { Teams } from "../accounts/teams.ts";
import type { Notices } from "../events/notices.ts";
import type { Ledger } from "../ledger/port.ts";
import type { Standings } from "../machines/records/standings.ts";
import type { Decisions } from "../machines/trust/approvals.ts";
import type { DepositStore } from "../payments/deposits.ts";
import type { WithdrawalStore } from "../payouts/withdrawals.ts";
import type { LogStore, SharedHead } from "../transparency/port.ts";
import type { DatabaseError } from "./database-file.ts";
import type { FolderKeys } from "./folder-keys.ts";

/** What a coordinator keeps in its database, and the keys of its folder that go with it. */
export interface Kept extends FolderKeys {
  readonly ledger: Ledger;
  readonly accounts: Accounts;
  readonly people: People;
  readonly teams: Teams;
  readonly tokens: OperatorTokens;
  readonly audit: Audit;
  readonly invites: Invites;
  readonly identities: Identities;
  readonly passkeys: Passkeys;
  readonly owners: MachineOwners;
  /** What people pay in. */
  readonly deposits: DepositStore;
  /** What is on its way out. */
  readonly withdrawals: WithdrawalStore;
  /** What the operator decided on machines. */
  readonly decisions: Decisions;
  /** What is held against machines. */
  readonly standings: Standings;
  readonly logStore: LogStore;
  /** Where other coordinators work on the same database. */
  readonly among?: AmongOthers;
}

/** What a coordinator has of others on the same database. */
export interface SharedDatabase {
  readonly notices: Notices;
  /** Told when this one was away for so long that another one has given back what it held. */
  onLeaseLost(): void;
}

/** This one among others of its database. */
export interface AmongOthers {
  /** Whether it does what only one of them need do: that which has been there longest. */
  readonly isOldest: () => boolean;
  readonly logHead: SharedHead;
}

export interface KeptOptions {
  readonly clock: Clock;
  /** Told when a sweep of old receipts failed; the next one tries again. */
  readonly onSweepError: (error: unknown) => void;
  /** How long receipts that are written from now on are kept; `RECEIPT_LIFE_MS` where nothing is said. */
  readonly receiptLifeMs?: number | undefined;
  /** How long what was earned is kept from being withdrawn; `CLEARING_DAYS_DEFAULT` where nothing is said. */
  readonly clearingDays?: number | undefined;
  /** The URL of a PostgreSQL database, in place of the folder's own. */
  readonly database?: string | undefined;
  /** Told when that is away and when it is back. */
  readonly onDatabase?: (state: "away" | "back") => void;
  /** Where other coordinators work on that database too. */
  readonly shared?: SharedDatabase | undefined;
  /** Told when another coordinator has taken it: nothing can be written here any more. */
  readonly onDatabaseTaken?: (error: DatabaseError) => void;
}
