import type { CoordinatorId, ProviderId } from "@darkbloom/protocol/ids";
import { SimulatedClock } from "@darkbloom/testkit";
import { expect, it } from "vitest";
import { idle } from "../machines/members.samples.ts";
import { FREED_REMEMBERED_MAX, SlotTurns, TURN_MS } from "./turns.ts";

const [a, b] = ["coord_a", "coord_b"] as [CoordinatorId, CoordinatorId];
const { providerId } = idle;
const busy = { ...idle, running: idle.slots };

/** Goal: a slot that has just become free is kept from those who have waited less than somebody elsewhere, for a moment. Method: waits that are told, and who asks when. */
it.each<
  [what: string, waitedMs: number, sinceMs: number, afterMs: number, by: CoordinatorId | undefined, held: boolean]
>([
  ["somebody who has just come", 3_000, 10_000, 0, undefined, true],
  ["somebody of a third coordinator", 3_000, 10_000, 0, b, true],
  ["whoever is of the one who waits", 3_000, 10_000, 0, a, false],
  ["who has waited as long", 3_000, 7_400, 0, undefined, false],
  ["who has waited half a second less", 3_000, 7_500, 0, undefined, false],
  ["who has waited less than that", 3_000, 7_501, 0, undefined, true],
  ["who has waited longer", 3_000, 2_000, 0, undefined, false],
  ["anybody, the last moment", 3_000, 10_000, TURN_MS - 1, undefined, true],
  ["anybody, later", 3_000, 10_000, TURN_MS, undefined, false],
])("keeps it from %s", async (_what, waitedMs, sinceMs, afterMs, by, held) => {
  const clock = new SimulatedClock();
  await clock.advance(10_000);
  const turns = new SlotTurns(clock);
  turns.told(a, [[providerId, waitedMs]]);
  expect(turns.heldUntilMs(idle, sinceMs, by)).toBeUndefined();
  turns.saw(busy);
  expect(turns.heldUntilMs(idle, sinceMs, by)).toBeUndefined();
  turns.saw(idle);
  await clock.advance(afterMs);
  expect(turns.heldUntilMs(idle, sinceMs, by)).toBe(held ? 10_000 + TURN_MS : undefined);
  expect(turns.heldUntilMs({ ...idle, providerId: "p2" as ProviderId }, sinceMs, by)).toBeUndefined();
  turns.forget(a);
  expect(turns.heldUntilMs(idle, sinceMs, by)).toBeUndefined();
});

/** Goal: a change that comes while a slot is kept keeps it no longer, and one that comes later does. Method: look at it again and again. */
it("keeps a slot once for each time that it may have become free", async () => {
  const clock = new SimulatedClock();
  const turns = new SlotTurns(clock);
  turns.told(a, [[providerId, 5_000]]);
  turns.saw(idle);
  await clock.advance(100);
  turns.saw(idle);
  expect(turns.heldUntilMs(idle, 0)).toBe(TURN_MS);
  await clock.advance(TURN_MS - 100);
  expect(turns.heldUntilMs(idle, 0)).toBeUndefined();
  turns.saw(idle);
  expect(turns.heldUntilMs(idle, 0)).toBe(2 * TURN_MS);
  expect([turns.waitsSinceMs(a, providerId), turns.waitsSinceMs(b, providerId)]).toEqual([-5_000, TURN_MS]);
});

/** Goal: no number of machines is remembered without end. Method: one more than there is room for; the first is forgotten. */
it("forgets the machine that was seen so longest ago", () => {
  const turns = new SlotTurns(new SimulatedClock());
  const named = (n: number) => ({ ...idle, providerId: `p${n}` as ProviderId });
  const first = [0, 1].map(named);
  turns.told(
    a,
    first.map((machine) => [machine.providerId, 5_000]),
  );
  const held = () => first.map((machine) => turns.heldUntilMs(machine, 0) !== undefined);
  for (let n = 0; n < FREED_REMEMBERED_MAX; n++) turns.saw(named(n));
  expect(held()).toEqual([true, true]);
  turns.saw(named(FREED_REMEMBERED_MAX));
  expect(held()).toEqual([false, true]);
});
