import { microUsd } from "@darkbloom/protocol/money";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IDEMPOTENCY_KEYS_MAX, IDEMPOTENCY_LIFE_MS } from "./idempotency.ts";
import { releaseAll, type LedgerUnderTest } from "./ledger.contract.ts";
import { anna, bert, idempotencyOf, settlementOf, termsOf } from "./ledger.samples.ts";
import type { HoldTerms, Ledger } from "./port.ts";
import type { Outcome } from "./settlement.ts";

const otherBody = { failure: { code: "idempotency_conflict", conflict: "other_body" } };
const running = { failure: { code: "idempotency_conflict", conflict: "running", retryAfterSec: 2 } };

const keyed = (hold: string, { key = "k", body = "b", at = 1_000, account = anna, amount = 10n } = {}): HoldTerms => ({
  ...termsOf(hold, amount, account),
  at,
  idempotency: idempotencyOf(key, body),
});

/** One request under a key, whose answer was delivered or lost, and what it was charged. */
async function requested(
  ledger: Ledger,
  terms: HoldTerms,
  how: { charge?: bigint; earned?: bigint; outcome?: Outcome; delivered?: boolean } = {},
): Promise<bigint> {
  const { charge = 10n, earned = 6n, outcome = "finished", delivered = false } = how;
  await ledger.hold(terms);
  const id = terms.holdId.replace("hold_", "");
  const charged = await ledger.settle(terms.holdId, settlementOf(charge, { id, earned }, { outcome }));
  if (delivered) await ledger.spendKey(terms.holdId);
  else ledger.loseAnswer(terms.holdId);
  return charged;
}

/** What any ledger must do with idempotency keys. `open` gives a fresh, empty one. */
export function idempotencyContract(name: string, open: () => Promise<LedgerUnderTest>): void {
  const funded = async (amount = 1_000n): Promise<LedgerUnderTest> => {
    const test = await open();
    for (const account of [anna, bert]) await test.ledger.credit(`c_${account}`, account, microUsd(amount), 500);
    return test;
  };

  describe(`idempotency contract: ${name}`, () => {
    /**
     * Goal: an answer that was paid for and not delivered is given once more, at the platform's cost and with no money of the
     * caller's needed; the third pays. Method: a balance for two, a restart, and every figure after each request.
     */
    it("owes an undelivered answer once", async () => {
      await using test = await funded(20n);
      expect(await requested(test.ledger, keyed("1"))).toBe(10n);
      await test.reopen?.();
      await test.ledger.hold(termsOf("other", 10n));
      expect(await requested(test.ledger, keyed("2", { amount: 15n }), { charge: 12n, earned: 7n })).toBe(0n);
      expect(await test.ledger.totals(anna)).toEqual({ balance: 0n, held: 10n, charged: 10n, credited: 20n });
      expect(await test.ledger.shares()).toEqual({ machines: 13n, platform: -3n });
      await expect(test.ledger.hold(keyed("3"))).rejects.toMatchObject({ failure: { code: "insufficient_funds" } });
      await test.ledger.settle(termsOf("other", 10n).holdId, settlementOf(0n));
      expect(await requested(test.ledger, keyed("3"))).toBe(10n);
      expect(await test.ledger.totals(anna)).toEqual({ balance: 0n, held: 0n, charged: 20n, credited: 20n });
      expect((await test.ledger.usage(anna, 9)).map(({ jobId, cost }) => [jobId, cost])).toEqual([
        ["job_3", 10n],
        ["job_2", 0n],
        ["job_1", 10n],
      ]);
      expect(await test.ledger.check()).toEqual([]);
    });

    /** Goal: only an answer that was paid for whole and not delivered is owed. Method: one first request of each end, then the same again. */
    it.each<[what: string, first: Parameters<typeof requested>[2], again: bigint]>([
      ["was not delivered", {}, 0n],
      ["was delivered", { delivered: true }, 10n],
      ["ended with the caller gone", { outcome: "caller_gone" }, 10n],
      ["ended with the caller gone, as was noticed", { outcome: "caller_gone", delivered: true }, 10n],
      ["failed", { outcome: "provider_fault", charge: 0n, earned: 0n }, 10n],
      ["was left open by a crash", { outcome: "crashed", charge: 0n, earned: 0n }, 10n],
      ["cost nothing", { charge: 0n, earned: 0n }, 10n],
    ])("asks for money again after an answer that %s", async (_what, first, again) => {
      await using test = await funded();
      await requested(test.ledger, keyed("1"), first);
      expect(await requested(test.ledger, keyed("2"))).toBe(again);
    });

    /** Goal: what is owed stays owed until it was given, and is given up by leaving. Method: a second request of each end, then a third. */
    it.each<[what: string, second: Parameters<typeof requested>[2], third: bigint]>([
      ["failed", { outcome: "too_slow", charge: 0n, earned: 0n }, 0n],
      ["was left open by a crash", { outcome: "crashed", charge: 0n, earned: 0n }, 0n],
      ["ended whole, and was delivered", { delivered: true }, 10n],
      ["ended whole, and was not delivered", {}, 10n],
      ["ended with the caller gone", { outcome: "caller_gone" }, 10n],
    ])("after a free answer that %s", async (_what, second, third) => {
      await using test = await funded();
      await requested(test.ledger, keyed("1"));
      expect(await requested(test.ledger, keyed("2"), second)).toBe(0n);
      expect(await requested(test.ledger, keyed("3"))).toBe(third);
    });

    /** Goal: the platform pays at most what it set aside, and only a share. Method: a share above the bound. */
    it("bounds what the platform pays", async () => {
      await using test = await funded();
      await requested(test.ledger, keyed("1"));
      await requested(test.ledger, keyed("2", { amount: 5n }), { charge: 90n, earned: 80n });
      expect(await test.ledger.shares()).toEqual({ machines: 11n, platform: -1n });
    });

    /** Goal: a key stands for one request at a time and one body. Method: both conflicts, and who is not concerned by them; nothing is held after any. */
    it("refuses a key for another body, and while its request runs", async () => {
      await using test = await funded();
      const { ledger } = test;
      await ledger.hold(keyed("1"));
      await ledger.hold(keyed("1"));
      await expect(ledger.hold(keyed("2"))).rejects.toMatchObject(running);
      await expect(ledger.hold(keyed("2", { body: "c" }))).rejects.toMatchObject(otherBody);
      await expect(ledger.settle(keyed("2").holdId, settlementOf(1n))).rejects.toThrow(RangeError);
      await ledger.hold(keyed("3", { account: bert, body: "c" }));
      await ledger.hold(keyed("4", { key: "l", body: "c" }));
      await ledger.hold(termsOf("5", 10n));
      expect((await ledger.totals(anna)).held).toBe(30n);
      await ledger.settle(keyed("1").holdId, settlementOf(10n, { id: "1" }));
      ledger.loseAnswer(keyed("1").holdId);
      await expect(ledger.hold(keyed("6", { body: "c" }))).rejects.toMatchObject(otherBody);
      await ledger.hold(keyed("6"));
      await ledger.spendKey(keyed("6").holdId);
      await expect(ledger.hold(keyed("7", { body: "c" }))).rejects.toMatchObject(otherBody);
    });

    /** Goal: an answer that is owed is not asked for a second time while it is on its way; one that is given for nothing keeps nobody waiting. Method: ask after each settlement, before and after the answer was lost or delivered, and after a restart. */
    it("owes nothing more while an answer is on its way", async () => {
      await using test = await funded();
      const settle = (id: string) => test.ledger.settle(keyed(id).holdId, settlementOf(10n, { id }));
      const charged = async () => (await test.ledger.totals(anna)).charged;
      await test.ledger.hold(keyed("1"));
      test.ledger.loseAnswer(keyed("1").holdId);
      await settle("1");
      await test.ledger.hold(keyed("1"));
      await expect(test.ledger.hold(keyed("2"))).rejects.toMatchObject(running);
      await expect(test.ledger.hold(keyed("2", { body: "c" }))).rejects.toMatchObject(otherBody);
      test.ledger.loseAnswer(keyed("other").holdId);
      await expect(test.ledger.hold(keyed("2"))).rejects.toMatchObject(running);
      test.ledger.loseAnswer(keyed("1").holdId);
      await test.ledger.hold(keyed("2"));
      await settle("2");
      expect(await charged()).toBe(10n);
      await test.ledger.hold(keyed("3"));
      await settle("3");
      await expect(test.ledger.hold(keyed("4"))).rejects.toMatchObject(running);
      await test.ledger.spendKey(keyed("3").holdId);
      await test.ledger.hold(keyed("4"));
      await settle("4");
      expect(await charged()).toBe(30n);
      if (!test.reopen) return;
      await test.reopen();
      await test.ledger.hold(keyed("5"));
      await settle("5");
      expect(await charged()).toBe(30n);
    });

    /** Goal: a request that failed keeps nobody waiting, whether an answer was owed before it or not. Method: fail the first, and the free one, and ask at once. */
    it("lets a key go when its request fails", async () => {
      await using test = await funded();
      const { ledger } = test;
      const fail = (id: string) => ledger.settle(keyed(id).holdId, settlementOf(0n, { id }, { outcome: "too_slow" }));
      await ledger.hold(keyed("1"));
      await fail("1");
      expect(await requested(ledger, keyed("2"))).toBe(10n);
      await ledger.hold(keyed("3"));
      await fail("3");
      expect(await requested(ledger, keyed("4"))).toBe(0n);
    });

    /** Goal: who left is not waited for, and is owed nothing whatever the first request comes to. Method: the key spent while it runs; it ends after the second began. */
    it("lets a key go when its caller leaves", async () => {
      await using test = await funded();
      const { ledger } = test;
      await ledger.hold(keyed("1"));
      await ledger.spendKey(keyed("1").holdId);
      await ledger.hold(keyed("2"));
      expect(await ledger.settle(keyed("1").holdId, settlementOf(10n, { id: "1" }))).toBe(10n);
      await expect(ledger.hold(keyed("3"))).rejects.toMatchObject(running);
      await ledger.spendKey(keyed("1").holdId);
      await expect(ledger.hold(keyed("3"))).rejects.toMatchObject(running);
      expect(await ledger.settle(keyed("2").holdId, settlementOf(10n, { id: "2" }))).toBe(10n);
      ledger.loseAnswer(keyed("2").holdId);
      expect(await requested(ledger, keyed("3"))).toBe(0n);
      await ledger.spendKey(termsOf("none", 1n).holdId);
    });

    /** Goal: of many at once one runs. Method: 32 requests under one key in one turn. */
    it("lets one of many at once through", async () => {
      await using test = await funded();
      const all = Array.from({ length: 32 }, (_, n) => test.ledger.hold(keyed(`${n}`)));
      const held = await Promise.allSettled(all);
      expect(held.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      expect((await test.ledger.totals(anna)).held).toBe(10n);
    });

    /** Goal: a key is remembered for 24 h after its last use. Method: both sides of the last moment, and again after a use in between. */
    it("forgets a key after a day", async () => {
      await using test = await funded();
      const { ledger } = test;
      await requested(ledger, keyed("1", { at: 0 }));
      await expect(ledger.hold(keyed("2", { body: "c", at: IDEMPOTENCY_LIFE_MS - 1 }))).rejects.toMatchObject(
        otherBody,
      );
      await requested(ledger, keyed("3", { at: IDEMPOTENCY_LIFE_MS - 1 }), {
        outcome: "too_slow",
        charge: 0n,
        earned: 0n,
      });
      expect(await requested(ledger, keyed("4", { at: IDEMPOTENCY_LIFE_MS }))).toBe(0n);
      expect(await requested(ledger, keyed("5", { body: "c", at: 2 * IDEMPOTENCY_LIFE_MS }))).toBe(10n);
      expect(await requested(ledger, keyed("6", { body: "c", at: 3 * IDEMPOTENCY_LIFE_MS }))).toBe(10n);
    });

    /** Goal: an account's keys are bounded, and what is owed or runs goes last. Method: one owed, one running, then more than the bound of delivered ones. */
    it("bounds the keys of an account", { timeout: 30_000 }, async () => {
      await using test = await funded(1_000_000n);
      const { ledger } = test;
      await requested(ledger, keyed("owed", { key: "owed-" }));
      await ledger.hold(keyed("running", { key: "running-" }));
      await requested(ledger, keyed("first", { key: "first-", at: 1_001 }), { delivered: true });
      await requested(ledger, keyed("second", { key: "second-", at: 1_002 }), { delivered: true });
      const fill = Array.from({ length: IDEMPOTENCY_KEYS_MAX - 3 }, async (_, n) => {
        await requested(ledger, keyed(`f${n}`, { key: `f${n}-`, at: 2_000 }), { delivered: true });
      });
      await Promise.all(fill);
      await expect(ledger.hold(keyed("x", { key: "second-", body: "c", at: 3_000 }))).rejects.toMatchObject(otherBody);
      await expect(ledger.hold(keyed("x", { key: "running-", at: 3_000 }))).rejects.toMatchObject(running);
      expect(await requested(ledger, keyed("first2", { key: "first-", body: "c", at: 3_000 }))).toBe(10n);
      expect(await requested(ledger, keyed("owed2", { key: "owed-", at: 3_000 }))).toBe(0n);
    });

    /** Goal: keys whose time is over take no room from others. Method: the bound reached, all but one owed and at their last moment; the one, which would go first, is still known. */
    it("counts no expired keys", { timeout: 30_000 }, async () => {
      await using test = await funded(1_000_000n);
      const { ledger } = test;
      const owed = Array.from({ length: IDEMPOTENCY_KEYS_MAX - 1 }, async (_, n) => {
        await requested(ledger, keyed(`o${n}`, { key: `o${n}-`, at: 0 }));
      });
      await Promise.all(owed);
      await requested(ledger, keyed("kept", { key: "kept-", at: 1 }), { delivered: true });
      await requested(ledger, keyed("new", { key: "new-", at: IDEMPOTENCY_LIFE_MS }), { delivered: true });
      const other = keyed("x", { key: "kept-", body: "c", at: IDEMPOTENCY_LIFE_MS });
      await expect(ledger.hold(other)).rejects.toMatchObject(otherBody);
    });

    /** Goal: whatever happens in whatever order, the books add up, nobody is charged above their holds, and the platform's part is what the rest leaves. Method: random requests under three keys and two bodies, with restarts. */
    it("adds up, whatever happens", { timeout: 60_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
          await using test = await funded(200n);
          let [charged, machines] = [0n, 0n];
          const begun = new Map<string, HoldTerms>();
          const owed = new Set<string>();
          for (const [n, { op, key, body, amount, outcome }] of steps.entries()) {
            const { ledger } = test;
            if (op === "hold") {
              const terms = keyed(`${n}`, { key, body, amount });
              const taken = await ledger.hold(terms).then(
                () => true,
                () => false,
              );
              if (taken) begun.set(`${n}`, terms);
            } else if (op === "settle" || op === "deliver") {
              const [first] = begun;
              if (!first) continue;
              const [id, terms] = first;
              begun.delete(id);
              const asked = outcome === "finished" || outcome === "caller_gone" ? amount : 0n;
              const got = await ledger.settle(
                terms.holdId,
                settlementOf(asked, { id, earned: asked / 2n }, { outcome }),
              );
              expect(got <= terms.amount).toBe(true);
              const used = terms.idempotency?.keySha256 ?? "";
              // Free only where an answer under that key was charged before, and then once.
              if (got === 0n && asked > 0n && terms.amount > 0n) expect(owed.delete(used)).toBe(true);
              else if (got > 0n && outcome === "finished") owed.add(used);
              charged += got;
              const bound = got > 0n ? got : terms.amount;
              machines += asked / 2n < bound ? asked / 2n : bound;
              if (op === "deliver") {
                await ledger.spendKey(terms.holdId);
                owed.delete(used);
              } else ledger.loseAnswer(terms.holdId);
            } else {
              await test.reopen?.();
              await releaseAll(test.ledger, 9_000);
              begun.clear();
            }
          }
          expect((await test.ledger.totals(anna)).charged).toBe(charged);
          expect(await test.ledger.shares()).toEqual({ machines, platform: charged - machines });
          expect(await test.ledger.check()).toEqual([]);
        }),
        { numRuns: 40 },
      );
    });
  });
}

const step = fc.record({
  op: fc.constantFrom("hold", "hold", "settle", "deliver", "restart"),
  key: fc.constantFrom("k", "l", "m"),
  body: fc.constantFrom("b", "b", "c"),
  amount: fc.bigInt(1n, 30n),
  outcome: fc.constantFrom<Outcome>("finished", "finished", "caller_gone", "provider_fault"),
});
