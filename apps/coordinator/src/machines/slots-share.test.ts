import type { AccountId, JobId, ProviderId } from "@darkbloom/protocol/ids";
import { seededRandom, SimulatedClock } from "@darkbloom/testkit";
import { expect, it } from "vitest";
import { Fleet } from "./fleet.ts";
import { SampleMember, wantOf } from "./members.samples.ts";
import { conductOf, newRecord, routedBy } from "./records/records.ts";
import { Slots } from "./slots.ts";

const ANSWER_TOKENS = 100;

interface Kind {
  readonly tokensPerSec: number;
  readonly claimed?: number;
  /** Requests that it really runs at once; further ones wait inside it. */
  readonly real?: number;
  readonly does?: "answer" | "busy" | "break every third";
}

/** A day of callers and machines, on a simulated clock: only what is routed and measured is real. */
class Day {
  readonly clock = new SimulatedClock();
  readonly #fleet = new Fleet(queueMicrotask);
  readonly #random = seededRandom(7);
  readonly #slots = new Slots(this.#fleet, this.clock, this.#random);
  /** Requests by machine, since it was last read. */
  readonly asked = new Map<string, number>();
  readonly firstContentMs: number[] = [];
  readonly #serveBy = new Map<string, (jobId: JobId) => Promise<boolean>>();

  join(name: string, { tokensPerSec, claimed = 4, real = claimed, does = "answer" }: Kind): void {
    const record = newRecord();
    const routed = () => routedBy(record, claimed);
    const member = new SampleMember(this.#fleet, name, routed());
    let nth = 0;
    const inside: (() => void)[] = [];
    let busy = 0;
    this.#fleet.join(member);
    this.#serveBy.set(name, async (jobId) => {
      const startedMs = this.clock.monotonicMs();
      const line = conductOf(this.clock, record, member.lines.length - 1, {
        running: () => member.lines.length,
        changed: () => member.become(routed()),
        ejected: () => {},
      });
      this.asked.set(name, (this.asked.get(name) ?? 0) + 1);
      nth++;
      const end = (isGood: boolean) => {
        member.close(jobId);
        return isGood;
      };
      if (does === "busy") {
        line.wasBusy();
        return end(false);
      }
      if (busy >= real) await new Promise<void>((resolve) => inside.push(resolve));
      else busy++;
      await this.clock.sleep(100 * (0.9 + 0.2 * this.#random.fraction()));
      const firstContentMs = this.clock.monotonicMs() - startedMs;
      this.firstContentMs.push(firstContentMs);
      line.began({ firstContentMs, promptBytes: 100 });
      const decodeMs = (ANSWER_TOKENS / tokensPerSec) * 1000 * (0.9 + 0.2 * this.#random.fraction());
      await this.clock.sleep(decodeMs);
      const isGood = does !== "break every third" || nth % 3 !== 0;
      if (isGood) line.measured({ decodeMs, relayedBytes: ANSWER_TOKENS * 200, isStream: true });
      else line.faulted();
      const next = inside.shift();
      if (next) next();
      else busy--;
      return end(isGood);
    });
  }

  /** Requests at this rate for so long; what a machine refuses is tried on the next. */
  async requests(perSec: number, sec: number): Promise<void> {
    for (let n = 0; n < perSec * sec; n++) {
      void this.#one(n).catch(() => {});
      await this.clock.advance(1000 / perSec);
    }
  }

  async #one(n: number): Promise<void> {
    const tried = new Set<ProviderId>();
    for (;;) {
      const jobId = `job${n}.${tried.size}` as JobId;
      const request = { want: wantOf(), tried, jobId, account: "a" as AccountId, bytes: 1 };
      const { providerId } = await this.#slots.acquire(request, new AbortController().signal);
      if (await this.#serveBy.get(providerId)?.(jobId)) return;
      tried.add(providerId);
    }
  }

  shares(): Record<string, number> {
    const all = [...this.asked.values()].reduce((sum, count) => sum + count, 0);
    return Object.fromEntries([...this.asked].map(([name, count]) => [name, count / all]));
  }
}

/** Goal: equals earn alike. Method: three of them, slow or fast, a few hundred requests, a fixed seed. */
it.each([25, 200, 900])("shares evenly between three equal machines of %d tokens/s", async (tokensPerSec) => {
  const day = new Day();
  for (const name of ["p1", "p2", "p3"]) day.join(name, { tokensPerSec });
  await day.requests(tokensPerSec === 25 ? 1 : 2, 150);
  for (const name of ["p1", "p2", "p3"]) {
    expect(day.shares()[name]).toBeGreaterThan(0.25);
    expect(day.shares()[name]).toBeLessThan(0.42);
  }
});

/** Goal: a better machine that comes later is found. Method: it joins three that have been measured for long. */
it.each([10, 60, 200])(
  "gives a machine 3.3 times faster than %d tokens/s most requests within a minute",
  async (tokensPerSec) => {
    const day = new Day();
    for (const name of ["p1", "p2", "p3"]) day.join(name, { tokensPerSec, claimed: 8 });
    await day.requests(1, 120);
    day.join("fast", { tokensPerSec: tokensPerSec * 3.3, claimed: 8 });
    await day.requests(1, 60);
    day.asked.clear();
    await day.requests(1, 120);
    expect(day.shares()["fast"]).toBeGreaterThan(0.5);
  },
);

/** Goal: a claim of slots wins nothing. Method: 64 claimed and one real, beside two honest machines with four. */
it("does not let a machine that claims slots it has not keep callers waiting", async () => {
  const day = new Day();
  day.join("liar", { tokensPerSec: 50, claimed: 64, real: 1 });
  for (const name of ["p1", "p2"]) day.join(name, { tokensPerSec: 50, claimed: 4 });
  await day.requests(2, 120);
  expect(day.shares()["liar"]).toBeLessThan(0.35);
  const sorted = day.firstContentMs.toSorted((one, other) => one - other);
  expect(sorted[Math.floor(sorted.length * 0.95)]).toBeLessThan(500);
});

/** Goal: who takes no work is asked seldom. Method: one that is always busy beside two honest machines. */
it("asks a machine that is always busy hardly ever", async () => {
  const day = new Day();
  day.join("busy", { tokensPerSec: 900, claimed: 64, does: "busy" });
  for (const name of ["p1", "p2"]) day.join(name, { tokensPerSec: 50 });
  await day.requests(1, 60);
  day.asked.clear();
  await day.requests(1, 240);
  expect(day.shares()["busy"] ?? 0).toBeLessThan(0.05);
});

/** Goal: who breaks every third stream loses its share. Method: beside two honest machines of its kind, for five minutes. */
it("leaves out a machine that breaks every third answer", async () => {
  const day = new Day();
  day.join("breaks", { tokensPerSec: 50, does: "break every third" });
  for (const name of ["p1", "p2"]) day.join(name, { tokensPerSec: 50 });
  await day.requests(1, 60);
  day.asked.clear();
  await day.requests(1, 240);
  expect(day.shares()["breaks"] ?? 0).toBeLessThan(0.08);
});
