import type { AccountId } from "@darkbloom/protocol/ids";
import { expect, it } from "vitest";
import { Unopened, UNOPENED_BURST } from "./unopened.ts";

const ann = "ann" as AccountId;

/** An envelope that so many machines say they cannot open. */
function unread(unopened: Unopened, machines: number): void {
  using words = unopened.wordsOn(ann);
  for (let n = 0; n < machines; n++) words.said(`machine ${n}`);
}

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
    for (let envelope = 0; envelope < envelopes; envelope++) unread(unopened, machines);
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
  for (let envelope = 0; envelope < 20; envelope++) unread(unopened, 2);
  for (let envelope = 0; envelope < 5; envelope++) unread(unopened, 1);
  // Above its bound a machine's words are still counted, and as many more are waited for.
  expect([unopened.waitSec(ann), unopened.waitSecAt(ann, "machine 0")]).toEqual([3, 360]);
  nowMs = 3_000;
  expect([unopened.waitSec(ann), unopened.waitSecAt(ann, "machine 0")]).toEqual([undefined, 357]);
  nowMs = 360_000;
  expect(unopened.waitSecAt(ann, "machine 0")).toBeUndefined();
});

/** Goal: an envelope counts against its caller where nobody opened it and two said so, and is counted from the first word on so that others cannot begin meanwhile. Method: nineteen that count, and one whose end is another each time; asked in the middle of it and after. */
it.each<[what: string, said: string[], opened: boolean, meanwhile: boolean, after: boolean]>([
  ["nobody has said anything of", [], false, true, true],
  ["is opened by the first", [], true, true, true],
  ["one cannot open, and nobody else is asked for", ["one"], false, false, true],
  ["one cannot open, twice", ["one", "one"], false, false, true],
  ["one cannot open, and another can", ["one"], true, false, true],
  ["two cannot open, and a third can", ["one", "two"], true, false, true],
  ["two cannot open", ["one", "two"], false, false, false],
  ["three cannot open", ["one", "two", "three"], false, false, false],
])("an envelope that %s", (_, said, isOpened, meanwhile, after) => {
  const unopened = new Unopened({ monotonicMs: () => 0 });
  for (let envelope = 0; envelope < UNOPENED_BURST - 1; envelope++) unread(unopened, 2);
  const mayAsk = (): boolean => unopened.waitSec(ann) === undefined;
  {
    using words = unopened.wordsOn(ann);
    for (const identityKey of said) words.said(identityKey);
    if (isOpened) words.opened();
    expect(mayAsk()).toBe(meanwhile);
  }
  expect(mayAsk()).toBe(after);
});
