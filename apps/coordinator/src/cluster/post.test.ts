import { createHmac } from "node:crypto";
import { utf8 } from "@darkbloom/protocol/bytes";
import type { CoordinatorId } from "@darkbloom/protocol/ids";
import { seededRandom, SimulatedClock } from "@darkbloom/testkit";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { MemoryBus } from "../adapters/memory-bus.ts";
import type { BusSkip } from "../events/events.ts";
import type { Bus } from "./bus.ts";
import {
  addressed,
  BATCH_BYTES,
  BATCH_BYTES_MAX,
  BATCHES_OPEN_MAX,
  Post,
  readAddressed,
  type PostKind,
} from "./post.ts";

const [one, two] = ["1", "2"].map((digit) => `coord_${digit.repeat(32)}`) as [CoordinatorId, CoordinatorId];
const networkKey = {
  mac: (...message: readonly Uint8Array[]) => {
    const hmac = createHmac("sha256", "key");
    for (const part of message) hmac.update(part);
    return new Uint8Array(hmac.digest());
  },
};

function changed(message: Uint8Array, at: number): Uint8Array {
  const other = message.slice();
  other[at] = (other[at] ?? 0) ^ 1;
  return other;
}

/** Two coordinators and what comes between them; a turn ends when a test says so. */
function twoPosts(payloadBytesMax?: number) {
  const clock = new SimulatedClock();
  const hub = new MemoryBus(clock, seededRandom(1));
  const turns: (() => void)[] = [];
  const heard: [PostKind, string][] = [];
  const skipped: BusSkip[] = [];
  const sizes: number[] = [];
  hub.overheard = (_, payload) => void sizes.push(payload.length);
  const narrow = (bus: Bus): Bus => Object.assign(bus, payloadBytesMax !== undefined && { payloadBytesMax });
  const postOf = (self: CoordinatorId) =>
    new Post(
      { bus: narrow(hub.connect()), networkKey, clock, defer: (act) => void turns.push(act) },
      self,
      (_, kind, bytes) => void heard.push([kind, new TextDecoder().decode(bytes)]),
      (why) => void skipped.push(why),
    );
  const [from, to] = [postOf(one), postOf(two)];
  const endTurn = async () => {
    for (const act of turns.splice(0)) act();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, hub, from, to, heard, skipped, sizes, endTurn };
}

/** Goal: what is said arrives as it was said, in its order, however it is cut on the way. Method: records of any length over messages of any. */
it("hands over records whole and in order", async () => {
  const record = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.integer({ min: 0, max: 3_000 }).map((n) => "x".repeat(n)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(record, { maxLength: 12 }), fc.integer({ min: 60, max: 900 }), async (said, most) => {
      const { from, heard, skipped, sizes, endTurn } = twoPosts(most);
      for (const text of said) from.hand(two, "frames", [utf8(text)]);
      await endTurn();
      expect(heard).toEqual(said.map((text) => ["frames", text]));
      expect(skipped).toEqual([]);
      expect(sizes.every((bytes) => bytes <= most)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

/** Goal: what is said in one turn costs one message, and what is long does not hold up what came before. Method: small records, and one above a batch. */
it("puts a turn's words together, up to a batch", async () => {
  const { from, heard, sizes, endTurn } = twoPosts();
  for (let n = 0; n < 20; n++) from.tell(two, { n });
  from.tellAll({ all: true });
  expect(sizes).toEqual([]);
  await endTurn();
  expect([sizes.length, heard.length]).toEqual([2, 21]);
  from.tell(two, {});
  from.hand(two, "request", [new Uint8Array(BATCH_BYTES)]);
  expect(sizes).toHaveLength(3);
  await endTurn();
  expect(heard.slice(21).map(([kind]) => kind)).toEqual(["words", "request"]);
});

/** Goal: what nobody waits for costs no message of its own, and does not wait for ever either. Method: mention, alone and before something that is said. */
it("lets what nobody waits for go along", async () => {
  const { clock, from, heard, sizes, endTurn } = twoPosts();
  from.mention(two, { first: true });
  await endTurn();
  expect(sizes).toEqual([]);
  from.tell(two, { second: true });
  from.mention(two, { third: true });
  await endTurn();
  expect([sizes.length, heard.map(([, text]) => text)]).toEqual([
    1,
    ['{"first":true}', '{"second":true}', '{"third":true}'],
  ]);
  from.mention(two, { fourth: true });
  await clock.advance(100);
  expect([sizes.length, heard.at(-1)]).toEqual([2, ["words", '{"fourth":true}']]);
});

/** Goal: a batch of which a message is lost is lost whole, and takes nothing else along. Method: lose each of its messages in turn, with another batch behind it. */
it("loses a batch of which a piece is lost", async () => {
  for (const n of [0, 1, 2, 3]) {
    const { hub, from, heard, skipped, endTurn } = twoPosts(400);
    let at = 0;
    hub.fate = () => (at++ === n ? [] : [0]);
    from.hand(two, "request", [utf8("x".repeat(1_300))]);
    await endTurn();
    expect(at).toBe(4);
    from.hand(two, "frames", [utf8("y".repeat(700))]);
    await endTurn();
    expect(heard).toEqual([["frames", "y".repeat(700)]]);
    expect(new Set(skipped)).toEqual(new Set(["lost"]));
  }
});

/** Goal: nobody makes a coordinator keep more than a batch. Method: one that never ends, a little above the bound, and the next one. */
it("puts no more together than a batch may have", async () => {
  const { from, heard, skipped, endTurn } = twoPosts();
  from.hand(two, "request", [new Uint8Array(BATCH_BYTES_MAX)]);
  await endTurn();
  expect([heard, skipped[0]]).toEqual([[], "shape"]);
  from.tell(two, { next: true });
  await endTurn();
  expect(heard).toEqual([["words", '{"next":true}']]);
});

/** Goal: nothing counts that is not sealed with the network's key for this subject, of this version, and of another. Method: what was said, spoiled in one way each. */
it.each<[what: string, spoil: (message: Uint8Array) => Uint8Array, why: BusSkip | undefined]>([
  ["as it was", (message) => message, undefined],
  ["another seal", (message) => changed(message, 3), "seal"],
  ["another sender", (message) => changed(message, 20), "seal"],
  ["other bytes", (message) => changed(message, message.length - 1), "seal"],
  ["another version", (message) => changed(message, 16), "version"],
  ["no more than a head", (message) => message.subarray(0, 41), "seal"],
  ["less than a head", (message) => message.subarray(0, 40), "shape"],
])("takes %s or skips it", async (_what, spoil, why) => {
  const { hub, from, to, heard, skipped, endTurn } = twoPosts();
  const sent: [string, Uint8Array][] = [];
  hub.overheard = (subject, payload) => void sent.push([subject, payload]);
  from.tellAll({ said: true });
  await endTurn();
  expect(heard.splice(0)).toEqual([["words", '{"said":true}']]);
  const [subject, message] = sent[0] ?? ["", new Uint8Array(0)];
  hub.connect().publish(subject, spoil(message));
  await endTurn();
  // Its own words come back to whoever said them, and are nobody's.
  expect(heard).toEqual(why ? [] : [["words", '{"said":true}']]);
  expect(skipped).toEqual(why ? [why, why] : []);
  to[Symbol.dispose]();
});

/** Goal: pieces of two batches are never taken for one, and no number of batches that never end is kept. Method: first pieces of more batches than are kept, then second ones that do not fit. */
it("puts together what belongs together, of so many at once", async () => {
  const { hub, from, to, heard, skipped } = twoPosts();
  const sent: [string, Uint8Array][] = [];
  hub.overheard = (subject, payload) => void sent.push([subject, payload]);
  to.tell(one, {});
  to.flush();
  hub.overheard = undefined;
  const [subject] = sent[0] ?? [""];
  const other = hub.connect();
  const piece = (sender: number, batch: number, n: number, of: number) => {
    const message = new Uint8Array(16 + 25 + 3);
    message[16] = 1;
    message[17] = sender;
    message.set([0, 0, 0, batch, 0, n, 0, of], 33);
    message.set(networkKey.mac(utf8(`darkbloom:bus:v1\0${subject}\0`), message.subarray(16)).subarray(0, 16));
    other.publish(subject, message);
  };
  const told = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return skipped.splice(0);
  };
  for (const [batch, n, of] of [
    [2, 1, 2],
    [1, 1, 3],
    [1, 2, 3],
  ] as const) {
    piece(1, 1, 0, of === 2 ? 2 : 3);
    if (n === 1 && of === 3) piece(1, 1, 1, 2);
    else piece(1, batch, n, of);
    expect(await told()).toEqual(["lost"]);
  }
  for (let sender = 0; sender < BATCHES_OPEN_MAX; sender++) piece(sender, 1, 0, 2);
  expect(await told()).toEqual([]);
  piece(BATCHES_OPEN_MAX, 1, 0, 2);
  expect(await told()).toEqual(["crowd"]);
  expect(heard).toEqual([["words", "{}"]]);
  from.forget();
  piece(BATCHES_OPEN_MAX, 1, 0, 2);
  expect(await told()).toEqual([]);
});

/** Goal: what is about a line is read as it was written, or not at all. Method: one, and what is cut off or names none. */
it("reads what is about a line", () => {
  const whole = Uint8Array.from(Buffer.concat(addressed("job_1", 70_000, utf8("some"), utf8("thing"))));
  const read = readAddressed(whole);
  expect([read?.jobId, read?.number, new TextDecoder().decode(read?.bytes)]).toEqual(["job_1", 70_000, "something"]);
  expect(readAddressed(whole.subarray(0, 10))?.bytes.length).toBe(0);
  expect(readAddressed(whole.subarray(0, 9))).toBeUndefined();
  expect(readAddressed(Uint8Array.of(0, 0, 0, 0, 1))).toBeUndefined();
  expect(readAddressed(Uint8Array.of(1, 0xff, 0, 0, 0, 1))).toBeUndefined();
  expect(readAddressed(new Uint8Array(0))).toBeUndefined();
});

/** Goal: what was not understood is counted, and what stands beside it is heard. Method: kinds and lengths that are none, sealed as ours. */
it("skips what is no record", async () => {
  const { hub, to, heard, skipped } = twoPosts();
  const sent: [string, Uint8Array][] = [];
  hub.overheard = (subject, payload) => void sent.push([subject, payload]);
  const other = hub.connect();
  to.tell(one, { subject: true });
  to.flush();
  const [subject, payload] = sent[0] ?? ["", new Uint8Array(0)];
  const sealed = (change: (piece: Uint8Array) => void) => {
    const piece = payload.slice(16);
    change(piece);
    const whole = new Uint8Array(payload);
    whole.set(piece, 16);
    whole.set(networkKey.mac(utf8(`darkbloom:bus:v1\0${subject}\0`), piece).subarray(0, 16));
    other.publish(subject, whole);
  };
  const firstRecordAt = 25;
  sealed(() => undefined);
  sealed((piece) => (piece[firstRecordAt] = 9));
  sealed((piece) => (piece[firstRecordAt + 4] = 200));
  await new Promise((resolve) => setImmediate(resolve));
  expect(heard).toEqual([
    ["words", '{"subject":true}'],
    ["words", '{"subject":true}'],
  ]);
  expect(skipped).toEqual(["shape", "shape"]);
});
