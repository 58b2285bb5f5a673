import type { AccountId, MachineId, ModelId } from "@darkbloom/protocol/ids";
import { NEVER_CLEARS_DAY } from "./clearing.ts";
import type { Dues } from "./journal.ts";
import type { Settlement } from "./settlement.ts";
import { dayOf } from "./windows.ts";

/** What was earned, and by how many answers of how many tokens. */
export interface Earned {
  readonly answers: bigint;
  readonly promptTokens: bigint;
  readonly completionTokens: bigint;
  /** Micro-USD that are never withdrawn: they come from what was granted, from the platform, or from the earner itself. */
  readonly earned: bigint;
  /** Micro-USD that may be withdrawn once they have cleared. */
  readonly payable: bigint;
}

/** By what earnings are told apart. A day is a UTC day since 1970. */
export const earningsGroups = ["machine", "model", "day"] as const;
export type EarningsGroup = (typeof earningsGroups)[number];

export interface EarningsQuery {
  readonly by: EarningsGroup;
  readonly fromDay: number;
  /** The first that is no longer in it. */
  readonly untilDay: number;
}

/** Of one machine, one model, or one day, whose name or number is the key. */
export interface EarningsRow extends Earned {
  readonly key: string;
}

/** The most rows that are told of one account. */
export const EARNINGS_ROWS_MAX = 1_000;

/** What one settlement adds: to the day on which it was made. */
export interface Earning extends Earned {
  readonly account: AccountId;
  readonly day: number;
  readonly machineId: MachineId;
  readonly model: ModelId;
  /** Whose money it was. */
  readonly payer: AccountId;
}

/** @returns undefined where nothing is earned */
export function earningOf(
  { account: payer, model }: { readonly account: AccountId; readonly model: ModelId },
  { at, job }: Settlement,
  { earned, paidByPlatform, payable }: Dues,
): Earning | undefined {
  const share = earned + paidByPlatform;
  if (!job?.earner || share === 0n) return undefined;
  const { promptTokens, completionTokens } = job.usage;
  return {
    ...job.earner,
    day: dayOf(at),
    model,
    payer,
    answers: 1n,
    promptTokens: BigInt(promptTokens),
    completionTokens: BigInt(completionTokens),
    earned: share - payable,
    payable,
  };
}

const sumOfEarned = (one: Earned, other: Earned): Earned => ({
  answers: one.answers + other.answers,
  promptTokens: one.promptTokens + other.promptTokens,
  completionTokens: one.completionTokens + other.completionTokens,
  earned: one.earned + other.earned,
  payable: one.payable + other.payable,
});

type Growing = Omit<Earning, keyof Earned> & { -readonly [Figure in keyof Earned]: bigint };

const nothingEarned: Earned = { answers: 0n, promptTokens: 0n, completionTokens: 0n, earned: 0n, payable: 0n };

const isOfOne = (one: Growing, other: Earning): boolean =>
  one.account === other.account &&
  one.day === other.day &&
  one.machineId === other.machineId &&
  one.model === other.model;

/** What was earned, by account, day, machine and model; and what of it has not cleared, by account, day and payer. In memory. */
export class EarningSums {
  readonly #earned = new Map<string, Growing>();
  #latest: Growing | undefined;
  readonly #clearing = new Map<string, Clearing>();
  /** By what has frozen it. */
  readonly #frozen = new Map<string, readonly Clearing[]>();

  add(earning: Earning): void {
    const { account, day, payer, payable } = earning;
    this.#earn(earning);
    if (payable > 0n) this.#clear({ account, day, payer, amount: payable });
  }

  get earned(): Iterable<Earning> {
    return this.#earned.values();
  }

  get clearing(): Iterable<Clearing> {
    return this.#clearing.values();
  }

  query(account: AccountId, { by, fromDay, untilDay }: EarningsQuery): EarningsRow[] {
    const rows = new Map<string, EarningsRow>();
    for (const one of this.#earned.values()) {
      if (one.account !== account || one.day < fromDay || one.day >= untilDay) continue;
      const key = { machine: one.machineId, model: one.model, day: String(one.day) }[by];
      const before = rows.get(key);
      rows.set(key, { key, ...(before ? sumOfEarned(before, one) : earnedOf(one)) });
    }
    return [...rows.values()].toSorted(orderOf(by)).slice(0, EARNINGS_ROWS_MAX);
  }

  /** What an account earned since that day and may be withdrawn later, of one payer or of all. */
  uncleared(account: AccountId, sinceDay: number, payer?: AccountId): bigint {
    let sum = 0n;
    for (const one of this.#clearing.values())
      if (one.account === account && one.day >= sinceDay && (payer === undefined || one.payer === payer))
        sum += one.amount;
    return sum;
  }

  /** What one account earned is another's; what that other paid of it has no clearing. */
  pass(from: AccountId, to: AccountId): void {
    this.#latest = undefined;
    for (const [key, one] of this.#earned)
      if (one.account === from && this.#earned.delete(key)) this.#earn({ ...one, account: to });
    for (const [key, one] of this.#clearing)
      if (one.account === from && this.#clearing.delete(key) && one.payer !== to) this.#clear({ ...one, account: to });
    for (const [ref, rows] of this.#frozen) {
      const kept = rows.filter((one) => one.account !== from || one.payer !== to);
      this.#frozen.set(
        ref,
        kept.map((one) => (one.account === from ? { ...one, account: to } : one)),
      );
    }
  }

  /** What has not cleared of what an account paid since that day, newest first. */
  paidBy(payer: AccountId, sinceDay: number): Clearing[] {
    return [...this.#clearing.values()]
      .filter((one) => one.payer === payer && one.day >= sinceDay && one.day < NEVER_CLEARS_DAY && one.amount > 0n)
      .toSorted((a, b) => b.day - a.day || (a.account < b.account ? -1 : 1));
  }

  /** @param ref by which it is known again */
  freeze(ref: string, frozen: readonly Clearing[]): void {
    for (const one of frozen) {
      this.#clear({ ...one, amount: -one.amount });
      this.#clear({ ...one, day: NEVER_CLEARS_DAY });
    }
    this.#frozen.set(ref, frozen);
  }

  /** What this had frozen clears as it would have. */
  unfreeze(ref: string): void {
    for (const one of this.#frozen.get(ref) ?? []) {
      this.#clear({ ...one, day: NEVER_CLEARS_DAY, amount: -one.amount });
      this.#clear(one);
    }
    this.#frozen.delete(ref);
  }

  /** On the way of every settlement: what is added to is changed where it is, and mostly is what was added to last. */
  #earn(earning: Earning): void {
    const row = this.#latest && isOfOne(this.#latest, earning) ? this.#latest : this.#rowOf(earning);
    this.#latest = row;
    row.answers += earning.answers;
    row.promptTokens += earning.promptTokens;
    row.completionTokens += earning.completionTokens;
    row.earned += earning.earned;
    row.payable += earning.payable;
  }

  #rowOf(earning: Earning): Growing {
    const { account, day, machineId, model } = earning;
    const key = `${account}\n${day}\n${machineId}\n${model}`;
    const known = this.#earned.get(key);
    if (known) return known;
    const row = { ...earning, ...nothingEarned };
    this.#earned.set(key, row);
    return row;
  }

  #clear(clearing: Clearing): void {
    const { account, day, payer, amount } = clearing;
    const key = `${account}\n${day}\n${payer}`;
    const before = this.#clearing.get(key);
    this.#clearing.set(key, before ? { ...before, amount: before.amount + amount } : clearing);
  }
}

/** What has not cleared of what an account earned on a day, and whose money it was. */
export interface Clearing {
  readonly account: AccountId;
  readonly day: number;
  readonly payer: AccountId;
  readonly amount: bigint;
}

const earnedOf = ({ answers, promptTokens, completionTokens, earned, payable }: Earned): Earned => ({
  answers,
  promptTokens,
  completionTokens,
  earned,
  payable,
});

/** Days newest first, others by what they earned. */
const orderOf =
  (by: EarningsGroup) =>
  (one: EarningsRow, other: EarningsRow): number => {
    if (by === "day") return Number(other.key) - Number(one.key);
    const more = other.earned + other.payable - one.earned - one.payable;
    if (more !== 0n) return more > 0n ? 1 : -1;
    return one.key < other.key ? -1 : 1;
  };
