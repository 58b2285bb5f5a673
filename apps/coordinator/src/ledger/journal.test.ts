import type { AccountId, MachineId } from "@darkbloom/protocol/ids";
import { NetworkError } from "@darkbloom/protocol/failures";
import { microUsd } from "@darkbloom/protocol/money";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { earningOf } from "./earnings.ts";
import {
  accountOfMachine,
  changesOf,
  entryOf,
  hold,
  lesser,
  mayStand,
  noParts,
  nothing,
  OUTSIDE,
  PLATFORM,
  setAside,
  settle,
  settleUnwritten,
  sharesOf,
  spendable,
  subAccounts,
  totalsOf,
  type Balances,
  type Entry,
  type Holding,
} from "./journal.ts";
import { anna, bert, machine, machineId, settlementOf, termsOf } from "./ledger.samples.ts";

type Three = readonly [granted: bigint, paidIn: bigint, earned: bigint];
const partsOf = ([granted, paid_in, earned]: Three) => ({ granted, paid_in, earned, payable: 0n });
const standing = (three: Three, more: Partial<Balances> = {}): Balances => ({ ...nothing, ...partsOf(three), ...more });
const heldBy = (three: Three, payer: AccountId = anna): Holding => ({ payer, parts: partsOf(three) });
const of = (granted: bigint, paid_in: bigint, earned: bigint, payable: bigint): Holding => ({
  payer: anna,
  parts: { granted, paid_in, earned, payable },
});
/** Each posting as `account.sub: amount`. */
const told = ({ kind, postings }: Entry) => ({
  kind,
  ...Object.fromEntries(postings.map(({ account, sub, amount }) => [`${account}.${sub}`, amount])),
});

describe("a hold", () => {
  /** Goal: money that could become cash is spent last. Method: amounts on both sides of its borders. */
  it("takes what may be withdrawn last", () => {
    const has = { ...nothing, granted: 1n, paid_in: 2n, earned: 3n, payable: 4n };
    const partsAt = (amount: bigint) => setAside(amount, anna, has, false).parts;
    expect(partsAt(6n)).toEqual({ granted: 1n, paid_in: 2n, earned: 3n, payable: 0n });
    expect(partsAt(7n)).toEqual({ granted: 1n, paid_in: 2n, earned: 3n, payable: 1n });
    expect(partsAt(10n)).toEqual({ granted: 1n, paid_in: 2n, earned: 3n, payable: 4n });
    expect(() => partsAt(11n)).toThrow(NetworkError);
  });

  /** Goal: granted money goes first, then what was paid in, then what was earned. Method: amounts on both sides of every border. */
  it.each<[amount: bigint, from: Three]>([
    [0n, [0n, 0n, 0n]],
    [1n, [1n, 0n, 0n]],
    [10n, [10n, 0n, 0n]],
    [11n, [10n, 1n, 0n]],
    [30n, [10n, 20n, 0n]],
    [31n, [10n, 20n, 1n]],
    [60n, [10n, 20n, 30n]],
  ])("of %d of 10 granted, 20 paid in and 30 earned", (amount, from) => {
    expect(setAside(amount, anna, standing([10n, 20n, 30n]), false)).toEqual(heldBy(from));
  });

  /** Goal: a sub-account with nothing in it is passed over. Method: each missing in turn. */
  it.each<[what: string, has: Three, from: Three]>([
    ["nothing granted", [0n, 5n, 5n], [0n, 5n, 2n]],
    ["nothing paid in", [5n, 0n, 5n], [5n, 0n, 2n]],
    ["enough granted", [9n, 9n, 0n], [7n, 0n, 0n]],
  ])("of 7 of what has %s", (_what, has, from) =>
    expect(setAside(7n, anna, standing(has), false)).toEqual(heldBy(from)),
  );

  /** Goal: what is not there, is held already, is leaving is not taken. Method: one more than there is of each. */
  it.each<[what: string, balances: Balances, amount: bigint, available: bigint]>([
    ["more than there is", standing([1n, 2n, 3n]), 7n, 6n],
    ["what others hold", standing([0n, 0n, 0n], { held: 50n }), 1n, 0n],
    ["what is on its way out", standing([0n, 0n, 0n], { withdrawing: 50n }), 1n, 0n],
  ])("does not take %s", (_what, balances, neededMicroUsd, availableMicroUsd) => {
    expect(() => setAside(neededMicroUsd, anna, balances, false)).toThrow(NetworkError);
    expect(spendable(balances)).toBe(availableMicroUsd);
    try {
      setAside(neededMicroUsd, anna, balances, false);
    } catch (error) {
      expect(error).toMatchObject({ failure: { code: "insufficient_funds", neededMicroUsd, availableMicroUsd } });
    }
    expect(setAside(0n, anna, balances, false)).toEqual(heldBy([0n, 0n, 0n]));
  });

  /** Goal: who owes spends nothing, and is told why; what costs nothing goes on. Method: a debt of seven beside money enough, and beside none. */
  it("takes nothing while something is owed", () => {
    for (const balances of [standing([50n, 0n, 0n], { debt: -7n }), standing([0n, 0n, 0n], { debt: -7n })]) {
      expect(spendable(balances)).toBe(0n);
      const refused = { failure: { code: "account_in_debt", owedMicroUsd: 7n } };
      expect(() => setAside(1n, anna, balances, false)).toThrow(expect.objectContaining(refused));
      expect(setAside(0n, anna, balances, false)).toEqual(heldBy([0n, 0n, 0n]));
    }
  });

  /** Goal: an answer that is owed costs its caller nothing. Method: an account with nothing, and one with something. */
  it("is the platform's where an answer is owed", () => {
    for (const balances of [nothing, standing([50n, 0n, 0n])])
      expect(setAside(7n, anna, balances, true)).toEqual(heldBy([0n, 0n, 7n], PLATFORM));
  });

  /** Goal: none is below nothing. Method: both sides, whoever pays. */
  it("is not negative", () => {
    for (const isFree of [false, true]) {
      expect(() => setAside(-1n, anna, standing([5n, 5n, 5n]), isFree)).toThrow(RangeError);
      expect(() => setAside(0n, anna, nothing, isFree)).not.toThrow();
    }
  });

  /** Goal: the entry moves what is set aside and nothing else. Method: of one, of all, of the platform, of nothing. */
  it.each<[what: string, Holding, Record<string, bigint>]>([
    ["of one", heldBy([5n, 0n, 0n]), { "acct_anna.granted": -5n, "acct_anna.held": 5n }],
    [
      "of all",
      heldBy([1n, 2n, 3n]),
      { "acct_anna.granted": -1n, "acct_anna.paid_in": -2n, "acct_anna.earned": -3n, "acct_anna.held": 6n },
    ],
    ["of the platform", heldBy([0n, 0n, 4n], PLATFORM), { "platform.earned": -4n, "platform.held": 4n }],
    ["of nothing", heldBy([0n, 0n, 0n]), {}],
  ])("%s", (_what, holding, moved) => expect(told(hold(holding))).toEqual({ kind: "hold", ...moved }));
});

describe("the end of a hold of 1 granted, 2 paid in and 3 earned", () => {
  /** Goal: what is charged is taken in the order of the hold, and the rest goes back where it came from. Method: charges on both sides of every border, and above the hold. */
  it.each<[charge: bigint, back: Record<string, bigint>]>([
    [0n, { "acct_anna.granted": 1n, "acct_anna.paid_in": 2n, "acct_anna.earned": 3n }],
    [1n, { "acct_anna.paid_in": 2n, "acct_anna.earned": 3n }],
    [2n, { "acct_anna.paid_in": 1n, "acct_anna.earned": 3n }],
    [3n, { "acct_anna.earned": 3n }],
    [4n, { "acct_anna.earned": 2n }],
    [6n, {}],
    [9n, {}],
  ])("that charges %d", (asked, back) => {
    const { dues, entry } = settle(heldBy([1n, 2n, 3n]), settlementOf(asked, { id: "1" }));
    const charge = asked > 6n ? 6n : asked;
    expect(dues).toEqual({ charge, earned: 0n, paidByPlatform: 0n, payable: 0n });
    const kept = charge > 0n ? { "platform.earned": charge } : {};
    expect(told(entry)).toEqual({ kind: charge > 0n ? "settle" : "release", "acct_anna.held": -6n, ...back, ...kept });
  });
});

describe("what a settlement comes to", () => {
  /** Goal: nobody pays above the hold, nobody earns above what was paid, and the platform pays no more than it set aside. Method: a row on each side of every border. */
  it.each<[what: string, amount: bigint, isFree: boolean, charge: bigint, earned: bigint, dues: Three]>([
    ["less than the hold", 40n, false, 25n, 20n, [25n, 20n, 0n]],
    ["the whole hold", 40n, false, 40n, 40n, [40n, 40n, 0n]],
    ["more than the hold", 40n, false, 90n, 90n, [40n, 40n, 0n]],
    ["more than the hold, with a share below it", 40n, false, 90n, 39n, [40n, 39n, 0n]],
    ["nothing", 40n, false, 0n, 0n, [0n, 0n, 0n]],
    ["nothing of nothing", 0n, false, 0n, 0n, [0n, 0n, 0n]],
    ["more than a hold of nothing", 0n, false, 3n, 2n, [0n, 0n, 0n]],
    ["what the platform pays", 40n, true, 25n, 20n, [0n, 0n, 20n]],
    ["what the platform pays at most", 40n, true, 90n, 80n, [0n, 0n, 40n]],
  ])("%s", (_what, amount, isFree, charge, share, [charged, earned, paidByPlatform]) => {
    const holding = setAside(amount, anna, standing([amount, 0n, 0n]), isFree);
    const { dues, entry } = settle(holding, settlementOf(charge, { id: "1", earned: share }));
    expect(dues).toEqual({ charge: charged, earned, paidByPlatform, payable: 0n });
    expect(changesOf(entry).get(machine)?.earned ?? 0n).toBe(earned + paidByPlatform);
  });

  /**
   * Goal: a machine's part is kept by the money that paid it: as much of it is payable as of the charge was ever paid in, rounded down, and
   * nothing of what the platform or the earner itself gives. Method: holds of each mix, a fee of 10 % and of 99 %.
   */
  it.each<[what: string, holding: Holding, share: bigint, earner: AccountId, earned: bigint, payable: bigint]>([
    ["granted money alone", of(100n, 0n, 0n, 0n), 90n, machine, 90n, 0n],
    ["money that was paid in alone", of(0n, 100n, 0n, 0n), 90n, machine, 0n, 90n],
    ["what was earned from grants", of(0n, 0n, 100n, 0n), 90n, machine, 90n, 0n],
    ["what was earned from money paid in", of(0n, 0n, 0n, 100n), 90n, machine, 0n, 90n],
    ["a tenth of it paid in", of(90n, 10n, 0n, 0n), 90n, machine, 81n, 9n],
    ["all kinds", of(40n, 30n, 20n, 10n), 90n, machine, 54n, 36n],
    ["one micro-dollar of three", of(99n, 1n, 0n, 0n), 1n, machine, 1n, 0n],
    ["all but one", of(1n, 99n, 0n, 0n), 1n, machine, 1n, 0n],
    ["money paid in by the earner", of(0n, 100n, 0n, 0n), 90n, anna, 90n, 0n],
    ["what the earner has earned", of(0n, 0n, 0n, 100n), 90n, anna, 90n, 0n],
    ["the platform's money", { payer: PLATFORM, parts: { ...noParts, earned: 100n } }, 90n, machine, 90n, 0n],
  ])("of %s", (_what, holding, share, earner, earned, payable) => {
    const settlement = settlementOf(100n, { id: "1", earned: share, earner });
    const { dues, entry } = settleUnwritten(holding, settlement);
    expect(dues.payable).toBe(payable);
    expect(dues.earned + dues.paidByPlatform).toBe(earned + payable);
    const change = changesOf(entry).get(earner) ?? nothing;
    const spent = earner === anna ? holding.parts : noParts;
    expect([change.earned + spent.earned, change.payable + spent.payable]).toEqual([earned, payable]);
    expect(earningOf(termsOf("1", 0n), settlement, dues)).toMatchObject({
      account: earner,
      machineId,
      earned,
      payable,
    });
  });

  /** Goal: what nobody earned is in nobody's earnings. Method: a settlement without a job, one with no share, one of nothing. */
  it("tells no earnings where nothing is earned", () => {
    for (const settlement of [settlementOf(25n), settlementOf(25n, { id: "1" }), settlementOf(0n, { id: "1" })]) {
      const { dues } = settle(heldBy([40n, 0n, 0n]), settlement);
      expect(earningOf(termsOf("1", 0n), settlement, dues)).toBeUndefined();
    }
  });

  /** Goal: an attempt that nobody is named for earns nothing. Method: a settlement without a job; all of the charge is the platform's. */
  it("without a job", () => {
    const { dues, entry } = settle(heldBy([40n, 0n, 0n]), settlementOf(25n));
    expect(dues).toEqual({ charge: 25n, earned: 0n, paidByPlatform: 0n, payable: 0n });
    expect(told(entry)).toEqual({
      kind: "settle",
      "acct_anna.held": -40n,
      "acct_anna.granted": 15n,
      "platform.earned": 25n,
    });
  });

  /** Goal: who serves itself pays the platform's share alone. Method: the payer's own account earns; its postings are one each. */
  it("to the payer itself", () => {
    const { job, ...rest } = settlementOf(25n, { id: "1", earned: 20n });
    const { entry } = settle(heldBy([10n, 0n, 30n]), {
      ...rest,
      ...(job && { job: { ...job, earner: { account: anna, machineId } } }),
    });
    expect(told(entry)).toEqual({
      kind: "settle",
      "acct_anna.held": -40n,
      "acct_anna.earned": 35n,
      "platform.earned": 5n,
    });
  });

  /** Goal: an owed answer moves money from the platform to the machine, and the rest of what it held back. Method: the entry. */
  it("for an answer that is owed", () => {
    const { entry } = settle(heldBy([0n, 0n, 40n], PLATFORM), settlementOf(25n, { id: "1", earned: 20n }));
    expect(told(entry)).toEqual({
      kind: "settle",
      "platform.held": -40n,
      "platform.earned": 20n,
      "mach_1.earned": 20n,
    });
  });

  /** Goal: nothing is earned by nobody, and nobody need be named where nothing is earned. Method: a share with no account for it, and none; a hold of nothing. */
  it("names who earns", () => {
    const { job, ...rest } = settlementOf(5n, { id: "1", earned: 5n });
    if (!job) throw new Error("the settlement has a job");
    const { earner: _, ...nobodys } = job;
    const said = { ...rest, job: nobodys };
    expect(() => settle(heldBy([40n, 0n, 0n]), said)).toThrow("earned by nobody");
    expect(() => settle(heldBy([0n, 0n, 0n]), said)).not.toThrow();
    expect(() =>
      settle(heldBy([40n, 0n, 0n]), { ...said, charge: microUsd(0n), job: { ...nobodys, earned: microUsd(0n) } }),
    ).not.toThrow();
  });

  /** Goal: figures that cannot be right move nothing. Method: each by one. */
  it.each([
    ["a charge below nothing", -1n, undefined],
    ["a charge below nothing and its share", -1n, -1n],
    ["a share below nothing", 5n, -1n],
    ["a share above its charge", 5n, 6n],
  ])("refuses %s", (_what, charge, earned) => {
    const settlement = settlementOf(charge, earned === undefined ? undefined : { id: "1", earned });
    for (const payer of [anna, PLATFORM])
      expect(() => settle(heldBy([0n, 0n, 40n], payer), settlement)).toThrow("a charge is negative");
  });
});

describe("an entry", () => {
  /** Goal: one posting for each sub-account, none of nothing. Method: one said twice, two that meet at zero, one of zero. */
  it("says each sub-account once", () => {
    const entry = entryOf("settle", [
      { account: anna, sub: "granted", amount: -3n },
      { account: anna, sub: "granted", amount: -4n },
      { account: anna, sub: "held", amount: 2n },
      { account: anna, sub: "held", amount: -2n },
      { account: bert, sub: "granted", amount: 0n },
      { account: bert, sub: "earned", amount: 7n },
    ]);
    expect(told(entry)).toEqual({ kind: "settle", "acct_anna.granted": -7n, "acct_bert.earned": 7n });
    expect([...changesOf(entry)]).toEqual([
      [anna, { ...nothing, granted: -7n }],
      [bert, { ...nothing, earned: 7n }],
    ]);
  });

  /** Goal: no money is made or lost. Method: postings that are off by one, either way. */
  it.each([1n, -1n])("must add up: not by %d", (off) => {
    const postings = [
      { account: anna, sub: "granted", amount: -3n },
      { account: bert, sub: "earned", amount: 3n + off },
    ] as const;
    expect(() => entryOf("settle", postings)).toThrow("add up to zero");
  });

  /** Goal: whatever is held and settled, every entry adds up to zero and nobody ends below nothing. Method: random balances, amounts and settlements. */
  it("adds up, whatever it is of", () => {
    const money = fc.bigInt(0n, 50n);
    const figures = fc.tuple(fc.tuple(money, money, money), money, money, fc.nat(100), fc.boolean());
    fc.assert(
      fc.property(figures, ([has, amount, charge, percent, isFree]) => {
        const balances = standing(has);
        fc.pre(isFree || amount <= spendable(balances));
        const holding = setAside(amount, anna, balances, isFree);
        const earned = (charge * BigInt(percent)) / 100n;
        const ended = settle(holding, settlementOf(charge, { id: "1", earned }));
        const after = { ...balances };
        for (const entry of [hold(holding), ended.entry]) {
          expect(entry.postings.reduce((sum, posting) => sum + posting.amount, 0n)).toBe(0n);
          const change = changesOf(entry).get(anna) ?? nothing;
          for (const sub of subAccounts) Object.assign(after, { [sub]: after[sub] + change[sub] });
          expect(mayStand(anna, after)).toBe(true);
        }
        const { payable } = ended.dues;
        expect(payable >= 0n && payable <= lesser(holding.parts.paid_in, ended.dues.charge)).toBe(true);
        expect(after.held).toBe(0n);
        expect(spendable(after)).toBe(spendable(balances) - ended.dues.charge);
      }),
    );
  });
});

/** Goal: nobody but the world and the platform has less than nothing, and a debt is not above it. Method: every sub-account on both sides of zero. */
it("knows what may stand", () => {
  for (const sub of subAccounts) {
    const [less, more] = [
      { ...nothing, [sub]: -1n },
      { ...nothing, [sub]: 1n },
    ];
    expect([sub, mayStand(anna, less), mayStand(anna, more)]).toEqual([sub, sub === "debt", sub !== "debt"]);
    for (const account of [OUTSIDE, PLATFORM]) expect(mayStand(account, less) && mayStand(account, more)).toBe(true);
  }
  expect(mayStand(anna, nothing)).toBe(true);
});

/** Goal: what can be spent is told apart from what is held, and from what went through the account. Method: a figure of its own in each place. */
it("tells an account's totals", () => {
  expect(totalsOf(standing([1n, 20n, 300n], { held: 4_000n }), { charged: 50_000n, credited: 600_000n })).toEqual({
    balance: 321n,
    held: 4_000n,
    charged: 50_000n,
    credited: 600_000n,
  });
});

/** Goal: no charge is lost between machines and the platform, also while it holds something and after it paid more than it kept. Method: each. */
it.each<[what: string, platform: Partial<Balances>, machines: bigint, left: bigint]>([
  ["it has kept nothing", {}, 100n, 0n],
  ["it has kept some", { earned: 20n }, 80n, 20n],
  ["it holds some of that", { earned: 5n, held: 15n }, 80n, 20n],
  ["it has paid more", { earned: -7n, held: 2n }, 105n, -5n],
])("shares what was charged where %s", (_what, platform, machines, left) => {
  expect(sharesOf(100n, { ...nothing, ...platform })).toEqual({ machines, platform: left });
});

/** Goal: a machine's account is found by its identity key alone. Method: the id that derives from it. */
it("names a machine's account", () => {
  expect(accountOfMachine("mach_0123" as MachineId)).toBe("mach_0123");
});
