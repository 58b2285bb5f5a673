import { NetworkError } from "@darkbloom/protocol/failures";
import type { AccountId, MachineId } from "@darkbloom/protocol/ids";
import { microUsd, type MicroUsd } from "@darkbloom/protocol/money";
import type { Settlement, Shares, Totals } from "./settlement.ts";

/**
 * Where an account's money stands. What it may spend is granted, paid in, earned or payable, and spent in this order; what is set
 * aside for running requests is held. What its machines earned is payable where somebody had paid in what they were paid with: that
 * alone may ever be withdrawn. What is on its way out is withdrawing. What was paid in and taken back after it had been spent is a
 * debt, below zero.
 */
export const subAccounts = ["granted", "paid_in", "earned", "payable", "held", "withdrawing", "debt"] as const;
export type SubAccount = (typeof subAccounts)[number];
export type Balances = { readonly [Sub in SubAccount]: bigint };

export const sources = ["granted", "paid_in", "earned", "payable"] as const satisfies readonly SubAccount[];
/** An amount by what it was, or would be, taken from. */
export type Parts = { readonly [Source in (typeof sources)[number]]: bigint };

/** The world: below zero by what was ever put into the network from there. */
export const OUTSIDE = "outside" as AccountId;
/** What the network keeps of charges; below zero where it paid more for answers that it owed. */
export const PLATFORM = "platform" as AccountId;

/**
 * Why money moves. A `settle` charges somebody; a `release` gives a whole hold back. A `day` is what the holds, settlements and
 * releases of a day long past come to, in their place. The others are in `moves.ts`.
 */
export type EntryKind =
  | "grant"
  | "deposit"
  | "refund"
  | "dispute"
  | "reinstate"
  | "debt"
  | "hold"
  | "settle"
  | "release"
  | "pass"
  | "withdraw"
  | "withdrawn"
  | "day";

export interface Posting {
  readonly account: AccountId;
  readonly sub: SubAccount;
  readonly amount: bigint;
}

/** One change of money, whole or not at all. Its postings add up to zero, none is zero, and no two are of one sub-account. */
export interface Entry {
  readonly kind: EntryKind;
  readonly postings: readonly Posting[];
}

/** What an account was ever charged, and what it was ever granted and paid in: its balances do not tell. */
export interface Flows {
  readonly charged: bigint;
  readonly credited: bigint;
}

/** What is set aside for one request: whose it is, and what it was taken from. */
export interface Holding {
  /** The caller's account; the platform where an answer is owed. */
  readonly payer: AccountId;
  readonly parts: Parts;
}

/** What a settlement comes to once the hold bounds it. */
export interface Dues {
  readonly charge: MicroUsd;
  /** The machine's part of the charge. */
  readonly earned: MicroUsd;
  /** The machine's part where the caller pays nothing. */
  readonly paidByPlatform: MicroUsd;
  /** Of the machine's part, what may be withdrawn one day. */
  readonly payable: MicroUsd;
}

/** Where a machine that nobody owns earns: an account of its identity key, from which the id derives. */
export const accountOfMachine = (machineId: MachineId): AccountId => machineId as string as AccountId;

export const nothing: Balances = {
  granted: 0n,
  paid_in: 0n,
  earned: 0n,
  payable: 0n,
  held: 0n,
  withdrawing: 0n,
  debt: 0n,
};
export const noParts: Parts = { granted: 0n, paid_in: 0n, earned: 0n, payable: 0n };

export const partsSum = ({ granted, paid_in, earned, payable }: Parts): bigint => granted + paid_in + earned + payable;

/** What an account can spend now; none of it while it owes. */
export const spendable = (balances: Balances): bigint => (balances.debt < 0n ? 0n : partsSum(balances));

/**
 * What is set aside for a request. Where an answer is owed, the platform sets aside what the caller would have.
 *
 * @throws NetworkError `insufficient_funds`, or `account_in_debt` where nothing may be spent before that is paid
 * @throws RangeError where a hold sets aside less than nothing
 */
export function setAside(amount: bigint, account: AccountId, balances: Balances, isFree: boolean): Holding {
  if (amount < 0n) throw new RangeError("a hold is negative");
  if (isFree) return { payer: PLATFORM, parts: { ...noParts, earned: amount } };
  const available = spendable(balances);
  if (amount > available && balances.debt < 0n)
    throw new NetworkError({ code: "account_in_debt", owedMicroUsd: -balances.debt });
  if (amount > available)
    throw new NetworkError({ code: "insufficient_funds", neededMicroUsd: amount, availableMicroUsd: available });
  return { payer: account, parts: firstOf(balances, amount) };
}

/** @param from holds the amount, at least */
function firstOf(from: Parts, amount: bigint): Parts {
  const granted = lesser(from.granted, amount);
  const paidIn = lesser(from.paid_in, amount - granted);
  const earned = lesser(from.earned, amount - granted - paidIn);
  return { granted, paid_in: paidIn, earned, payable: amount - granted - paidIn - earned };
}

export const hold = ({ payer, parts }: Holding): Entry =>
  entryOf("hold", [
    ...sources.map((sub) => ({ account: payer, sub, amount: -parts[sub] })),
    { account: payer, sub: "held", amount: partsSum(parts) },
  ]);

/**
 * The end of a hold. The charge never exceeds it, and the machine's part never exceeds the charge; where the platform pays,
 * nothing is charged and that part is bounded by what the platform set aside. What is not spent goes back to where it was
 * taken from.
 *
 * @throws RangeError for figures that no story of ours can have computed
 */
export function settle(holding: Holding, settlement: Settlement): { dues: Dues; entry: Entry } {
  const { payer, parts } = holding;
  const { spent, used, shares, dues } = spend(holding, settlement);
  const entry = entryOf(spent > 0n ? "settle" : "release", [
    { account: payer, sub: "held", amount: -partsSum(parts) },
    ...sources.map((sub) => ({ account: payer, sub, amount: parts[sub] - used[sub] })),
    ...shares,
  ]);
  return { dues, entry };
}

/**
 * The same where the hold is written nowhere: hold and end in one entry, which moves what was spent.
 *
 * @throws RangeError as `settle`
 */
export function settleUnwritten(holding: Holding, settlement: Settlement): { dues: Dues; entry: Entry } {
  const { used, shares, dues } = spend(holding, settlement);
  const taken = sources.map((sub) => ({ account: holding.payer, sub, amount: -used[sub] }));
  return { dues, entry: entryOf("settle", [...taken, ...shares]) };
}

function spend({ payer, parts }: Holding, { charge: asked, job }: Settlement) {
  const share = job?.earned ?? 0n;
  if (share < 0n || share > asked)
    throw new RangeError("a charge is negative, or a provider earns less than nothing or more than it");
  const isFree = payer === PLATFORM;
  // What the platform sets aside and owes to no machine it owes to itself.
  const spent = lesser(asked, partsSum(parts));
  const earned = lesser(share, spent);
  const used = firstOf(parts, spent);
  const shares: Posting[] = [{ account: PLATFORM, sub: "earned", amount: spent - earned }];
  let payable = 0n;
  if (earned > 0n) {
    const account = earnerOf(job);
    if (account !== payer) payable = payableOf(used, earned);
    shares.push({ account, sub: "earned", amount: earned - payable }, { account, sub: "payable", amount: payable });
  }
  const dues: Dues = {
    charge: microUsd(isFree ? 0n : spent),
    earned: microUsd(isFree ? 0n : earned),
    paidByPlatform: microUsd(isFree ? earned : 0n),
    payable: microUsd(payable),
  };
  return { spent, used, shares, dues };
}

/**
 * Of a machine's part, what may be withdrawn one day: as much of it as of the charge was paid in by somebody, now or before it
 * was earned; rounded down. What the platform gives for an answer that it owes is not, nor what one pays oneself.
 */
const payableOf = (used: Parts, earned: bigint): bigint => (earned * (used.paid_in + used.payable)) / partsSum(used);

function earnerOf(job: Settlement["job"]): AccountId {
  if (!job?.earner) throw new RangeError("something is earned by nobody");
  return job.earner.account;
}

/**
 * @param said may name a sub-account twice, or move nothing in it
 * @throws RangeError where money is made or lost
 */
export function entryOf(kind: EntryKind, said: readonly Posting[]): Entry {
  const postings: Posting[] = [];
  for (const posting of said) {
    const at = postings.findIndex(({ account, sub }) => account === posting.account && sub === posting.sub);
    const known = postings[at];
    if (known) postings[at] = { ...known, amount: known.amount + posting.amount };
    else postings.push(posting);
  }
  if (postings.reduce((sum, { amount }) => sum + amount, 0n) !== 0n)
    throw new RangeError("an entry does not add up to zero");
  return { kind, postings: postings.filter(({ amount }) => amount !== 0n) };
}

/** What an entry does, by account. */
export function changesOf({ postings }: Entry): ReadonlyMap<AccountId, Balances> {
  const changes = new Map<AccountId, Balances>();
  for (const { account, sub, amount } of postings)
    changes.set(account, { ...(changes.get(account) ?? nothing), [sub]: amount });
  return changes;
}

export const totalsOf = (balances: Balances, { charged, credited }: Flows): Totals => ({
  balance: microUsd(partsSum(balances)),
  held: microUsd(balances.held),
  charged: microUsd(charged),
  credited: microUsd(credited),
});

/** @param charged all accounts together; whatever of it the platform has not kept, nor holds, machines have earned */
export const sharesOf = (charged: bigint, { earned, held }: Balances): Shares => ({
  machines: microUsd(charged - earned - held),
  platform: earned + held,
});

/** Whether these may stand: nobody but the world and the platform has less than nothing, and a debt is below it. */
export const mayStand = (account: AccountId, { debt, ...others }: Balances): boolean =>
  account === OUTSIDE || account === PLATFORM || (debt <= 0n && Object.values(others).every((amount) => amount >= 0n));

export const lesser = (one: bigint, other: bigint): bigint => (one < other ? one : other);
