import type { AccountId, JobId } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leaseOf, type Lease } from "./lease.ts";
import { anna, bert, idempotencyOf, lease, machine, receiptOf, settlementOf, termsOf } from "./ledger.samples.ts";
import { ACCOUNT_CREDIT_MICRO_USD_MAX, type AmountKind, type Move } from "./moves.ts";
import { isStorageFailure, RECEIPT_LIFE_MS, type Ledger } from "./port.ts";
import type { Settlement } from "./settlement.ts";

/** A ledger under test. `reopen` is what a restart sees, for ledgers that outlive one. */
export interface LedgerUnderTest extends AsyncDisposable {
  readonly ledger: Ledger;
  /** Whether an open hold is still there when a restart is over: else the restart has given it back. */
  readonly holdsOutliveRestart: boolean;
  /** Calls that are made at once may be done in any order. The model knows their order, so it asks one by one for the same id. */
  readonly isUnordered?: boolean;
  /** Its lease can be lost to another coordinator. */
  readonly isShared?: boolean;
  /** The ledger of another life, or of another coordinator, over what this one keeps. */
  beside(lease: Lease): Ledger;
  reopen?(): Promise<void>;
}

/** What every life left open, and the one under test. */
export async function releaseAll(ledger: Ledger, at: number): Promise<number> {
  let released = 0;
  for (const one of await ledger.openLeases()) released += await ledger.releaseOpenHolds(one, at);
  return released;
}

/** A settlement of a hold that was released: it is refused, or answers what the release charged. */
const movesNothing = async (settled: Promise<bigint>): Promise<void> =>
  expect(
    await settled.catch((error: unknown) => {
      if (!isStorageFailure(error)) expect(error).toBeInstanceOf(RangeError);
      return 0n;
    }),
  ).toBe(0n);

const credit = (ledger: Ledger, amount: bigint, id = "credit_1", account = anna): Promise<void> =>
  ledger.credit(id, account, microUsd(amount), 500);

/** What any ledger must do. `open` gives a fresh, empty one. */
export function ledgerContract(name: string, open: () => Promise<LedgerUnderTest>): void {
  describe(`ledger contract: ${name}`, () => {
    /** Goal: a hold that the balance does not cover moves nothing. Method: one micro-dollar short, and an account without any. */
    it("refuses a hold that it cannot cover", async () => {
      await using test = await open();
      await credit(test.ledger, 5n);
      await expect(test.ledger.hold(termsOf("1", 6n))).rejects.toMatchObject({
        failure: { code: "insufficient_funds", neededMicroUsd: 6n, availableMicroUsd: 5n },
      });
      await expect(test.ledger.hold(termsOf("2", 1n, bert))).rejects.toMatchObject({
        failure: { code: "insufficient_funds", neededMicroUsd: 1n, availableMicroUsd: 0n },
      });
      expect(await test.ledger.totals(anna)).toEqual({ balance: 5n, held: 0n, charged: 0n, credited: 5n });
      expect(await test.ledger.totals(bert)).toEqual({ balance: 0n, held: 0n, charged: 0n, credited: 0n });
      await expect(test.ledger.settle(termsOf("1", 6n).holdId, settlementOf(1n))).rejects.toThrow(RangeError);
      await test.ledger.hold(termsOf("1", 5n));
    });

    /** Goal: requests in parallel never spend more than there is. Method: 64 holds at once on money for ten of them. */
    it("does not overshoot with 64 holds in parallel", async () => {
      await using test = await open();
      await credit(test.ledger, 107n);
      const held = await Promise.allSettled(
        Array.from({ length: 64 }, (_, n) => test.ledger.hold(termsOf(`${n}`, 10n))),
      );
      expect(held.filter((result) => result.status === "fulfilled")).toHaveLength(10);
      expect(await test.ledger.totals(anna)).toEqual({ balance: 7n, held: 100n, charged: 0n, credited: 107n });
    });

    /** Goal: money that one request is charged is not there for the next one of the same moment. Method: an account with two holds; one is settled in full, and a third hold, under a key as well as without, asks at once for more than is left. */
    it("does not overshoot with a hold beside a settlement", async () => {
      for (const idempotency of [undefined, idempotencyOf("k")]) {
        await using test = await open();
        await credit(test.ledger, 100n);
        await test.ledger.hold(termsOf("1", 60n));
        await test.ledger.hold(termsOf("2", 10n));
        const settled = test.ledger.settle(termsOf("1", 60n).holdId, settlementOf(60n, { id: "1" }));
        const held = test.ledger.hold({ ...termsOf("3", 40n), ...(idempotency && { idempotency }) });
        await expect(held).rejects.toMatchObject({ failure: { code: "insufficient_funds", availableMicroUsd: 30n } });
        expect(await settled).toBe(60n);
        expect(await test.ledger.totals(anna)).toEqual({ balance: 30n, held: 10n, charged: 60n, credited: 100n });
        expect(await test.ledger.check()).toEqual([]);
      }
    });

    /** Goal: a free request needs no money. Method: a hold of zero on an account that was never credited. */
    it("holds and settles nothing for nothing", async () => {
      await using test = await open();
      await test.ledger.hold(termsOf("1", 0n));
      expect(await test.ledger.settle(termsOf("1", 0n).holdId, settlementOf(3n, { id: "1" }))).toBe(0n);
      expect(await test.ledger.usage(anna, 10)).toHaveLength(1);
    });

    /** Goal: repeats change nothing and give the first answer. Method: every call twice, the second with other figures. */
    it("is idempotent on credit ids and hold ids", async () => {
      await using test = await open();
      await credit(test.ledger, 100n);
      await credit(test.ledger, 70n);
      await test.ledger.hold(termsOf("1", 60n));
      await test.ledger.hold(termsOf("1", 99n));
      const { holdId } = termsOf("1", 60n);
      expect(await test.ledger.settle(holdId, settlementOf(25n, { id: "1", earned: 20n }))).toBe(25n);
      expect(await test.ledger.settle(holdId, settlementOf(1n, { id: "2" }, { outcome: "crashed" }))).toBe(25n);
      await test.ledger.hold(termsOf("1", 60n));
      expect(await test.ledger.totals(anna)).toEqual({ balance: 75n, held: 0n, charged: 25n, credited: 100n });
      expect(await test.ledger.usage(anna, 10)).toEqual([
        {
          jobId: "job_1",
          requestId: "request_1",
          model: "darkbloom-tiny",
          usage: { promptTokens: 11, cachedTokens: 3, completionTokens: 7, reasoningTokens: 2 },
          cost: 25n,
          outcome: "finished",
          at: 2_000,
        },
      ]);
    });

    /** Goal: nobody pays more than was held. Method: ask for more than the hold. */
    it("charges at most the hold", async () => {
      await using test = await open();
      await credit(test.ledger, 100n);
      await test.ledger.hold(termsOf("1", 40n));
      expect(await test.ledger.settle(termsOf("1", 40n).holdId, settlementOf(90n, { id: "1", earned: 90n }))).toBe(40n);
      expect(await test.ledger.totals(anna)).toEqual({ balance: 60n, held: 0n, charged: 40n, credited: 100n });
    });

    /** Goal: figures that cannot be right move nothing. Method: a negative amount at each place, a share above its charge, one job under two holds. */
    it("refuses impossible figures", async () => {
      await using test = await open();
      const { ledger } = test;
      await credit(ledger, 100n);
      await expect(credit(ledger, 0n, "credit_2")).rejects.toThrow(RangeError);
      await expect(credit(ledger, -1n, "credit_2")).rejects.toThrow(RangeError);
      await expect(credit(ledger, ACCOUNT_CREDIT_MICRO_USD_MAX, "credit_2")).rejects.toThrow(RangeError);
      expect(await ledger.creditRoom(anna)).toBe(ACCOUNT_CREDIT_MICRO_USD_MAX - 100n);
      await expect(ledger.hold(termsOf("1", -1n))).rejects.toThrow(RangeError);
      await ledger.hold(termsOf("1", 40n));
      await ledger.hold(termsOf("2", 40n));
      const first = termsOf("1", 40n).holdId;
      await expect(ledger.settle(first, settlementOf(-1n))).rejects.toThrow(RangeError);
      await expect(ledger.settle(first, settlementOf(5n, { id: "1", earned: 6n }))).rejects.toThrow(RangeError);
      await expect(ledger.settle(first, settlementOf(5n, { id: "1", earned: -1n }))).rejects.toThrow(RangeError);
      expect(await ledger.totals(anna)).toEqual({ balance: 20n, held: 80n, charged: 0n, credited: 100n });
      await ledger.settle(first, settlementOf(5n, { id: "1" }));
      await expect(ledger.settle(termsOf("2", 40n).holdId, settlementOf(5n, { id: "1" }))).rejects.toThrow();
      expect(await ledger.totals(anna)).toEqual({ balance: 55n, held: 40n, charged: 5n, credited: 100n });
      expect(await ledger.check()).toEqual([]);
    });

    /** Goal: usage reads newest first, for its own account, and has no row without a job. Method: four settlements, two at one moment. */
    it("lists usage", async () => {
      await using test = await open();
      const { ledger } = test;
      await credit(ledger, 100n);
      await credit(ledger, 100n, "credit_2", bert);
      for (const hold of ["1", "2", "3", "4"]) await ledger.hold(termsOf(hold, 10n));
      await ledger.hold(termsOf("5", 10n, bert));
      const settle = (hold: string, settlement: Settlement) => ledger.settle(termsOf(hold, 10n).holdId, settlement);
      await settle("2", settlementOf(1n, { id: "2" }, { at: 30 }));
      await settle("1", settlementOf(1n, { id: "1" }, { at: 30 }));
      await settle("3", settlementOf(0n, { id: "3" }, { at: 10, outcome: "provider_fault" }));
      await settle("4", settlementOf(0n, undefined, { outcome: "refused" }));
      await settle("5", settlementOf(1n, { id: "5" }));
      const jobs = async (limit: number) => (await ledger.usage(anna, limit)).map((row) => row.jobId);
      expect(await jobs(10)).toEqual(["job_1", "job_2", "job_3"]);
      expect(await jobs(2)).toEqual(["job_1", "job_2"]);
      expect(await ledger.usage(bert, 10)).toHaveLength(1);
    });

    /** Goal: money that goes back later goes back, and a ledger that works says so. Method: settle later, wait, look; a settled one changes nothing. */
    it("settles later, and can be written", async () => {
      await using test = await open();
      await credit(test.ledger, 100n);
      await test.ledger.assertWritable();
      await test.ledger.hold(termsOf("1", 40n));
      await test.ledger.hold(termsOf("2", 40n));
      await test.ledger.settle(termsOf("2", 40n).holdId, settlementOf(30n, { id: "2" }));
      test.ledger.settleLater(termsOf("1", 40n).holdId, settlementOf(0n, undefined, { outcome: "too_slow" }));
      test.ledger.settleLater(termsOf("2", 40n).holdId, settlementOf(0n, undefined, { outcome: "too_slow" }));
      const back = { balance: 70n, held: 0n, charged: 30n, credited: 100n };
      await expect.poll(() => test.ledger.totals(anna), { timeout: 10_000 }).toEqual(back);
    });

    /** Goal: a receipt is there for 90 days, for whoever paid. Method: ask as another account, and on both sides of the last moment. */
    it("keeps receipts for their life", async () => {
      await using test = await open();
      const { ledger } = test;
      await credit(ledger, 100n);
      await ledger.hold(termsOf("1", 10n));
      const receipt = receiptOf("job_1");
      await ledger.settle(termsOf("1", 10n).holdId, settlementOf(1n, { id: "1", receipt }, { at: 2_000 }));
      await test.reopen?.();
      const job = "job_1" as JobId;
      expect(await test.ledger.receipt(anna, job, 2_000)).toEqual(receipt);
      expect(await test.ledger.receipt(anna, job, 2_000 + RECEIPT_LIFE_MS - 1)).toEqual(receipt);
      expect(await test.ledger.receipt(anna, job, 2_000 + RECEIPT_LIFE_MS)).toBeUndefined();
      expect(await test.ledger.receipt(bert, job, 2_000)).toBeUndefined();
      expect(await test.ledger.receipt(anna, "job_2" as JobId, 2_000)).toBeUndefined();
    });

    /** Goal: what a crash left open is given back, once. Method: more open holds than one step takes, one settled before. */
    it("releases open holds", async () => {
      await using test = await open();
      await credit(test.ledger, 10_000n);
      await Promise.all(Array.from({ length: 1_201 }, (_, n) => test.ledger.hold(termsOf(`${n}`, 2n))));
      await test.ledger.settle(termsOf("0", 2n).holdId, settlementOf(1n, { id: "0" }));
      await test.reopen?.();
      const left = test.holdsOutliveRestart;
      expect(await test.ledger.openLeases()).toEqual(left ? [lease] : []);
      expect(await test.ledger.releaseOpenHolds(lease, 3_000)).toBe(left ? 1_200 : 0);
      expect(await test.ledger.releaseOpenHolds(lease, 3_000)).toBe(0);
      expect(await test.ledger.openLeases()).toEqual([]);
      expect(await test.ledger.totals(anna)).toEqual({ balance: 9_999n, held: 0n, charged: 1n, credited: 10_000n });
      await movesNothing(test.ledger.settle(termsOf("1", 2n).holdId, settlementOf(2n, { id: "1" })));
      expect(await test.ledger.usage(anna, 10)).toHaveLength(1);
      expect(await test.ledger.check()).toEqual([]);
    });

    /** Goal: what is open in a life that goes on can be released too, step by step. Method: more open holds than one step takes. */
    it("releases what is open now", async () => {
      await using test = await open();
      await credit(test.ledger, 10_000n);
      await Promise.all(Array.from({ length: 1_201 }, (_, n) => test.ledger.hold(termsOf(`${n}`, 2n))));
      expect(await test.ledger.openLeases()).toEqual([lease]);
      expect(await test.ledger.releaseOpenHolds(lease, 3_000)).toBe(1_201);
      expect(await test.ledger.openLeases()).toEqual([]);
      expect(await test.ledger.totals(anna)).toEqual({ balance: 10_000n, held: 0n, charged: 0n, credited: 10_000n });
      await movesNothing(test.ledger.settle(termsOf("1", 2n).holdId, settlementOf(2n, { id: "1" })));
      expect(await test.ledger.check()).toEqual([]);
    });

    /** Goal: who comes back ends its own, and nobody else's requests. Method: three lives of two coordinators hold at once; a fourth begins; a settlement of each. */
    it("releases the holds of one lease alone", async () => {
      await using test = await open();
      await credit(test.ledger, 100n);
      const [earlier, stranger] = [leaseOf("tested", "0"), leaseOf("other", "1")];
      await test.beside(earlier).hold(termsOf("1", 20n));
      await test.beside(stranger).hold(termsOf("2", 30n));
      await test.ledger.hold(termsOf("3", 40n));
      expect(new Set(await test.ledger.openLeases())).toEqual(new Set([earlier, stranger, lease]));
      expect(await test.ledger.releaseOpenHolds(leaseOf("tested", "2"), 3_000)).toBe(0);
      expect(await test.ledger.releaseOpenHolds(earlier, 3_000)).toBe(1);
      expect(await test.ledger.totals(anna)).toEqual({ balance: 30n, held: 70n, charged: 0n, credited: 100n });
      expect(await test.beside(stranger).settle(termsOf("2", 30n).holdId, settlementOf(30n, { id: "2" }))).toBe(30n);
      await movesNothing(test.beside(earlier).settle(termsOf("1", 20n).holdId, settlementOf(20n, { id: "1" })));
      expect(await test.ledger.openLeases()).toEqual([lease]);
      expect(await test.ledger.check()).toEqual([]);
    });

    /** Goal: what a machine earns is in an account of its own, the rest is the platform's, and all of it came from outside. Method: two settlements; every account. */
    it("books the shares of a charge", async () => {
      await using test = await open();
      await credit(test.ledger, 100n);
      for (const [id, charge, earned] of [
        ["1", 25n, 20n],
        ["2", 10n, 10n],
      ] as const) {
        await test.ledger.hold(termsOf(id, 40n));
        await test.ledger.settle(termsOf(id, 40n).holdId, settlementOf(charge, { id, earned }));
      }
      expect(await test.ledger.totals(anna)).toEqual({ balance: 65n, held: 0n, charged: 35n, credited: 100n });
      expect(await test.ledger.totals(machine)).toEqual({ balance: 30n, held: 0n, charged: 0n, credited: 0n });
      expect(await test.ledger.shares()).toEqual({ machines: 30n, platform: 5n });
      expect(await test.ledger.check()).toEqual([]);
    });

    /** Goal: what was earned can be spent. Method: the machine's own account asks for an answer. */
    it("spends what was earned", async () => {
      await using test = await open();
      await credit(test.ledger, 100n);
      await test.ledger.hold(termsOf("1", 40n));
      await test.ledger.settle(termsOf("1", 40n).holdId, settlementOf(40n, { id: "1", earned: 30n }));
      await test.ledger.hold(termsOf("2", 30n, machine));
      await expect(test.ledger.hold(termsOf("3", 1n, machine))).rejects.toMatchObject({
        failure: { code: "insufficient_funds", availableMicroUsd: 0n },
      });
      await test.ledger.settle(termsOf("2", 30n).holdId, settlementOf(12n, { id: "2", earned: 10n }));
      expect(await test.ledger.totals(machine)).toEqual({ balance: 28n, held: 0n, charged: 12n, credited: 0n });
      expect(await test.ledger.shares()).toEqual({ machines: 40n, platform: 12n });
      expect(await test.ledger.check()).toEqual([]);
    });

    /** Goal: money that is paid in, taken back, won back and given moves once, and a debt stands in the way of spending until it is paid. Method: each move twice, the second with another figure; a hold in between; every sub-account after each. */
    it("books what comes in and is taken back", async () => {
      await using test = await open();
      const { ledger } = test;
      const book = async (ref: string, kind: AmountKind, amount: bigint): Promise<void> => {
        await ledger.book(ref, { kind, account: anna, amount }, 500);
        await ledger.book(ref, { kind, account: anna, amount: amount + 1n }, 600);
      };
      const standing = { granted: 0n, paid_in: 0n, earned: 0n, held: 0n, withdrawing: 0n, debt: 0n };
      expect(await ledger.balances(anna)).toMatchObject(standing);
      await book("1", "deposit", 100n);
      await book("1", "grant", 10n);
      expect(await ledger.balances(anna)).toMatchObject({ ...standing, granted: 10n, paid_in: 100n });
      await ledger.hold(termsOf("1", 30n));
      await ledger.hold(termsOf("2", 40n));
      await ledger.settle(termsOf("1", 30n).holdId, settlementOf(30n, { id: "1", earned: 20n }));
      expect(await ledger.balances(anna)).toMatchObject({ ...standing, paid_in: 40n, held: 40n });
      await book("1", "refund", 25n);
      await book("1", "dispute", 75n);
      expect(await ledger.balances(anna)).toMatchObject({ ...standing, held: 40n, debt: -60n });
      await expect(ledger.hold(termsOf("3", 1n))).rejects.toMatchObject({
        failure: { code: "account_in_debt", owedMicroUsd: 60n },
      });
      await expect(ledger.hold({ ...termsOf("4", 1n), idempotency: idempotencyOf("k") })).rejects.toMatchObject({
        failure: { code: "account_in_debt" },
      });
      await ledger.hold(termsOf("free", 0n));
      expect(await ledger.totals(anna)).toEqual({ balance: 0n, held: 40n, charged: 30n, credited: 110n });
      await ledger.settle(termsOf("2", 40n).holdId, settlementOf(5n, { id: "2" }));
      expect(await ledger.balances(anna)).toMatchObject({ ...standing, paid_in: 35n, debt: -60n });
      await ledger.book("1", { kind: "debt", account: anna }, 700);
      await ledger.book("1", { kind: "debt", account: anna }, 700);
      expect(await ledger.balances(anna)).toMatchObject({ ...standing, debt: -25n });
      expect(await ledger.check()).toEqual([]);
      await book("2", "grant", 20n);
      expect(await ledger.balances(anna)).toMatchObject({ ...standing, debt: -5n });
      await book("1", "reinstate", 75n);
      expect(await ledger.balances(anna)).toMatchObject({ ...standing, paid_in: 70n });
      await expect(
        ledger.book("2", { kind: "refund", account: anna, amount: 71n, upTo: "paid_in" }, 800),
      ).rejects.toMatchObject({ failure: { code: "insufficient_funds", availableMicroUsd: 70n } });
      await ledger.book("2", { kind: "refund", account: anna, amount: 70n, upTo: "paid_in" }, 800);
      expect(await ledger.totals(anna)).toEqual({ balance: 0n, held: 0n, charged: 35n, credited: 130n });
      expect(await ledger.balances(anna)).toMatchObject(standing);
      expect(await ledger.check()).toEqual([]);
      await test.reopen?.();
      expect(await test.ledger.balances(anna)).toMatchObject(standing);
      await test.ledger.book("1", { kind: "deposit", account: anna, amount: 100n }, 900);
      expect(await test.ledger.balances(anna)).toMatchObject(standing);
    });

    /** Goal: parallel tellings of one deposit credit it once, and no refund takes what another does. Method: each eight times at once. */
    it("books once, however many say it at once", async () => {
      await using test = await open();
      const { ledger } = test;
      const eight = (move: Move, ref: (n: number) => string) =>
        Promise.allSettled(Array.from({ length: 8 }, (_, n) => ledger.book(ref(n), move, 500)));
      await eight({ kind: "deposit", account: anna, amount: 100n }, () => "one");
      expect((await ledger.totals(anna)).balance).toBe(100n);
      const refunds = await eight({ kind: "refund", account: anna, amount: 30n, upTo: "paid_in" }, String);
      expect(refunds.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
      expect(await ledger.balances(anna)).toMatchObject({ paid_in: 10n, debt: 0n });
      expect(await ledger.check()).toEqual([]);
    });

    /** Goal: nothing is earned by nobody. Method: a share and no account for it; the hold stands as before. */
    it("refuses a share that is nobody's", async () => {
      await using test = await open();
      await credit(test.ledger, 100n);
      await test.ledger.hold(termsOf("1", 40n));
      const { job, ...rest } = settlementOf(5n, { id: "1", earned: 5n });
      if (!job) throw new Error("the settlement has a job");
      const { earner: _, ...nobodys } = job;
      await expect(test.ledger.settle(termsOf("1", 40n).holdId, { ...rest, job: nobodys })).rejects.toThrow(RangeError);
      expect((await test.ledger.totals(anna)).held).toBe(40n);
      expect(await test.ledger.check()).toEqual([]);
    });

    /**
     * Goal: money is neither made nor lost. Method: random holds, settlements, credits, deposits, refunds, disputes, releases and restarts
     * with repeated ids, several at a time, against a model of what each first answer promised.
     */
    it("adds up in any order, with repeats and restarts", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(step, { maxLength: 4 }), { maxLength: 12 }), async (turns) => {
          await using test = await open();
          const model = new Model(test.isShared ?? false);
          for (const turn of turns) {
            const [releases, calls] = [turn.filter(isRelease), turn.filter((one) => !isRelease(one))];
            const before = new Map<number, Promise<void>>();
            const take = async (one: Step): Promise<void> => {
              if (test.isUnordered) await before.get(one.n);
              await model.take(one, test.ledger);
            };
            const all = calls.map((one) => {
              const taken = take(one);
              before.set(one.n, taken);
              return taken;
            });
            await Promise.all(all);
            for (const release of releases) await model.take(release, test.ledger);
            if (test.reopen && turn.some(({ op }) => op === "restart")) {
              await test.reopen();
              if (!test.holdsOutliveRestart) model.loseHolds();
            }
            for (const account of [anna, bert]) await model.compare(account, test.ledger);
            expect(await test.ledger.check()).toEqual([]);
          }
        }),
        { numRuns: 60 },
      );
    });
  });
}

const step = fc.record({
  op: fc.constantFrom(
    "hold",
    "hold",
    "settle",
    "settle",
    "credit",
    "deposit",
    "refund",
    "dispute",
    "release",
    "restart",
  ),
  n: fc.nat(5),
  amount: fc.bigInt(0n, 60n),
});
const isRelease = ({ op }: Step): boolean => op === "release";

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** What the ledger's own answers promised, kept as plainly as can be. Odd numbers are Bert's. */
class Model {
  readonly #credited = new Map<number, bigint>();
  readonly #paidIn = new Map<number, bigint>();
  readonly #refunded = new Map<number, bigint>();
  readonly #disputed = new Map<number, bigint>();
  readonly #held = new Map<number, bigint>();
  readonly #charged = new Map<number, bigint>();
  readonly #released = new Set<number>();
  readonly #isShared: boolean;

  constructor(isShared: boolean) {
    this.#isShared = isShared;
  }

  async take({ op, n, amount }: Step, ledger: Ledger): Promise<void> {
    const account = accountOf(n);
    const { holdId } = termsOf(`${n}`, amount);
    switch (op) {
      case "credit":
        if (amount > 0n) {
          await ledger.credit(`credit_${n}`, account, microUsd(amount), 500);
          if (!this.#credited.has(n)) this.#credited.set(n, amount);
        }
        break;
      case "deposit":
      case "refund":
      case "dispute": {
        const booked = { deposit: this.#paidIn, refund: this.#refunded, dispute: this.#disputed }[op];
        if (amount > 0n) {
          await ledger.book(`ref_${n}`, { kind: op, account, amount }, 500);
          if (!booked.has(n)) booked.set(n, amount);
        }
        break;
      }
      case "hold": {
        const taken = await ledger.hold(termsOf(`${n}`, amount, account)).then(
          () => true,
          () => false,
        );
        if (taken && !this.#held.has(n)) this.#held.set(n, amount);
        break;
      }
      case "settle": {
        const charge = await ledger
          .settle(holdId, settlementOf(amount, { id: `${n}`, earned: amount / 2n }))
          .catch(() => undefined);
        // Of several coordinators, one whose hold another has given back is told that nothing pays for its answer.
        if (this.#isShared && this.#released.has(n)) expect(charge).toBe(undefined);
        else if (charge === undefined) expect(this.#held.has(n)).toBe(false);
        else this.#settled(n, charge, amount);
        break;
      }
      case "release":
        await releaseAll(ledger, 9_000);
        for (const open of this.#held.keys()) {
          if (this.#charged.has(open)) continue;
          this.#charged.set(open, 0n);
          this.#released.add(open);
        }
        break;
      case "restart":
        break;
    }
  }

  /** What was held and not settled has never been. */
  loseHolds(): void {
    for (const n of this.#held.keys()) if (!this.#charged.has(n)) this.#held.delete(n);
  }

  #settled(n: number, charge: bigint, asked: bigint): void {
    const held = this.#held.get(n) ?? 0n;
    const before = this.#charged.get(n);
    if (before === undefined) expect(charge).toBe(asked < held ? asked : held);
    else expect(charge).toBe(before);
    this.#charged.set(n, charge);
  }

  async compare(account: AccountId, ledger: Ledger): Promise<void> {
    const { balance, held, charged, credited } = await ledger.totals(account);
    const sum = (of: Map<number, bigint>, keep: (n: number) => boolean = () => true): bigint =>
      [...of].reduce((total, [n, amount]) => (accountOf(n) === account && keep(n) ? total + amount : total), 0n);
    const { debt, ...others } = await ledger.balances(account);
    expect(balance + debt + held + charged - credited).toBe(-sum(this.#refunded) - sum(this.#disputed));
    expect(debt <= 0n && Object.values(others).every((amount) => amount >= 0n)).toBe(true);
    expect(credited).toBe(sum(this.#credited) + sum(this.#paidIn));
    expect(charged).toBe(sum(this.#charged));
    expect(held).toBe(sum(this.#held, (n) => !this.#charged.has(n)));
  }
}

const accountOf = (n: number): AccountId => (n % 2 === 0 ? anna : bert);
