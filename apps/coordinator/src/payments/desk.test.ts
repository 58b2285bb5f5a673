import { systemRandom } from "@darkbloom/protocol/node";
import { microUsd } from "@darkbloom/protocol/money";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoryDeposits } from "../adapters/memory-deposits.ts";
import { MemoryLedger } from "../adapters/memory-ledger.ts";
import { OUTSIDE } from "../ledger/journal.ts";
import { anna, bert, settlementOf, termsOf } from "../ledger/ledger.samples.ts";
import { FakeCards } from "./card-payments.samples.ts";
import { DepositDesk, UNPAID_PER_ACCOUNT_MAX } from "./desk.ts";
import type { Deposit } from "./deposits.ts";
import { PaymentsError, type DepositId, type Notice } from "./port.ts";
import { forgetOld, PURSUE_ROWS_MAX, pursue } from "./pursue.ts";
import { NOTICE_LIFE_MS, OPENING_LIFE_MS, PAID_ASKED_FOR_MS, REFUND_RETRY_MS_MAX, UNPAID_LIFE_MS } from "./schedule.ts";

const urls = { doneUrl: "https://here.example/done", cancelledUrl: "https://here.example/cancelled" };
const usd = (dollars: number) => microUsd(BigInt(dollars * 1_000_000));
const HOUR_MS = 60 * 60_000;

function counter() {
  const cards = new FakeCards();
  const deposits = new MemoryDeposits();
  const ledger = new MemoryLedger();
  const clock = { nowMs: 1_000_000, now: () => clock.nowMs, monotonicMs: () => clock.nowMs, sleep: async () => {} };
  const make = () => new DepositDesk({ cards, deposits, ledger, clock, random: systemRandom });
  const desk = make();
  let notices = 0;
  const hear = (notice: Partial<Notice>) => desk.hear(noticeOf({ id: `evt_${notices++}`, ...notice }), "genuine");
  const failures: unknown[] = [];
  return {
    cards,
    deposits,
    ledger,
    clock,
    desk,
    make,
    hear,
    failures,
    pursue: () => pursue(desk, clock, (error) => failures.push(error)),
    /** A deposit that was paid, and heard of. */
    async paid(dollars: number, account = anna) {
      const { sessionId } = await desk.open(account, usd(dollars), urls);
      const payment = cards.pay(sessionId);
      await hear({ sessionId });
      const deposit = await deposits.bySession(sessionId);
      if (!deposit) throw new Error("there is a deposit");
      return { ...deposit, sessionId, payment };
    },
    sums: async () => {
      const { granted, paid_in, held, debt } = await ledger.balances(anna);
      return [granted, paid_in, held, debt].map((amount) => Number(amount) / 1e6);
    },
  };
}
const noticeOf = (notice: Partial<Notice>): Uint8Array => Buffer.from(JSON.stringify({ isLive: false, ...notice }));
const only = (deposits: readonly Deposit[]): Deposit => {
  const [one] = deposits;
  if (!one || deposits.length > 1) throw new Error("there is one deposit");
  return one;
};

describe("a deposit", () => {
  /** Goal: it is credited once it is paid, once, whoever says so and how often. Method: open, told while unpaid, paid late by a bank, told twice, looked at by its owner. */
  it("is credited once, when it is paid", async () => {
    const at = counter();
    const { sessionId, url } = await at.desk.open(anna, usd(10), urls);
    expect(url).toContain(sessionId);
    await at.hear({ sessionId });
    at.cards.change(sessionId, { status: "complete", url: null, payment: "pi_1" });
    await at.hear({ sessionId });
    expect(await at.sums()).toEqual([0, 0, 0, 0]);
    at.cards.pay(sessionId);
    await Promise.all([at.hear({ sessionId }), at.hear({ sessionId }), at.desk.show(anna, sessionId)]);
    await at.pursue();
    expect(await at.sums()).toEqual([0, 10, 0, 0]);
    const shown = await at.desk.show(anna, sessionId);
    expect(shown).toMatchObject({ url: null, deposit: { state: "paid", amount: usd(10) } });
    expect(at.failures).toEqual([]);
  });

  /** Goal: nobody learns of another's, or has it credited. Method: Bert asks for Anna's. */
  it("is its owner's alone", async () => {
    const at = counter();
    const { sessionId } = await at.desk.open(anna, usd(10), urls);
    expect(await at.desk.show(bert, sessionId)).toBeUndefined();
    expect(await at.desk.show(anna, "cs_unknown")).toBeUndefined();
    at.cards.pay(sessionId);
    await at.hear({ sessionId });
    expect((await at.ledger.totals(bert)).balance).toBe(0n);
  });

  /** Goal: a page that is not as it was asked for credits nobody. Method: another amount, another currency, another deposit, real money in a test. */
  it.each([
    ["amount", { amount: usd(9) }],
    ["currency", { amount: null }],
    ["deposit", { depositId: "deposit_other" }],
    ["owner", { depositId: null }],
    ["mode", { isLive: true }],
  ])("of another %s is not credited", async (_what, change) => {
    const at = counter();
    const { sessionId } = await at.desk.open(anna, usd(10), urls);
    at.cards.pay(sessionId);
    at.cards.change(sessionId, change);
    await expect(at.hear({ sessionId })).rejects.toThrow(RangeError);
    at.clock.nowMs += HOUR_MS;
    await at.pursue();
    expect(at.failures).toHaveLength(1);
    expect(await at.sums()).toEqual([0, 0, 0, 0]);
  });

  /** Goal: whatever became of the call, no payment is lost and none made twice. Method: each loss; the page whose answer was lost is found by its notice, since nobody else was shown it. */
  it.each(["before", "behind", "refused"] as const)("whose page was lost (%s)", async (how) => {
    const at = counter();
    at.cards.lose("openCheckout", how);
    await expect(at.desk.open(anna, usd(10), urls)).rejects.toThrow(PaymentsError);
    const { depositId, state } = only(await at.deposits.list(anna, { rows: 9 }));
    expect(state).toBe("opening");
    const sessionId = `cs_${depositId}`;
    if (how === "behind") {
      at.cards.pay(sessionId);
      await at.hear({ sessionId, depositId });
      expect(await at.sums()).toEqual([0, 10, 0, 0]);
      return;
    }
    at.clock.nowMs += OPENING_LIFE_MS - 1;
    await at.pursue();
    expect(only(await at.deposits.list(anna, { rows: 9 })).state).toBe("opening");
    at.clock.nowMs += 1;
    await at.pursue();
    expect(only(await at.deposits.list(anna, { rows: 9 }))).toMatchObject({ state: "expired", askAt: null });
  });

  /** Goal: a page of somebody else in the same processor's account takes no deposit over. Method: a notice that names one which has its page, and one that nobody has. */
  it("is not taken over", async () => {
    const at = counter();
    const { sessionId } = await at.desk.open(anna, usd(10), urls);
    const { depositId } = only(await at.deposits.list(anna, { rows: 9 }));
    for (const named of [depositId, "deposit_other"]) await at.hear({ sessionId: "cs_strange", depositId: named });
    expect(only(await at.deposits.list(anna, { rows: 9 })).sessionId).toBe(sessionId);
    expect(at.cards.asked).toEqual(["openCheckout"]);
  });

  /** Goal: somebody who only begins is stopped, and who pays is not. Method: the most of one account, of which one is paid; another account; an hour later. */
  it("is begun so often at most", async () => {
    const at = counter();
    await at.paid(1);
    for (let n = 0; n < UNPAID_PER_ACCOUNT_MAX; n++) await at.desk.open(anna, usd(1), urls);
    const refused = { failure: { code: "rate_limit_exceeded", retryAfterSec: 3600 } };
    await expect(at.desk.open(anna, usd(1), urls)).rejects.toMatchObject(refused);
    await at.desk.open(bert, usd(1), urls);
    at.clock.nowMs += HOUR_MS;
    await at.desk.open(anna, usd(1), urls);
  });

  /** Goal: no money is taken that the account cannot have. Method: an account at its bound. */
  it("is refused where the account is full", async () => {
    const at = counter();
    await at.ledger.credit("all", anna, await at.ledger.creditRoom(anna), 1);
    await expect(at.desk.open(anna, usd(1), urls)).rejects.toMatchObject({ failure: { code: "body_invalid" } });
    expect(at.cards.asked).toEqual([]);
  });
});

describe("a notice", () => {
  /** Goal: what is forged, of another mode, or about nothing of ours moves nothing. Method: each; the last two are genuine and done with. */
  it("is believed where it is genuine", async () => {
    const at = counter();
    const { sessionId } = await at.desk.open(anna, usd(10), urls);
    at.cards.pay(sessionId);
    for (const signature of ["", "forged"])
      await expect(at.desk.hear(noticeOf({ id: "evt_9", sessionId }), signature)).rejects.toThrow("forged");
    await expect(at.hear({ isLive: true, sessionId })).rejects.toThrow("forged");
    await at.hear({ sessionId: "cs_unknown" });
    await at.hear({ payment: "pi_unknown" });
    await at.hear({});
    expect(at.cards.asked).toEqual(["openCheckout"]);
    expect(await at.sums()).toEqual([0, 0, 0, 0]);
  });

  /** Goal: each is dealt with once, and one whose question failed is taken again. Method: the processor away, then back; the same notice three times. */
  it("is taken again until it was dealt with", async () => {
    const at = counter();
    const { sessionId } = await at.desk.open(anna, usd(10), urls);
    at.cards.pay(sessionId);
    at.cards.lose("checkout", "before");
    await expect(at.hear({ id: "evt_x", sessionId })).rejects.toThrow("unclear");
    for (let n = 0; n < 2; n++) await at.hear({ id: "evt_x", sessionId });
    expect(await at.sums()).toEqual([0, 10, 0, 0]);
    expect(at.cards.asked.filter((step) => step === "checkout")).toHaveLength(2);
    at.clock.nowMs += NOTICE_LIFE_MS;
    expect(await forgetOld(at.desk, at.clock.now())).toBe(0);
    at.clock.nowMs += 1;
    expect(await forgetOld(at.desk, at.clock.now())).toBe(1);
  });
});

describe("what was not heard of", () => {
  /** Goal: a payment whose notice was lost is credited all the same, and the processor is asked ever more seldom. Method: no notice; rounds of a minute for two days, while it is open. */
  it("is asked about", async () => {
    const at = counter();
    const { sessionId } = await at.desk.open(anna, usd(10), urls);
    for (let minute = 0; minute < 2 * 24 * 60; minute++) {
      await at.pursue();
      at.clock.nowMs += 60_000;
    }
    const asked = at.cards.asked.length;
    expect(asked).toBeGreaterThan(8);
    expect(asked).toBeLessThan(20);
    at.cards.pay(sessionId);
    at.clock.nowMs += 6 * HOUR_MS;
    await at.pursue();
    expect(await at.sums()).toEqual([0, 10, 0, 0]);
  });

  /** Goal: a page that nobody paid on is not asked about for good, and forgotten. Method: it expires; a round; its life. */
  it("ends", async () => {
    const at = counter();
    const { sessionId } = await at.desk.open(anna, usd(10), urls);
    at.cards.change(sessionId, { status: "expired", url: null });
    at.clock.nowMs += HOUR_MS;
    await at.pursue();
    expect(only(await at.deposits.list(anna, { rows: 9 }))).toMatchObject({ state: "expired", askAt: null });
    at.clock.nowMs += UNPAID_LIFE_MS - HOUR_MS;
    expect(await forgetOld(at.desk, at.clock.now())).toBe(0);
    at.clock.nowMs += 1;
    expect(await forgetOld(at.desk, at.clock.now())).toBe(1);
  });

  /** Goal: while the processor is away, whoever waits has a turn, and everybody at last. Method: more than one round asks about, and every question fails once. */
  it("has its turn", async () => {
    const at = counter();
    const sessions: string[] = [];
    for (let n = 0; n < PURSUE_ROWS_MAX + 5; n++) {
      sessions.push((await at.desk.open(anna, usd(1), urls)).sessionId);
      at.clock.nowMs += HOUR_MS;
    }
    for (const sessionId of sessions) at.cards.pay(sessionId);
    for (let n = 0; n < PURSUE_ROWS_MAX; n++) at.cards.lose("checkout", "before");
    await at.pursue();
    expect(await at.sums()).toEqual([0, 0, 0, 0]);
    await at.pursue();
    expect(await at.sums()).toEqual([0, 5, 0, 0]);
    at.clock.nowMs += HOUR_MS;
    for (let n = 0; n < 2; n++) await at.pursue();
    expect(await at.sums()).toEqual([0, PURSUE_ROWS_MAX + 5, 0, 0]);
    expect(at.failures).toEqual([]);
  });

  /** Goal: a dispute whose notice was lost is found. Method: none; a day. Then nothing for half a year: it is asked no more. */
  it("is found though it was paid", async () => {
    const at = counter();
    const { payment } = await at.paid(10);
    at.cards.takeBack("dispute", "dp_1", payment, 1000n);
    at.clock.nowMs += 24 * HOUR_MS;
    await at.pursue();
    expect(await at.sums()).toEqual([0, 0, 0, 0]);
    at.clock.nowMs += PAID_ASKED_FOR_MS;
    await at.pursue();
    expect(only(await at.deposits.list(anna, { rows: 9 }))).toMatchObject({ disputed: usd(10), askAt: null });
  });
});

describe("what is taken back", () => {
  /** Goal: refunds and disputes take what they say, once, in any order, and give it back where they are over. Method: a refund by hand and a dispute of a deposit that is partly spent, told before the payment is, and twice. */
  it("is booked once", async () => {
    const at = counter();
    const { sessionId } = await at.desk.open(anna, usd(10), urls);
    const payment = at.cards.pay(sessionId);
    at.cards.takeBack("refund", "re_1", payment, 200n);
    await at.hear({ payment });
    expect(await at.sums()).toEqual([0, 0, 0, 0]);
    await at.hear({ sessionId });
    expect(await at.sums()).toEqual([0, 8, 0, 0]);
    await at.ledger.hold(termsOf("1", usd(5)));
    await at.ledger.settle(termsOf("1", usd(5)).holdId, settlementOf(usd(5), { id: "1" }));
    at.cards.takeBack("dispute", "dp_1", payment, 1000n);
    for (let n = 0; n < 2; n++) await at.hear({ payment });
    expect(await at.sums()).toEqual([0, 0, 0, -7]);
    const { deposit } = (await at.desk.show(anna, sessionId)) ?? {};
    expect(deposit).toMatchObject({ state: "paid", refunded: usd(2), disputed: usd(10) });
    at.cards.takeBack("dispute", "dp_1", payment, 1000n, true);
    at.cards.takeBack("refund", "re_1", payment, 200n, true);
    for (let n = 0; n < 2; n++) await at.hear({ payment });
    expect(await at.sums()).toEqual([0, 5, 0, 0]);
    expect(await at.deposits.bySession(sessionId)).toMatchObject({ refunded: 0n, disputed: 0n });
  });

  /** Goal: what comes back from a request pays the debt that arose meanwhile, without anybody doing anything. Method: a dispute while all is held; the hold ends; the next round. */
  it("is paid with what comes back", async () => {
    const at = counter();
    const { payment } = await at.paid(10);
    await at.ledger.hold(termsOf("1", usd(10)));
    at.cards.takeBack("dispute", "dp_1", payment, 1000n);
    await at.hear({ payment });
    expect(await at.sums()).toEqual([0, 0, 10, -10]);
    await at.ledger.settle(termsOf("1", usd(10)).holdId, settlementOf(usd(3), { id: "1" }));
    at.clock.nowMs += 5 * 60_000;
    await at.pursue();
    expect(await at.sums()).toEqual([0, 0, 0, -3]);
    expect(only(await at.deposits.due(at.clock.now() + 49 * HOUR_MS, 9)).askAt).toBe(at.clock.now() + 48 * HOUR_MS);
  });
});

describe("a refund that an operator makes", () => {
  /** Goal: it leaves the account first and is made once. Method: part of a deposit; then what the processor says of it. */
  it("takes the money and gives it back", async () => {
    const at = counter();
    const deposit = await at.paid(10);
    const refund = await at.desk.refund(deposit, usd(4));
    expect(await at.sums()).toEqual([0, 6, 0, 0]);
    expect(await at.deposits.refund(refund.refundId)).toMatchObject({ state: "made", amount: usd(4) });
    await at.hear({ payment: deposit.payment });
    await at.pursue();
    expect(await at.sums()).toEqual([0, 6, 0, 0]);
    expect(at.cards.refunds).toHaveLength(1);
    expect(await at.deposits.byId(deposit.depositId)).toMatchObject({ refunded: usd(4) });
  });

  /** Goal: no more than is still there. Method: half of it spent; one micro-dollar's worth more than is left, and all that is. */
  it("is of what is still there", async () => {
    const at = counter();
    const deposit = await at.paid(10);
    await at.ledger.credit("grant", anna, usd(90), 1);
    await at.ledger.hold(termsOf("1", usd(95)));
    await expect(at.desk.refund(deposit, microUsd(usd(5) + 10_000n))).rejects.toMatchObject({
      failure: { code: "insufficient_funds", availableMicroUsd: usd(5) },
    });
    expect(at.cards.refunds).toEqual([]);
    await at.pursue();
    expect(at.cards.refunds).toEqual([]);
    await at.desk.refund(deposit, usd(5));
    expect(await at.sums()).toEqual([0, 0, 95, 0]);
  });

  /** Goal: it comes back where it has certainly failed, and in no other case. Method: each loss; the rounds behind it. */
  it.each<[how: "before" | "behind" | "refused", there: number, refunds: number]>([
    ["refused", 10, 0],
    ["before", 6, 1],
    ["behind", 6, 1],
  ])("whose answer was lost (%s)", async (how, there, refunds) => {
    const at = counter();
    const deposit = await at.paid(10);
    at.cards.lose("refund", how);
    await expect(at.desk.refund(deposit, usd(4))).rejects.toThrow(how === "refused" ? "refused" : "unclear");
    expect(await at.sums()).toEqual([0, how === "refused" ? 10 : 6, 0, 0]);
    for (let n = 0; n < 2; n++) await at.pursue();
    expect(at.cards.refunds).toHaveLength(refunds);
    expect(await at.sums()).toEqual([0, there, 0, 0]);
    expect(await at.deposits.openRefunds(9)).toEqual([]);
  });

  /** Goal: what the processor has never heard of when it could still be on its way is asked for again; later it has failed. Method: nothing is done, on both sides of the border. */
  it.each<[afterMs: number, there: number]>([
    [REFUND_RETRY_MS_MAX - 1, 6],
    [REFUND_RETRY_MS_MAX, 10],
  ])("that nobody heard of for %d ms", async (afterMs, there) => {
    const at = counter();
    const deposit = await at.paid(10);
    at.cards.lose("refund", "before");
    await expect(at.desk.refund(deposit, usd(4))).rejects.toThrow("unclear");
    at.clock.nowMs += afterMs;
    at.cards.lose("takenBack", "before");
    await at.pursue();
    expect(await at.sums()).toEqual([0, 6, 0, 0]);
    await at.pursue();
    expect(await at.sums()).toEqual([0, there, 0, 0]);
  });

  /** Goal: one that fails afterwards comes back. Method: the bank refuses it later. */
  it("fails later", async () => {
    const at = counter();
    const deposit = await at.paid(10);
    const { refundId } = await at.desk.refund(deposit, usd(4));
    at.cards.takeBack("refund", refundId, deposit.payment, 400n, true);
    await at.hear({ payment: deposit.payment });
    expect(await at.sums()).toEqual([0, 10, 0, 0]);
  });
});

const op = fc.record({
  what: fc.constantFrom("open", "pay", "refund", "dispute", "over", "ask", "spend", "grant", "notice", "pursue"),
  n: fc.nat(2),
  cents: fc.bigInt(50n, 400n),
  loss: fc.option(
    fc.tuple(
      fc.constantFrom("openCheckout", "checkout", "takenBack", "refund"),
      fc.constantFrom("before", "behind", "refused"),
    ),
  ),
});

/**
 * Goal: whatever is paid, given back by either side, demanded back and won back, however answers and notices are lost and wherever
 * the coordinator ends, in the end the account has exactly what the processor holds for it, less what it spent. Method: random steps,
 * with a new desk over the same store and ledger at each; then everything is heard of.
 */
it("comes to what the processor has", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(op, { maxLength: 25 }), async (steps) => {
      const at = counter();
      const spent = { charged: 0n, granted: 0n };
      const sessionOf = async (n: number) => (await at.deposits.list(anna, { rows: 9 }))[n];
      for (const [index, { what, n, cents, loss }] of steps.entries()) {
        if (loss) at.cards.lose(...(loss as Parameters<FakeCards["lose"]>));
        const desk = at.make();
        const deposit = await sessionOf(n);
        const payment = deposit?.sessionId ? `pi_${deposit.sessionId}` : undefined;
        const isPaid = deposit?.state === "paid" && payment !== undefined;
        const attempt = async (act: () => Promise<unknown>) => void (await act().catch(() => undefined));
        if (what === "open") await attempt(() => desk.open(anna, microUsd(cents * 10_000n), urls));
        else if (what === "pay" && deposit?.sessionId) at.cards.pay(deposit.sessionId);
        else if ((what === "refund" || what === "dispute") && isPaid)
          at.cards.takeBack(what, `${what}_${n}`, payment, cents);
        else if (what === "over" && isPaid)
          for (const kind of ["refund", "dispute"] as const) {
            const all = await at.cards.takenBack(payment).catch(() => undefined);
            const known = all?.[`${kind}s`].find(({ id }) => id === `${kind}_${n}`);
            if (known) at.cards.takeBack(kind, known.id, payment, (known.amount ?? 0n) / 10_000n, true);
          }
        else if (what === "ask" && isPaid)
          await attempt(() => desk.refund({ ...deposit, payment }, microUsd(cents * 10_000n)));
        else if (what === "spend") {
          const terms = termsOf(`${index}`, cents * 10_000n);
          await attempt(async () => {
            await at.ledger.hold(terms);
            spent.charged += await at.ledger.settle(terms.holdId, settlementOf(cents * 5_000n, { id: `${index}` }));
          });
        } else if (what === "grant") {
          await at.ledger.credit(`grant_${index}`, anna, microUsd(cents), 1);
          spent.granted += cents;
        } else if (what === "notice" && deposit?.sessionId)
          await attempt(() =>
            desk.hear(noticeOf({ id: `e_${index}`, sessionId: deposit.sessionId ?? undefined }), "genuine"),
          );
        else if (what === "pursue") await pursue(desk, at.clock, () => undefined);
        at.clock.nowMs += HOUR_MS;
        expect(await at.ledger.check()).toEqual([]);
      }
      for (let round = 0; round < 130; round++) {
        at.clock.nowMs += 10 * HOUR_MS;
        await at.pursue();
      }
      const all = await at.deposits.list(anna, { rows: 99 });
      let has = 0n;
      for (const { sessionId } of all) {
        const checkout = sessionId === null ? undefined : await at.cards.checkout(sessionId);
        if (!checkout?.isPaid) continue;
        const { refunds, disputes } = await at.cards.takenBack(checkout.payment ?? "");
        has += checkout.amount ?? 0n;
        for (const { amount, isOver } of [...refunds, ...disputes]) has -= isOver ? 0n : (amount ?? 0n);
      }
      const { granted, paid_in, held, debt } = await at.ledger.balances(anna);
      expect(granted + paid_in + held + debt).toBe(has + spent.granted - spent.charged);
      const outside = await at.ledger.balances(OUTSIDE);
      expect(-outside.paid_in).toBe(has);
      expect(await at.deposits.openRefunds(9)).toEqual([]);
      expect(await at.ledger.check()).toEqual([]);
    }),
    { numRuns: 150 },
  );
});

/** Goal: two who look at once do not write what was older last. Method: a slow look is followed by another. */
it("writes what was heard last", async () => {
  const at = counter();
  const { depositId, payment } = await at.paid(10);
  const first = at.desk.look(depositId);
  at.cards.takeBack("refund", "re_1", payment, 100n);
  await Promise.all([first, at.desk.look(depositId)]);
  expect(await at.deposits.byId(depositId)).toMatchObject({ refunded: usd(1) });
  expect(await at.desk.look("deposit_none" as DepositId)).toBeUndefined();
});
