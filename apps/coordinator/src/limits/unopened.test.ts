import type { AccountId } from "@darkbloom/protocol/ids";
import { expect, it } from "vitest";
import { Unopened } from "./unopened.ts";

const ann = "ann" as AccountId;

/** Goal: one machine's word costs it that caller, and two machines' word costs the caller. Method: envelopes, each by how many machines said that they cannot open it. */
it.each<[envelopes: number, machines: number, mayAsk: boolean, atFirst: boolean]>([
  [4, 1, true, true],
  [5, 1, true, false],
  [100, 1, true, false],
  [4, 2, true, true],
  [19, 2, true, false],
  [20, 2, false, false],
  [19, 3, true, false],
  [20, 3, false, false],
])(
  "%i envelopes that %i machines cannot open: their caller may ask: %s, the first machine: %s",
  (envelopes, machines, mayAsk, atFirst) => {
    const unopened = new Unopened({ monotonicMs: () => 0 });
    for (let envelope = 0; envelope < envelopes; envelope++)
      for (let others = 0; others < machines; others++) unopened.said(ann, `machine ${others}`, others);
    expect(unopened.waitSec(ann) === undefined).toBe(mayAsk);
    expect(unopened.waitSecAt(ann, "machine 0") === undefined).toBe(atFirst);
    const asked = [0, 3].map((at) => ({ providerId: at, identityKey: `machine ${at}` }));
    expect(unopened.passedOver(ann, asked)).toEqual(new Set(atFirst ? [] : [0]));
    expect(unopened.waitSec("bob" as AccountId)).toBeUndefined();
    expect(unopened.waitSecAt("bob" as AccountId, "machine 0")).toBeUndefined();
  },
);

it("lets one more after a while: of an account, and at one machine", () => {
  let nowMs = 0;
  const unopened = new Unopened({ monotonicMs: () => nowMs });
  for (let envelope = 0; envelope < 20; envelope++)
    for (const others of [0, 1]) unopened.said(ann, `machine ${others}`, others);
  expect([unopened.waitSec(ann), unopened.waitSecAt(ann, "machine 0")]).toEqual([3, 60]);
  nowMs = 3_000;
  expect([unopened.waitSec(ann), unopened.waitSecAt(ann, "machine 0")]).toEqual([undefined, 57]);
  nowMs = 60_000;
  expect(unopened.waitSecAt(ann, "machine 0")).toBeUndefined();
});
