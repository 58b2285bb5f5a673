import { NetworkError } from "@darkbloom/protocol/failures";
import type { JobId, Serial } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import { systemClock } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import { MemoryLedger } from "../adapters/memory-ledger.ts";
import { Hold } from "./hold.ts";
import { idempotencyOf, settlementOf, termsOf } from "./ledger.samples.ts";
import type { HoldId, Settlement } from "./settlement.ts";

const clock = { ...systemClock, now: () => 7_000 };
const terms = termsOf("1", 40n);
const job = { jobId: "job_1" as JobId, serial: "SERIAL1" as Serial };

/** A ledger that remembers its settlements, and fails those that it is told to. */
class WatchedLedger extends MemoryLedger {
  readonly settlements: Settlement[] = [];
  readonly later: Settlement[] = [];
  /** What was said of keys, in order. */
  readonly told: string[] = [];
  failures = 0;
  failure: Error = new NetworkError({ code: "storage_unavailable", fault: "disk_full", retryAfterSec: 5 });

  override settleLater(_holdId: HoldId, settlement: Settlement): void {
    this.later.push(settlement);
  }

  override async spendKey(holdId: HoldId): Promise<void> {
    this.told.push("spent");
    return super.spendKey(holdId);
  }

  override loseAnswer(holdId: HoldId): void {
    this.told.push("lost");
    super.loseAnswer(holdId);
  }

  override async settle(holdId: HoldId, settlement: Settlement) {
    if (this.failures-- > 0) throw this.failure;
    this.settlements.push(settlement);
    return super.settle(holdId, settlement);
  }
}

async function funded(): Promise<WatchedLedger> {
  const ledger = new WatchedLedger();
  await ledger.credit("credit_1", terms.account, microUsd(100n), 1);
  return ledger;
}

describe("a hold", () => {
  /** Goal: nothing is held, and nothing settled, where the balance does not reach. Method: a poor account. */
  it("is not taken without the money", async () => {
    const ledger = new WatchedLedger();
    await expect(Hold.take(ledger, terms, clock)).rejects.toMatchObject({ failure: { code: "insufficient_funds" } });
    expect(ledger.settlements).toEqual([]);
  });

  /** Goal: a settled hold is settled once. Method: settle, leave the scope, count. */
  it("settles what it is told", async () => {
    const ledger = await funded();
    {
      await using hold = await Hold.take(ledger, terms, clock);
      expect((await ledger.totals(terms.account)).held).toBe(40n);
      hold.note("provider_fault", job);
      expect(await hold.settle(settlementOf(25n, { id: "1" }))).toBe(25n);
      expect(() => hold.settle(settlementOf(1n))).toThrow(RangeError);
    }
    expect(ledger.settlements).toEqual([{ ...settlementOf(25n, { id: "1" }), at: 7_000 }]);
  });

  /** Goal: every other way out costs nothing and says how it ended. Method: leave by return and by throw, with and without a note. */
  it("gives the money back where the scope is left without a settlement", async () => {
    const ledger = await funded();
    {
      await using _ = await Hold.take(ledger, terms, clock);
    }
    expect(ledger.settlements).toEqual([{ outcome: "refused", charge: 0n, at: 7_000 }]);

    const thrown = async (): Promise<void> => {
      await using hold = await Hold.take(ledger, termsOf("2", 40n), clock);
      hold.note("too_slow");
      hold.note("provider_fault", job);
      throw new Error("boom");
    };
    await expect(thrown()).rejects.toThrow("boom");
    expect(ledger.settlements[1]).toMatchObject({ outcome: "provider_fault", charge: 0n, job: { ...job, earned: 0n } });
    expect(await ledger.totals(terms.account)).toMatchObject({ balance: 100n, held: 0n, charged: 0n });
  });

  /** Goal: a settlement that did not reach the disk is undone, since nobody was told. Method: the disk fails once. */
  it("gives the money back where the settlement failed", async () => {
    const ledger = await funded();
    ledger.failures = 1;
    const failed = async (): Promise<void> => {
      await using hold = await Hold.take(ledger, terms, clock);
      await hold.settle(settlementOf(25n, { id: "1" }));
    };
    await expect(failed()).rejects.toMatchObject({ failure: { code: "storage_unavailable" } });
    expect(await ledger.totals(terms.account)).toMatchObject({ balance: 100n, held: 0n, charged: 0n });
  });

  /** Goal: a disk that stays full keeps no money. Method: it fails the settlement and what undoes it; what is tried later charges nothing. */
  it("gives the money back later where the disk stays full", async () => {
    const ledger = await funded();
    ledger.failures = 2;
    const failed = async (): Promise<void> => {
      await using hold = await Hold.take(ledger, terms, clock);
      hold.note("provider_fault", job);
      await hold.settle(settlementOf(25n, { id: "1" }));
    };
    await expect(failed()).rejects.toMatchObject({ failure: { fault: "disk_full" } });
    expect(ledger.settlements).toEqual([]);
    expect(ledger.later).toMatchObject([{ outcome: "provider_fault", charge: 0n, at: 7_000, job }]);
  });

  /** Goal: a mistake of ours is told, and not tried for ever. Method: another error than the storage's, at the scope's end. */
  it("tries nothing again that cannot do better", async () => {
    const ledger = await funded();
    ledger.failures = 1;
    ledger.failure = new RangeError("no such hold");
    const failed = async (): Promise<void> => {
      await using _ = await Hold.take(ledger, terms, clock);
    };
    await expect(failed()).rejects.toThrow("no such hold");
    expect(ledger.later).toEqual([]);
  });

  /** Goal: leaving the scope waits for a settlement under way instead of racing it. Method: do not await it. */
  it("waits for a settlement under way", async () => {
    const ledger = await funded();
    {
      await using hold = await Hold.take(ledger, terms, clock);
      void hold.settle(settlementOf(25n));
    }
    expect((await ledger.totals(terms.account)).charged).toBe(25n);
    expect(ledger.settlements).toHaveLength(1);
  });

  /** Goal: an answer counts as lost exactly where nobody took it over, and a key is only spent where there is one. Method: leave with and without handing over, settled and not; spend with and without a key. */
  it.each<[what: string, keyed: boolean, go: (hold: Hold) => unknown, told: readonly string[]]>([
    ["lost: settled, and not handed over", true, (hold) => hold.settle(settlementOf(5n)), ["lost"]],
    [
      "whoever took it over says: settled, and handed over",
      true,
      async (hold) => {
        await hold.settle(settlementOf(5n));
        hold.handedOver();
      },
      [],
    ],
    ["none: not settled", true, () => undefined, []],
    ["spent, with a key", true, (hold) => hold.spendKey(), ["spent"]],
    ["spent, without a key", false, (hold) => hold.spendKey(), []],
  ])("tells of its key: %s", async (_what, keyed, go, told) => {
    const ledger = await funded();
    {
      await using hold = await Hold.take(
        ledger,
        { ...terms, ...(keyed && { idempotency: idempotencyOf("k") }) },
        clock,
      );
      await go(hold);
    }
    expect(ledger.told).toEqual(told);
  });
});
