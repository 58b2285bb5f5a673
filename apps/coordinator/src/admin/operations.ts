import { toHex } from "@darkbloom/protocol/bytes";
import { NetworkError, type StorageFault } from "@darkbloom/protocol/failures";
import type { AccountId, KeyId } from "@darkbloom/protocol/ids";
import { formatUsd, type MicroUsd } from "@darkbloom/protocol/money";
import type { Clock, Crypto, Random } from "@darkbloom/protocol/ports";
import type { Identities } from "../accounts/identities.ts";
import { KEY_ROWS_MAX, keyAdminOf } from "../accounts/key-admin.ts";
import { newAccountId } from "../accounts/keys.ts";
import { usageOf, withUsage, type KeyUsage } from "../accounts/key-usage.ts";
import type { Passkeys } from "../accounts/passkeys.ts";
import type { Accounts, KeyRecord, KeyTerms } from "../accounts/port.ts";
import type { Ledger, LedgerFault } from "../ledger/port.ts";
import { AdminError, ofKeys } from "./fault.ts";
import { depositAdminOf, type DepositAdmin, type DepositWorld } from "./deposits.ts";
import { knownAccount } from "./known-account.ts";
import { leavingAdminOf, type LeavingAdmin } from "./leaving.ts";
import { machineAdminOf, type ConnectedMachines, type MachineAdmin, type MachineStore } from "./machines.ts";
import { payoutAdminOf, type PayoutAdmin } from "./payouts.ts";
import { inviteAdminOf, peopleAdminOf, type InviteAdmin, type PeopleAdmin, type PeopleWorld } from "./people.ts";
import { tokenAdminOf, type TokenAdmin, type TokenWorld } from "./tokens.ts";
import { PayoutDesk } from "../payouts/desk.ts";
import type { WithdrawalStore } from "../payouts/withdrawals.ts";
import { turns } from "../accounts/turns.ts";

export interface CreatedKey {
  /** Shown this once. */
  readonly apiKey: string;
  readonly keyId: KeyId;
  readonly account: AccountId;
}

export interface NewKey {
  readonly credit: MicroUsd;
  /** An existing one; without it the key gets an account of its own. */
  readonly account?: string | undefined;
  readonly terms?: Partial<KeyTerms>;
}

/** Whose balance: an account, or the account of a key. */
export type Payee = { readonly account: string } | { readonly keyId: string };

/** What an operator can do to accounts and machines, whether a coordinator runs or not. Effects are immediate and durable. */
export interface Admin
  extends MachineAdmin, PeopleAdmin, LeavingAdmin, InviteAdmin, TokenAdmin, DepositAdmin, PayoutAdmin {
  createKey(options: NewKey): Promise<CreatedKey>;
  /** A page of all keys, oldest first, revoked ones too. */
  listKeys(page: Partial<KeysAsked>): Promise<KeysPage>;
  showKey(keyId: string): Promise<ListedKey>;
  /** Counts for the next request. */
  editKey(keyId: string, change: Partial<KeyTerms>): Promise<KeyRecord>;
  /** A new secret under the same id; the present one goes on for so long. */
  rotateKey(keyId: string, overlapMs: number): Promise<CreatedKey>;
  revokeKey(keyId: string): Promise<KeyRecord>;
  credit(payee: Payee, amount: MicroUsd): Promise<{ account: AccountId; balance: MicroUsd }>;
  /** Accounts whose figures do not add up; empty is the only good answer. */
  check(): Promise<LedgerFault[]>;
}

/** A key, what its account can still spend, holds included, and what it has used itself. */
export interface ListedKey extends KeyRecord {
  readonly balance: MicroUsd;
  readonly usage: KeyUsage;
}

/** Which keys are listed: so many, behind the last one of the page before. */
export interface KeysAsked {
  readonly rows: number;
  readonly after: string;
}

export interface KeysPage {
  readonly keys: readonly ListedKey[];
  readonly hasMore: boolean;
}

export interface AdminWorld extends MachineStore, PeopleWorld, TokenWorld, DepositWorld {
  readonly identities: Identities;
  readonly passkeys: Passkeys;
  readonly ledger: Ledger;
  readonly accounts: Accounts;
  readonly withdrawals: WithdrawalStore;
  /** None where no coordinator runs. */
  readonly connected?: ConnectedMachines;
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
}

const CREDIT_ID_BYTES = 16;

/** The operations themselves, on the ledger, the accounts and the machines of this process. What the storage refuses is told in a sentence. */
export function adminOf(world: AdminWorld): Admin {
  const admin = plainAdminOf(world);
  return {
    createKey: (options) => inSentences(admin.createKey(options)),
    listKeys: (page) => inSentences(admin.listKeys(page)),
    showKey: (keyId) => inSentences(admin.showKey(keyId)),
    editKey: (keyId, change) => inSentences(admin.editKey(keyId, change)),
    rotateKey: (keyId, overlapMs) => inSentences(admin.rotateKey(keyId, overlapMs)),
    revokeKey: (keyId) => inSentences(admin.revokeKey(keyId)),
    credit: (payee, amount) => inSentences(admin.credit(payee, amount)),
    listDeposits: (options) => inSentences(admin.listDeposits(options)),
    refundDeposit: (depositId, amount) => inSentences(admin.refundDeposit(depositId, amount)),
    listPayouts: (asked) => inSentences(admin.listPayouts(asked)),
    takePayouts: (rows) => inSentences(admin.takePayouts(rows)),
    markPayout: (withdrawalId, end) => inSentences(admin.markPayout(withdrawalId, end)),
    listMachines: () => inSentences(admin.listMachines()),
    decideMachine: (which, state) => inSentences(admin.decideMachine(which, state)),
    forgiveMachine: (which) => inSentences(admin.forgiveMachine(which)),
    signInLink: (options) => inSentences(admin.signInLink(options)),
    listPeople: () => inSentences(admin.listPeople()),
    disablePerson: (personId) => inSentences(admin.disablePerson(personId)),
    enablePerson: (personId) => inSentences(admin.enablePerson(personId)),
    exportPerson: (personId, reason) => inSentences(admin.exportPerson(personId, reason)),
    planErasure: (personId) => inSentences(admin.planErasure(personId)),
    erasePerson: (personId, meant) => inSentences(admin.erasePerson(personId, meant)),
    listAudit: (options) => inSentences(admin.listAudit(options)),
    createToken: (token) => inSentences(admin.createToken(token)),
    listTokens: () => inSentences(admin.listTokens()),
    revokeToken: (tokenId) => inSentences(admin.revokeToken(tokenId)),
    createInvite: (options) => inSentences(admin.createInvite(options)),
    listInvites: () => inSentences(admin.listInvites()),
    revokeInvite: (inviteId) => inSentences(admin.revokeInvite(inviteId)),
    check: () =>
      inSentences(
        admin.check(),
        "The check was not finished: the database is too large or the disk too slow. Stop the coordinator and try again.",
      ),
  };
}

const storageSentences: Readonly<Record<StorageFault, string>> = {
  disk_full: "The disk that holds the database is full. Make room and try again; what was not confirmed was not done.",
  read_only: "The database cannot be written: its disk is mounted read-only, or its owner is another user.",
  busy: "Another program holds the database. Close it (a shell of sqlite3, a backup) and try again.",
  io_error: "The disk that holds the database gives errors. Keep a copy of the data folder before anything else.",
  damaged:
    "The database is damaged or cannot be read. Keep a copy of the data folder before anything else, then restore a backup.",
  away: "The database cannot be reached. Look whether PostgreSQL runs, and try again; what was not confirmed may have been done all the same.",
};

/** @throws AdminError for what the storage refused, and what is wrong with a key */
async function inSentences<Done>(act: Promise<Done>, whenBusy = storageSentences.busy): Promise<Done> {
  try {
    return await act;
  } catch (error) {
    if (!(error instanceof NetworkError) || error.failure.code !== "storage_unavailable") throw ofKeys(error);
    const { fault } = error.failure;
    throw new AdminError("internal", fault === "busy" ? whenBusy : storageSentences[fault], { cause: error });
  }
}

const nobodyConnected: ConnectedMachines = { list: () => [], decided: () => {}, forgiven: () => {} };

function plainAdminOf(world: AdminWorld): Admin {
  const { ledger, connected = nobodyConnected, clock, random } = world;
  const keysAdmin = keyAdminOf(world);
  const payouts = new PayoutDesk(world);

  const accountOf = async (payee: Payee): Promise<AccountId> =>
    "keyId" in payee
      ? (await keysAdmin.show("everyone", payee.keyId)).account
      : await knownAccount(world, payee.account);

  async function pay(account: AccountId, amount: MicroUsd): Promise<void> {
    await ledger.credit(`credit_${toHex(random.bytes(CREDIT_ID_BYTES))}`, account, amount, clock.now());
  }

  async function assertPayable(account: AccountId, amount: MicroUsd): Promise<void> {
    const room = await ledger.creditRoom(account);
    if (amount > room)
      throw new AdminError("too_much", `This account takes no more than ${formatUsd(room)} USD of further credit.`);
  }

  const createKey: Admin["createKey"] = async ({ credit, account: wanted, terms = {} }) => {
    if (credit < 0n) throw new AdminError("invalid", "A credit must not be negative.");
    const account = wanted === undefined ? newAccountId(random) : await knownAccount(world, wanted);
    await assertPayable(account, credit);
    // The key first: a crash in between leaves a key that nobody was shown, rather than money that nobody can spend.
    const { apiKey, record } = await keysAdmin.make(account, terms);
    if (credit > 0n) await pay(account, credit);
    return { apiKey, keyId: record.keyId, account };
  };

  const credit: Admin["credit"] = async (payee, amount) => {
    if (amount <= 0n) throw new AdminError("invalid", "A credit must be above zero, e.g. 5.00.");
    const account = await accountOf(payee);
    await assertPayable(account, amount);
    await pay(account, amount);
    return { account, balance: (await ledger.totals(account)).balance };
  };

  // Each looks how much may still be credited; two at once would both find it.
  const inTurn = turns();
  return {
    ...machineAdminOf(world, connected, clock),
    ...peopleAdminOf({ ...world, payouts }),
    ...leavingAdminOf({ ...world, payouts }),
    ...tokenAdminOf(world),
    ...inviteAdminOf(world),
    ...depositAdminOf(world),
    ...payoutAdminOf(payouts),

    createKey: (options) => inTurn(() => createKey(options)),

    async listKeys({ rows = KEY_ROWS_MAX, after }) {
      // One more than is shown says whether there are more.
      const found = await keysAdmin.list("everyone", { rows: rows + 1, after: after as KeyId | undefined });
      const keys = await withUsage(ledger, found.slice(0, rows), clock.now());
      const balances = new Map<AccountId, MicroUsd>();
      const listed: ListedKey[] = [];
      for (const key of keys) {
        const balance = balances.get(key.account) ?? (await ledger.totals(key.account)).balance;
        balances.set(key.account, balance);
        listed.push({ ...key, balance });
      }
      return { keys: listed, hasMore: found.length > rows };
    },

    async showKey(keyId) {
      const key = await keysAdmin.show("everyone", keyId);
      const usage = await usageOf(ledger, key, clock.now());
      return { ...key, usage, balance: (await ledger.totals(key.account)).balance };
    },

    editKey: (keyId, change) => keysAdmin.edit("everyone", keyId, change),

    async rotateKey(keyId, overlapMs) {
      const { apiKey, record } = await keysAdmin.rotate("everyone", keyId, overlapMs);
      return { apiKey, keyId: record.keyId, account: record.account };
    },

    revokeKey: (keyId) => keysAdmin.revoke("everyone", keyId),

    credit: (payee, amount) => inTurn(() => credit(payee, amount)),

    check: () => ledger.check(),
  };
}
