import type { KeyId } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { noUse, remainingOf, type Cap, type Use } from "./caps.ts";
import type { LedgerUnderTest } from "./ledger.contract.ts";
import { releaseAll } from "./ledger.contract.ts";
import { anna, idempotencyOf, settlementOf, termsOf } from "./ledger.samples.ts";
import type { HoldTerms, Ledger } from "./port.ts";
import { dayOf, isWithin, limitResets, windowAt, type LimitReset } from "./windows.ts";

const key = "key_1" as KeyId;
/** A Monday, the last day of its month. */
const MONDAY = Date.parse("2026-11-30T12:00:00Z");
const MILLIS_OF_DAY = 86_400_000;

const capOf = (limit: bigint | null, reset: LimitReset = "daily", limitTokens: bigint | null = null): Cap => ({
  subject: key,
  limitMicroUsd: limit,
  limitTokens,
  reset,
});
const capped = (hold: string, amount: bigint, cap: Cap, rest: Partial<HoldTerms> = {}): HoldTerms => ({
  ...termsOf(hold, amount),
  at: MONDAY,
  caps: [cap],
  ...rest,
});
const use = (money: bigint, tokens: bigint): Use => ({ microUsd: money, tokens });
const counted = async (ledger: Ledger, reset: LimitReset, at = MONDAY) =>
  (await ledger.counted([{ subject: key, reset }], at))[0];
const refused = { failure: { code: "key_limit_reached" } };

/** What any ledger must do with caps. `open` gives a fresh, empty one. */
export function capsContract(name: string, open: () => Promise<LedgerUnderTest>): void {
  const funded = async (): Promise<LedgerUnderTest> => {
    const test = await open();
    await test.ledger.credit("credit_1", anna, microUsd(1_000_000n), 500);
    return test;
  };

  describe(`caps: ${name}`, () => {
    /** Goal: requests in parallel use no more than a cap leaves, and none is refused that fits. Method: 64 holds at once under a cap for ten, of money and of tokens; then one that takes what is shown to remain, and one more. */
    it("does not overshoot with 64 holds in parallel", async () => {
      for (const cap of [capOf(107n), capOf(null, "none", 1_070n)]) {
        await using test = await funded();
        const held = await Promise.allSettled(
          Array.from({ length: 64 }, (_, n) => test.ledger.hold(capped(`${n}`, 10n, cap))),
        );
        expect(held.filter(({ status }) => status === "fulfilled")).toHaveLength(10);
        for (const one of held) if (one.status === "rejected") expect(one.reason).toMatchObject(refused);
        const now = await counted(test.ledger, cap.reset);
        expect(now).toEqual({ used: noUse, open: use(100n, 1_000n) });
        const rest = remainingOf(cap, now ?? { used: noUse, open: noUse });
        const last = { tokens: rest.tokens ?? 0n };
        await test.ledger.hold(capped("last", rest.microUsd ?? 0n, cap, last));
        await expect(test.ledger.hold(capped("more", 1n, cap, { tokens: 1n }))).rejects.toMatchObject(refused);
        const held2 = 100n + (rest.microUsd ?? 0n);
        expect(await test.ledger.totals(anna)).toMatchObject({ held: held2, balance: 1_000_000n - held2 });
        expect(await test.ledger.check()).toEqual([]);
      }
    });

    /** Goal: a refusal says what is refused, and moves nothing; a lack of money is still told as that. Method: a cap in the way, and a balance. */
    it("says whose limit it is", async () => {
      await using test = await funded();
      await expect(test.ledger.hold(capped("1", 6n, capOf(5n, "weekly")))).rejects.toMatchObject({
        failure: { limit: "usd", needed: 6n, remaining: 5n, reset: "weekly", resetsAt: Date.parse("2026-12-07") },
      });
      await expect(test.ledger.hold(capped("1", 1n, capOf(5n, "none", 99n)))).rejects.toMatchObject({
        failure: { limit: "tokens", needed: 100n, remaining: 99n, reset: "none", resetsAt: null },
      });
      await expect(test.ledger.hold(capped("1", 2_000_000n, capOf(3_000_000n)))).rejects.toMatchObject({
        failure: { code: "insufficient_funds" },
      });
      expect(await test.ledger.totals(anna)).toMatchObject({ held: 0n, balance: 1_000_000n });
      expect(await counted(test.ledger, "none")).toEqual({ used: noUse, open: noUse });
    });

    /** Goal: what a settlement did not use is left again, and a release leaves all. Method: holds that fill a cap, settled for less, and released. */
    it("gives back what is not used", async () => {
      await using test = await funded();
      const cap = capOf(100n);
      await test.ledger.hold(capped("1", 60n, cap));
      await test.ledger.hold(capped("2", 40n, cap));
      await expect(test.ledger.hold(capped("3", 1n, cap))).rejects.toMatchObject(refused);
      await test.ledger.settle(termsOf("1", 0n).holdId, settlementOf(25n, { id: "1" }));
      expect(await counted(test.ledger, "daily")).toEqual({ used: use(25n, 18n), open: use(40n, 100n) });
      await test.ledger.hold(capped("3", 35n, cap));
      await expect(test.ledger.hold(capped("4", 1n, cap))).rejects.toMatchObject(refused);
      await releaseAll(test.ledger, MONDAY);
      expect(await counted(test.ledger, "daily")).toEqual({ used: use(25n, 18n), open: noUse });
      await test.ledger.hold(capped("5", 75n, cap));
      // Twice is once.
      await test.ledger.hold(capped("5", 75n, cap));
      expect(await test.ledger.check()).toEqual([]);
    });

    /** Goal: of one moment, what one request has used another cannot. Method: a settlement in full, and at once a hold for what is left, and one for more, with and without a key. */
    it("does not overshoot beside a settlement", async () => {
      for (const idempotency of [undefined, idempotencyOf("k")]) {
        await using test = await funded();
        const cap = capOf(100n);
        await test.ledger.hold(capped("1", 60n, cap));
        const settled = test.ledger.settle(termsOf("1", 0n).holdId, settlementOf(60n, { id: "1" }));
        const more = test.ledger.hold(capped("2", 41n, cap, idempotency && { idempotency }));
        await expect(more).rejects.toMatchObject(refused);
        await settled;
        await test.ledger.hold(capped("3", 40n, cap));
        expect(await test.ledger.check()).toEqual([]);
      }
    });

    /** Goal: hold and settlement count in the window in which the hold was taken. Method: a hold before midnight, settled behind it; both days, and the week and the month around. */
    it("counts in the window of the hold", async () => {
      await using test = await funded();
      const cap = capOf(100n);
      const [night, morning] = [Date.parse("2026-11-30T23:59:59.999Z"), Date.parse("2026-12-01T00:00:00Z")];
      await test.ledger.hold(capped("1", 100n, cap, { at: night }));
      await expect(test.ledger.hold(capped("2", 1n, cap, { at: night }))).rejects.toMatchObject(refused);
      await test.ledger.hold(capped("2", 100n, cap, { at: morning }));
      await test.ledger.settle(termsOf("1", 0n).holdId, settlementOf(70n, { id: "1" }, { at: morning + 1 }));
      expect(await counted(test.ledger, "daily", night)).toEqual({ used: use(70n, 18n), open: noUse });
      expect(await counted(test.ledger, "daily", morning)).toEqual({ used: noUse, open: use(100n, 100n) });
      expect(await counted(test.ledger, "weekly", morning)).toEqual({ used: use(70n, 18n), open: use(100n, 100n) });
      expect(await counted(test.ledger, "monthly", morning)).toEqual({ used: noUse, open: use(100n, 100n) });
      await test.reopen?.();
      expect(await counted(test.ledger, "daily", night)).toMatchObject({ used: use(70n, 18n) });
      expect(await test.ledger.check()).toEqual([]);
    });

    /** Goal: a window begins anew while requests run, for each of them. Method: 64 holds at once, half of them of the next day; one cap. */
    it("rolls over under load", async () => {
      await using test = await funded();
      const cap = capOf(100n);
      const days = Array.from({ length: 64 }, (_, n) => MONDAY + (n % 2) * MILLIS_OF_DAY);
      const held = await Promise.allSettled(days.map((at, n) => test.ledger.hold(capped(`${n}`, 10n, cap, { at }))));
      for (const day of [0, 1]) {
        const taken = held.filter(({ status }, n) => n % 2 === day && status === "fulfilled");
        expect(taken).toHaveLength(10);
      }
      expect(await test.ledger.check()).toEqual([]);
    });

    /** Goal: a cap that is set later counts what was used before, whatever its reset is changed to. Method: use without one; then one of each kind, and one below what was used. */
    it("counts for every key, and for every kind of window", async () => {
      await using test = await funded();
      const before = [-40, -3, 0].map((days) => MONDAY + days * MILLIS_OF_DAY);
      for (const [n, at] of before.entries()) {
        await test.ledger.hold({ ...termsOf(`${n}`, 10n), at });
        await test.ledger.settle(termsOf(`${n}`, 0n).holdId, settlementOf(10n, { id: `${n}` }, { at }));
      }
      const used = await test.ledger.counted(
        limitResets.map((reset) => ({ subject: key, reset })),
        MONDAY,
      );
      expect(used.map((one) => one.used.microUsd)).toEqual([30n, 10n, 10n, 20n]);
      await expect(test.ledger.hold(capped("a", 1n, capOf(20n, "monthly")))).rejects.toMatchObject(refused);
      await expect(test.ledger.hold(capped("a", 1n, capOf(5n, "daily")))).rejects.toMatchObject(refused);
      await test.ledger.hold(capped("a", 1n, capOf(31n, "none")));
    });

    /** Goal: an answer that is owed counts for nobody. Method: a keyed request under a full cap whose answer was lost, asked again. */
    it("does not count what the platform pays", async () => {
      await using test = await funded();
      const cap = capOf(10n);
      const keyed = { idempotency: idempotencyOf("k") };
      await test.ledger.hold(capped("1", 10n, cap, keyed));
      await test.ledger.settle(termsOf("1", 0n).holdId, settlementOf(10n, { id: "1", earned: 5n }));
      test.ledger.loseAnswer(termsOf("1", 0n).holdId);
      const full = { used: use(10n, 18n), open: noUse };
      expect(await counted(test.ledger, "daily")).toEqual(full);
      await test.ledger.hold(capped("2", 10n, cap, keyed));
      expect(await counted(test.ledger, "daily")).toEqual(full);
      await test.ledger.settle(termsOf("2", 0n).holdId, settlementOf(10n, { id: "2", earned: 5n }));
      expect(await counted(test.ledger, "daily")).toEqual(full);
      expect(await test.ledger.check()).toEqual([]);
    });

    /** Goal: it has to fit every cap, and counts for each. Method: two keys under one bound that is wider than each has. */
    it("counts for whoever else has a cap", async () => {
      await using test = await funded();
      const both: Cap = { ...capOf(15n), subject: "key_both" as KeyId };
      const other = { keyId: "key_2" as KeyId };
      await test.ledger.hold(capped("1", 10n, both, { caps: [capOf(10n), both] }));
      await expect(test.ledger.hold(capped("2", 6n, both, other))).rejects.toMatchObject(refused);
      await test.ledger.hold(capped("2", 5n, both, other));
      const subjects = [key, other.keyId, both.subject].map((subject) => ({ subject, reset: "daily" as const }));
      const held = (await test.ledger.counted(subjects, MONDAY)).map((one) => one.open.microUsd);
      expect(held).toEqual([10n, 5n, 15n]);
    });

    /** Goal: whatever happens, no window holds more than its cap, and nothing is refused that fits what is shown. Method: random holds, settlements and releases over days, under a cap of each kind, against plain sums. */
    it("neither exceeds a cap nor refuses what fits", async () => {
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...limitResets), fc.array(step, { maxLength: 25 }), async (reset, steps) => {
          await using test = await funded();
          const cap = capOf(100n, reset, 500n);
          const model: Kept[] = [];
          for (const [n, { op, amount, tokens, days }] of steps.entries()) {
            const at = MONDAY + days * MILLIS_OF_DAY;
            if (op === "hold") {
              const sum = sumWithin(model, reset, at);
              const fits = sum.microUsd + amount <= 100n && sum.tokens + tokens <= 500n;
              const shown = await counted(test.ledger, reset, at);
              expect((shown?.used.microUsd ?? 0n) + (shown?.open.microUsd ?? 0n)).toBe(sum.microUsd);
              expect((shown?.used.tokens ?? 0n) + (shown?.open.tokens ?? 0n)).toBe(sum.tokens);
              const held = test.ledger.hold(capped(`${n}`, amount, cap, { at, tokens })).then(
                () => true,
                () => false,
              );
              expect(await held).toBe(fits);
              if (fits) model.push({ id: `${n}`, at, use: use(amount, tokens), isOpen: true });
            } else {
              const one = model.find(({ isOpen }) => isOpen);
              if (!one) continue;
              const job = op === "settle" ? { id: one.id } : undefined;
              const asked = op === "settle" ? amount : 0n;
              const charge = await test.ledger.settle(
                termsOf(one.id, 0n).holdId,
                settlementOf(asked, job, { at: at + 9 * MILLIS_OF_DAY }),
              );
              const used = job ? (one.use.tokens < 18n ? one.use.tokens : 18n) : 0n;
              one.use = use(charge, used);
              one.isOpen = false;
            }
          }
          expect(await test.ledger.check()).toEqual([]);
        }),
        { numRuns: 15 },
      );
    });
  });
}

/** What keeps the days few. */
interface WithUpkeep extends LedgerUnderTest {
  readonly ledger: Ledger & { addUpUsed(now: number): Promise<number> };
}

/** The same of ledgers that keep their days in tables. */
export function daysContract(name: string, open: () => Promise<WithUpkeep>): void {
  /** Goal: days that are in no window are added up, what was ever used stays, and so do the others. Method: use of nine weeks, one day each, twice added up; the first in either life. */
  it(`adds up days of use: ${name}`, async () => {
    await using test = await open();
    const { ledger } = test;
    await ledger.credit("credit_1", anna, microUsd(1_000n), 500);
    for (let week = 0; week < 9; week++) {
      const at = MONDAY - week * 7 * MILLIS_OF_DAY;
      await ledger.hold({ ...termsOf(`${week}`, 10n), at });
      await ledger.settle(termsOf(`${week}`, 0n).holdId, settlementOf(10n, { id: `${week}` }, { at }));
    }
    const shown = () => Promise.all(limitResets.map((reset) => counted(ledger, reset)));
    const before = await shown();
    expect(before.map((one) => one?.used.microUsd)).toEqual([90n, 10n, 10n, 50n]);
    // Those of September, and of the first days of October none.
    expect(await ledger.addUpUsed(MONDAY)).toBe(0);
    expect(await ledger.addUpUsed(MONDAY + MILLIS_OF_DAY)).toBe(4);
    expect(await ledger.addUpUsed(MONDAY + MILLIS_OF_DAY)).toBe(0);
    expect(await shown()).toEqual(before);
    expect(await ledger.check()).toEqual([]);
    expect(await ledger.addUpUsed(MONDAY + 62 * MILLIS_OF_DAY)).toBe(5);
    expect((await counted(ledger, "none"))?.used).toEqual(use(90n, 162n));
    expect(await ledger.check()).toEqual([]);
  });
}

interface Kept {
  readonly id: string;
  readonly at: number;
  use: Use;
  isOpen: boolean;
}

function sumWithin(kept: readonly Kept[], reset: LimitReset, at: number): Use {
  const window = windowAt(reset, at);
  const within = kept.filter((one) => isWithin(window, dayOf(one.at)));
  return within.reduce((sum, one) => use(sum.microUsd + one.use.microUsd, sum.tokens + one.use.tokens), noUse);
}

const step = fc.record({
  op: fc.constantFrom("hold", "hold", "settle", "release"),
  amount: fc.bigInt(0n, 60n),
  tokens: fc.bigInt(0n, 200n),
  days: fc.nat(9),
});
