import { describe, expect, it, vi } from "vitest";
import { HandMachine } from "../../../../../packages/testkit/src/hand-machine.ts";
import { TestNetwork } from "../../../../../packages/testkit/src/network.ts";
import { FIRST_BYTES_MAX, FIRST_FRAMES_MAX, PROVIDER_PING_EVERY_MS, PROVIDER_SILENCE_MS } from "./host-provider.ts";

/**
 * Goal: what a connection may send before it is known whose it is, and what happens where ours is at fault. Method: a machine
 * in the test's hands on a simulated clock.
 */
function stranger() {
  const made = new TestNetwork();
  const refused = vi.spyOn(made.net.events, "joinRefused");
  const machine = new HandMachine(made);
  return { made, machine, refused: () => refused.mock.calls.map(([{ reason }]) => reason) };
}

describe("whoever has not registered", () => {
  const text = (chars: number) => (machine: HandMachine) => machine.sayText(" ".repeat(chars));
  const ping = (machine: HandMachine) => machine.connection.pinged();
  const times = (count: number, send: (machine: HandMachine) => void) => Array.from({ length: count }, () => send);

  it.each<[what: string, sends: ((machine: HandMachine) => void)[], isTooMuch: boolean]>([
    ["as many frames as may be", times(FIRST_FRAMES_MAX, text(1)), false],
    ["one more", times(FIRST_FRAMES_MAX + 1, text(1)), true],
    ["as many pings", times(FIRST_FRAMES_MAX, ping), false],
    ["a ping more", times(FIRST_FRAMES_MAX + 1, ping), true],
    ["a frame as long as may be", [text(FIRST_BYTES_MAX)], false],
    ["a character more", [text(FIRST_BYTES_MAX), text(1)], true],
    ["a longer one", [text(FIRST_BYTES_MAX + 1)], true],
  ])("may send %s at once, or is closed: %#", (_, sends, isTooMuch) => {
    const { machine, refused } = stranger();
    for (const send of sends) send(machine);
    expect(machine.closed).toBe(isTooMuch ? "too much before the registration" : undefined);
    expect(refused()).toEqual(isTooMuch ? ["flood"] : []);
  });

  it("is refused once, whatever else comes", () => {
    const { machine, refused } = stranger();
    for (let n = 0; n < 3 * FIRST_FRAMES_MAX; n++) {
      ping(machine);
      machine.sayText(" ");
    }
    expect(refused()).toEqual(["flood"]);
  });

  it.each<[what: string, act: (machine: HandMachine) => unknown, isLetIn: boolean]>([
    ["registers", (machine) => machine.register(), true],
    ["says something else", (machine) => machine.say({ type: "provider_drain" }), false],
    ["leaves", (machine) => machine.connection.closed(), false],
  ])("and %s is no fault of ours, let in or not: %#", async (_, act, isLetIn) => {
    const { made, machine } = stranger();
    await act(machine);
    await made.clock.advance(1);
    expect(await machine.connection.registered).toBe(isLetIn);
    expect(made.bugs).toEqual([]);
    expect(made.fleet.size).toBe(isLetIn ? 1 : 0);
  });

  it("may ping more often once it has", async () => {
    const machine = await HandMachine.joined(new TestNetwork());
    for (const send of times(3 * FIRST_FRAMES_MAX, ping)) send(machine);
    expect(machine.closed).toBeUndefined();
  });
});

describe("a fault of ours", () => {
  it("while a machine joins ends its connection, and is told as that", async () => {
    const { made, machine } = stranger();
    const fault = new TypeError("ours");
    vi.spyOn(made.approvals, "of").mockImplementation(() => {
      throw fault;
    });
    await machine.register();
    await made.clock.advance(1);
    expect(machine.closed).toBe("the coordinator failed");
    expect(made.bugs).toEqual([fault]);
  });

  it.each<[what: string, error: Error, isBug: boolean]>([
    ["a mistake", new TypeError("ours"), true],
    ["what cannot be read", new RangeError("theirs"), false],
  ])("is told from theirs: %s", async (_, error, isBug) => {
    const made = new TestNetwork();
    const machine = await HandMachine.joined(made);
    vi.spyOn(made.fleet, "changed").mockImplementationOnce(() => {
      throw error;
    });
    machine.say({ type: "heartbeat", status: "restarting" });
    expect(machine.closed).toBe("protocol");
    expect(made.bugs).toEqual(isBug ? [error] : []);
  });

  it("is none where a new blob cannot be read", async () => {
    const made = new TestNetwork();
    const machine = await HandMachine.joined(made);
    machine.say({ type: "renew", blob: "", signature: "" });
    expect(machine.closed).toBe("protocol");
    expect(made.bugs).toEqual([]);
  });
});

/** Goal: a machine is gone when it was silent for longer than it may, and not a moment before. Method: its last word, just so long before a look at it. */
it("drops a machine that is silent", async () => {
  const made = new TestNetwork();
  const machine = await HandMachine.joined(made);
  vi.spyOn(machine.connection, "heard").mockReturnValue();
  const lookAtMs = 4 * PROVIDER_PING_EVERY_MS;
  await made.clock.advance(lookAtMs - PROVIDER_SILENCE_MS - made.clock.monotonicMs());
  machine.say({ type: "heartbeat", status: "ready" });
  await made.clock.advance(PROVIDER_SILENCE_MS);
  expect(machine.closed).toBeUndefined();
  await made.clock.advance(PROVIDER_PING_EVERY_MS);
  expect(machine.closed).toBe("terminated");
});
