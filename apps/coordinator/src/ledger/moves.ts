import { NetworkError } from "@darkbloom/protocol/failures";
import type { AccountId } from "@darkbloom/protocol/ids";
import { withdrawable } from "./clearing.ts";
import { changesOf, entryOf, lesser, OUTSIDE, type Balances, type Entry, type SubAccount } from "./journal.ts";

/**
 * Money that comes into the network, or leaves it, by something else than a request:
 *
 * - `grant`: an operator gives it. `deposit`: somebody paid it in.
 * - `refund`: it was given back to who paid it in, or is about to be; `dispute`: who paid it in has demanded it back, and it is gone.
 *   What the account has no more is a debt. `upTo` refuses what is above the money that was paid in and is still there.
 * - `reinstate`: what a refund or a dispute had taken is ours again: the one failed, the other was won.
 * - `debt`: paid-in money that was held while the debt arose, and came back, pays it.
 * - `pass`: what a machine earned while it was nobody's goes to whose it is now; of it, what that account itself paid may not be
 *   withdrawn.
 * - `withdraw`: some of what was earned and has cleared is on its way out. `withdrawn`: it is out, or, where that has failed for
 *   certain, it comes back. Both under the withdrawal's own name, so that it ends once.
 *
 * Whatever comes in pays a debt first.
 */
export type Move =
  | {
      readonly kind: Exclude<AmountKind, "refund">;
      readonly account: AccountId;
      readonly amount: bigint;
    }
  | { readonly kind: "refund"; readonly account: AccountId; readonly amount: bigint; readonly upTo?: "paid_in" }
  | { readonly kind: "debt"; readonly account: AccountId }
  | { readonly kind: "pass"; readonly account: AccountId; readonly to: AccountId }
  | { readonly kind: "withdraw"; readonly account: AccountId; readonly amount: bigint }
  | { readonly kind: "withdrawn"; readonly account: AccountId; readonly amount: bigint; readonly isOut: boolean };

/** Moves of a sum that is said. */
export type AmountKind = "grant" | "deposit" | "refund" | "dispute" | "reinstate";

/**
 * The most that an account can be credited over its life: 100 billion USD, and all of them together: 4,000 billion. No sum
 * then leaves a signed 64-bit integer, which is what databases keep.
 */
export const ACCOUNT_CREDIT_MICRO_USD_MAX = 100_000_000_000_000_000n;
export const NETWORK_CREDIT_MICRO_USD_MAX = 4_000_000_000_000_000_000n;

/** What was granted and paid in to an account until now, and to all of them. */
export interface Credited {
  readonly account: bigint;
  readonly network: bigint;
}

/** @param outside the world's, below zero by what it has in the network */
export const creditedOf = (account: bigint, outside: Balances): Credited => ({
  account,
  network: -outside.granted - outside.paid_in,
});

/** The most that an account may still be credited. */
export const creditRoom = ({ account, network }: Credited): bigint =>
  lesser(ACCOUNT_CREDIT_MICRO_USD_MAX - account, NETWORK_CREDIT_MICRO_USD_MAX - network);

/** What more a move is decided by, of what has not cleared of what its account earned. */
export interface Uncleared {
  /** Of a `pass`: what was paid by the account that it goes to. */
  readonly ownPaid: bigint;
  /** Of a `withdraw`: all of it. */
  readonly all: bigint;
}
const noUncleared: Uncleared = { ownPaid: 0n, all: 0n };

/** What a move comes to, given what stands. */
export interface Moved {
  readonly entry: Entry;
  /** By how much more the account was ever granted and paid in. */
  readonly credited: bigint;
}

/**
 * @param balances of the account, without what is held
 * @throws RangeError where an amount is not positive, or lifts what is credited over a bound
 * @throws NetworkError `insufficient_funds` for a refund, or a withdrawal, above what it is bounded by; `account_in_debt`
 */
export function moveOf(move: Move, balances: Balances, before: Credited, uncleared = noUncleared): Moved {
  if (move.kind === "debt") return { entry: repayment(move.account, balances), credited: 0n };
  if (move.kind === "pass") return { entry: passing(move.account, move.to, balances, uncleared.ownPaid), credited: 0n };
  const { kind, account, amount } = move;
  if (amount <= 0n || amount > ACCOUNT_CREDIT_MICRO_USD_MAX)
    throw new RangeError("an amount is not positive, or above what an account can have");
  switch (kind) {
    case "grant":
    case "deposit":
      assertRoom(amount, before);
      return {
        entry: into(kind, account, kind === "grant" ? "granted" : "paid_in", amount, balances),
        credited: amount,
      };
    case "reinstate":
      return { entry: into(kind, account, "paid_in", amount, balances), credited: 0n };
    case "refund":
      if (move.upTo && amount > balances.paid_in)
        throw new NetworkError({
          code: "insufficient_funds",
          neededMicroUsd: amount,
          availableMicroUsd: balances.paid_in,
        });
      return { entry: outOf(kind, account, amount, balances), credited: 0n };
    case "dispute":
      return { entry: outOf(kind, account, amount, balances), credited: 0n };
    case "withdraw":
      assertWithdrawable(amount, balances, uncleared.all);
      return { entry: between(kind, account, amount, { from: "payable", to: "withdrawing" }), credited: 0n };
    case "withdrawn":
      return { entry: move.isOut ? paidOut(account, amount) : comingBack(account, amount), credited: 0n };
  }
}

function assertWithdrawable(amount: bigint, balances: Balances, uncleared: bigint): void {
  if (balances.debt < 0n) throw new NetworkError({ code: "account_in_debt", owedMicroUsd: -balances.debt });
  const available = withdrawable(balances, uncleared);
  if (amount > available)
    throw new NetworkError({ code: "insufficient_funds", neededMicroUsd: amount, availableMicroUsd: available });
}

const between = (
  kind: Entry["kind"],
  account: AccountId,
  amount: bigint,
  { from, to }: { readonly from: SubAccount; readonly to: SubAccount },
): Entry =>
  entryOf(kind, [
    { account, sub: from, amount: -amount },
    { account, sub: to, amount },
  ]);

const comingBack = (account: AccountId, amount: bigint): Entry =>
  between("withdrawn", account, amount, { from: "withdrawing", to: "payable" });

const paidOut = (account: AccountId, amount: bigint): Entry =>
  entryOf("withdrawn", [
    { account, sub: "withdrawing", amount: -amount },
    { account: OUTSIDE, sub: "payable", amount },
  ]);

function assertRoom(amount: bigint, before: Credited): void {
  if (before.account + amount > ACCOUNT_CREDIT_MICRO_USD_MAX)
    throw new RangeError("an account is credited more than its bound");
  if (before.network + amount > NETWORK_CREDIT_MICRO_USD_MAX)
    throw new RangeError("the network is credited more than its bound");
}

function into(
  kind: Entry["kind"],
  account: AccountId,
  sub: "granted" | "paid_in",
  amount: bigint,
  { debt }: Balances,
): Entry {
  const repaid = lesser(amount, -debt);
  return entryOf(kind, [
    { account: OUTSIDE, sub, amount: -amount },
    { account, sub: "debt", amount: repaid },
    { account, sub, amount: amount - repaid },
  ]);
}

function outOf(kind: Entry["kind"], account: AccountId, amount: bigint, balances: Balances): Entry {
  const there = lesser(amount, balances.paid_in);
  return entryOf(kind, [
    { account: OUTSIDE, sub: "paid_in", amount },
    { account, sub: "paid_in", amount: -there },
    { account, sub: "debt", amount: there - amount },
  ]);
}

function repayment(account: AccountId, { debt, paid_in: paidIn }: Balances): Entry {
  const repaid = lesser(-debt, paidIn);
  return entryOf("debt", [
    { account, sub: "paid_in", amount: -repaid },
    { account, sub: "debt", amount: repaid },
  ]);
}

function passing(from: AccountId, to: AccountId, { earned, payable }: Balances, ownPaid: bigint): Entry {
  const own = lesser(ownPaid, payable);
  return entryOf("pass", [
    { account: from, sub: "earned", amount: -earned },
    { account: from, sub: "payable", amount: -payable },
    { account: to, sub: "earned", amount: earned + own },
    { account: to, sub: "payable", amount: payable - own },
  ]);
}

/** By how much a move has made its account owe more: so much was paid in, spent, and taken back. */
export const newDebtOf = (account: AccountId, entry: Entry): bigint => {
  const debt = changesOf(entry).get(account)?.debt ?? 0n;
  return debt < 0n ? -debt : 0n;
};
