import { CLOCK_SKEW_MS } from "@darkbloom/protocol/limits";
import { SimulatedClock } from "@darkbloom/testkit";
import { expect, it } from "vitest";
import { Catalog } from "../../catalog/catalog.ts";
import { entryOf, idle } from "../members.samples.ts";
import { freshStanding } from "../records/standing.ts";
import { MachineClock } from "./machine-clock.ts";
import { trustStatusOf } from "./trust-status.ts";

const NOW_MS = 5_000;

async function told({ attestedUntilMs = NOW_MS, offsetMs = 0 }) {
  const clock = new SimulatedClock();
  await clock.advance(NOW_MS);
  const machineClock = new MachineClock(clock);
  machineClock.measured(offsetMs);
  const floor = { minTrust: "self_signed", catalog: new Catalog([entryOf("m")]) } as const;
  const verdict = { level: "self_signed", checks: [], at: "" } as const;
  return trustStatusOf({ clock, floor }, { ...idle, attestedUntilMs }, verdict, freshStanding, machineClock);
}

/** Goal: an owner is told what keeps requests away, once the machine is known. Method: around the end of what it has shown. */
it.each<[what: string, attestedUntilMs: number, eligible: boolean]>([
  ["to the last moment of its time", NOW_MS, true],
  ["a moment later, when nothing of it is known", NOW_MS - 1, false],
])("a machine is told what it may serve %s", async (_, attestedUntilMs, eligible) => {
  const status = await told({ attestedUntilMs });
  expect(status.eligible).toBe(eligible);
  expect(status.checks.some(({ id }) => id.startsWith("serving."))).toBe(eligible);
});

/** Goal: whoever sets a clock knows to which side. Method: each side, and the most that may be. */
it.each<[offsetMs: number, says: RegExp | undefined]>([
  [CLOCK_SKEW_MS + 400, /clock is \d+ s ahead of the coordinator's; 120 s may be/],
  [-CLOCK_SKEW_MS - 400, /clock is \d+ s behind the coordinator's; 120 s may be/],
  [CLOCK_SKEW_MS, undefined],
  [-CLOCK_SKEW_MS, undefined],
])("a clock %i ms off: %s", async (offsetMs, says) => {
  const { checks } = await told({ offsetMs });
  const found = checks.find(({ id }) => id === "clock.offset");
  if (says) expect(found).toMatchObject({ status: "fail", seen: expect.stringMatching(says) as string });
  else expect(found).toBeUndefined();
});
