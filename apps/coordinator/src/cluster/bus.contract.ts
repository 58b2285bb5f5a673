import { utf8 } from "@darkbloom/protocol/bytes";
import { expect, it } from "vitest";
import { BUS_PAYLOAD_BYTES_MAX, type Bus } from "./bus.ts";

/** One bus, to which a test connects as often as it likes. */
export interface TestedBus extends AsyncDisposable {
  connect(): Promise<Bus>;
  /** All that was published until now has arrived by then. */
  settle(): Promise<void>;
  /** It is away from now on, for everybody. */
  leave(): Promise<void>;
  comeBack(): Promise<void>;
}

/** What any bus must do. `open` gives a fresh one. */
export function busContract(name: string, open: () => Promise<TestedBus>): void {
  const heardBy = (bus: Bus, subject: string) => {
    const heard: string[] = [];
    const subscription = bus.subscribe(subject, (payload) => heard.push(new TextDecoder().decode(payload)));
    return { heard, subscription };
  };

  /** Goal: all others hear what is published under what they listen to, in its order, and its publisher does not. Method: three connections, two subjects. */
  it(`hands a message to all others: ${name}`, async () => {
    await using hub = await open();
    const [one, two, three] = await Promise.all([hub.connect(), hub.connect(), hub.connect()]);
    const own = heardBy(one, "darkbloom.n.fleet");
    const others = [heardBy(two, "darkbloom.n.fleet"), heardBy(three, "darkbloom.n.fleet")];
    const elsewhere = heardBy(two, "darkbloom.n.to.two");
    await hub.settle();
    const sent = Array.from({ length: 200 }, (_, n) => `message ${n}`);
    for (const text of sent) one.publish("darkbloom.n.fleet", utf8(text));
    three.publish("darkbloom.n.to.two", utf8("for two"));
    await hub.settle();
    expect(others.map(({ heard }) => heard)).toEqual([sent, sent]);
    expect([own.heard, elsewhere.heard]).toEqual([[], ["for two"]]);
    others[0]?.subscription[Symbol.dispose]();
    await hub.settle();
    one.publish("darkbloom.n.fleet", utf8("later"));
    await hub.settle();
    expect(others.map(({ heard }) => heard.at(-1))).toEqual(["message 199", "later"]);
  });

  /** Goal: every byte arrives as it was sent, up to the bound, and a longer payload is refused. Method: one of each. */
  it(`carries payloads up to its bound: ${name}`, async () => {
    await using hub = await open();
    const [one, two] = await Promise.all([hub.connect(), hub.connect()]);
    const heard: Uint8Array[] = [];
    two.subscribe("darkbloom.n.to.two", (payload) => heard.push(payload.slice()));
    await hub.settle();
    expect(one.payloadBytesMax).toBeLessThanOrEqual(BUS_PAYLOAD_BYTES_MAX);
    const longest = Uint8Array.from({ length: one.payloadBytesMax }, (_, n) => n * 7);
    one.publish("darkbloom.n.to.two", new Uint8Array(0));
    one.publish("darkbloom.n.to.two", longest);
    await hub.settle();
    expect(heard.map(({ length }) => length)).toEqual([0, longest.length]);
    expect(Buffer.compare(heard[1] ?? new Uint8Array(0), longest)).toBe(0);
    expect(() => one.publish("darkbloom.n.to.two", new Uint8Array(longest.length + 1))).toThrow(RangeError);
  });

  /** Goal: what is said while the bus is away is never heard, what is said afterwards is. Method: it leaves and comes back under a subscription. */
  it(`loses what is published while it is away: ${name}`, async () => {
    await using hub = await open();
    const [one, two] = await Promise.all([hub.connect(), hub.connect()]);
    const { heard } = heardBy(two, "darkbloom.n.fleet");
    const told: boolean[] = [];
    one.watch((isUp) => told.push(isUp));
    await hub.settle();
    await hub.leave();
    await expect.poll(() => [one.isUp, two.isUp, told]).toEqual([false, false, [false]]);
    one.publish("darkbloom.n.fleet", utf8("in vain"));
    await hub.comeBack();
    await expect.poll(() => [one.isUp, two.isUp, told], { timeout: 10_000 }).toEqual([true, true, [false, true]]);
    await hub.settle();
    one.publish("darkbloom.n.fleet", utf8("heard"));
    await hub.settle();
    expect(heard).toEqual(["heard"]);
  });
}
