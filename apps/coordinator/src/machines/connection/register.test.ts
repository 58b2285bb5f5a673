import { toBase64 } from "@darkbloom/protocol/bytes";
import { CHALLENGE_EVERY_MS } from "@darkbloom/protocol/limits";
import { JOIN_TOKEN_NEEDED, type FromCoordinator } from "@darkbloom/protocol/wire";
import { describe, expect, it, vi } from "vitest";
import { HandMachine } from "../../../../../packages/testkit/src/hand-machine.ts";
import { TestNetwork } from "../../../../../packages/testkit/src/network.ts";
import { FIRST_FRAMES_MAX } from "./host-provider.ts";
import { REGISTER_WAIT_MS } from "./register.ts";

/**
 * Goal: who is let in, by what name, and what whoever is not is told. Method: a machine in the test's hands on a simulated
 * clock.
 */
async function renewal(machine: HandMachine) {
  const { bytes, signature } = await machine.keys.show(false);
  return { type: "renew", blob: toBase64(bytes), signature: toBase64(signature) } as const;
}

/** Lets in who shows the token. */
class Guarded extends TestNetwork {
  override mayJoin = (shown: string | undefined) => shown === "the token";
}

/** As a provider of version 1 registers. */
const ofVersion1 = JSON.stringify({ type: "register", protocol: 1, blob: "AA==", signature: "AA==", slots: 1 });

describe("whoever joins", () => {
  const refusedWith = async (act: (machine: HandMachine) => unknown, made = new TestNetwork()) => {
    const machine = new HandMachine(made);
    await act(machine);
    await made.clock.advance(1);
    return { machine, made };
  };
  it.each<[what: string, act: (machine: HandMachine) => unknown, reason: RegExp]>([
    ["says something else first", (machine) => machine.say({ type: "provider_drain" }), /register first/],
    ["says nothing that can be read", (machine) => machine.sayText("{"), /register first/],
    ["speaks none of our protocols", (machine) => machine.register({ protocols: [1, 3] }), /speaks protocol 2: update/],
    ["speaks the first one", (machine) => machine.sayText(ofVersion1), /speaks protocol 2: update/],
    ["shows no blob", (machine) => machine.register({ blob: "" }), /cannot be read/],
  ])("%s is refused", async (_, act, reason) => {
    const { machine, made } = await refusedWith(act);
    expect(machine.closed).toMatch(reason);
    expect(made.fleet.machines()).toEqual([]);
  });

  it("says nothing at all is closed in time", async () => {
    const { machine, made } = await refusedWith(() => {});
    await made.clock.advance(REGISTER_WAIT_MS);
    expect(machine.closed).toMatch(/register first/);
  });

  it("carries the pseudonym of others as its serial is refused", async () => {
    const made = new TestNetwork();
    const machine = new HandMachine(made, { describe: { serial: "PS-0123456789AB" } });
    await machine.register();
    await made.clock.advance(1);
    expect(machine.closed).toMatch(/PS-/);
  });

  /** Goal: what is checked may be gone by then. Method: its socket ends, or it sends too much, while its signature is checked. */
  it.each<[what: string, act: (machine: HandMachine) => void, refused: number]>([
    ["has gone", (machine) => machine.connection.closed(), 0],
    [
      "sends too much",
      (machine) => {
        for (let n = 0; n < FIRST_FRAMES_MAX; n++) machine.sayText("{");
      },
      1,
    ],
  ])("%s while its evidence is checked joins nothing", async (_, act, refusals) => {
    const made = new TestNetwork();
    const refused = vi.spyOn(made.net.events, "joinRefused");
    const joined = vi.spyOn(made.net.events, "providerJoined");
    const machine = new HandMachine(made);
    made.checks.isHolding = true;
    await machine.register();
    await made.clock.advance(1);
    expect(made.checks.held).toHaveLength(1);
    act(machine);
    made.checks.release();
    await made.clock.advance(1);
    expect(await machine.connection.registered).toBe(false);
    expect(joined).not.toHaveBeenCalled();
    expect(refused).toHaveBeenCalledTimes(refusals);
    expect(made.fleet.machines()).toEqual([]);
    expect(machine.heard).toEqual([]);
    expect(made.bugs).toEqual([]);
  });

  it("registers twice is closed", async () => {
    const made = new TestNetwork();
    const machine = await HandMachine.joined(made);
    await machine.register();
    expect(machine.closed).toBe("protocol");
  });

  it.each<[shown: string | undefined, reason: string]>([
    [undefined, "token_missing"],
    ["another", "token_refused"],
    ["the token", ""],
  ])("shows %s where a token is asked for: %s", async (shown, reason) => {
    const made = new Guarded();
    const refused = vi.spyOn(made.net.events, "joinRefused");
    const { machine } = await refusedWith(
      (one) => one.register(shown === undefined ? {} : { auth_token: shown }),
      made,
    );
    expect(machine.closed).toBe(reason === "" ? undefined : JOIN_TOKEN_NEEDED);
    expect(refused.mock.calls).toEqual(reason === "" ? [] : [[{ reason, address: "simulated" }]]);
    expect(machine.all("registered")).toHaveLength(reason === "" ? 1 : 0);
  });

  it("fails a check stays at none and is told why, without a challenge", async () => {
    const made = new TestNetwork();
    const machine = new HandMachine(made);
    await machine.register({ signature: toBase64(new Uint8Array(70)) });
    await made.clock.advance(CHALLENGE_EVERY_MS);
    expect(machine.all("attestation_challenge")).toEqual([]);
    expect(machine.closed).toBeUndefined();
    expect(machine.last("trust_status")).toMatchObject({ trust_level: "none", eligible: false });
  });

  it("under a disclosure that hides serials must show its pseudonym in time", async () => {
    const made = new TestNetwork(1, "pseudonym");
    const machine = new HandMachine(made);
    await machine.register();
    await made.clock.advance(1);
    expect(machine.last("registered").serial_alias).toMatch(/^PS-/);
    machine.say({ type: "heartbeat", status: "ready" });
    await made.clock.advance(REGISTER_WAIT_MS);
    expect(machine.closed).toMatch(/did not come in time/);
    const other = new HandMachine(made);
    await other.register();
    await made.clock.advance(1);
    other.say(await renewal(other));
    await made.clock.advance(1);
    expect(other.closed).toMatch(/another serial/);
    const third = new HandMachine(made);
    await third.register();
    await made.clock.advance(1);
    const alias: FromCoordinator = third.last("registered");
    const shown = await third.keys.show(false, alias.type === "registered" ? alias.serial_alias : undefined);
    third.say({ type: "renew", blob: toBase64(shown.bytes), signature: toBase64(new Uint8Array(70)) });
    await made.clock.advance(1);
    expect(third.closed).toMatch(/fails a check/);
  });

  /** Goal: a pseudonym that is shown in time lets a machine in, whatever it said before. Method: other words first, then its blob, at once and at the last moment. */
  it.each([0, REGISTER_WAIT_MS - 1])("shows its pseudonym after %i ms and other words, and is in", async (afterMs) => {
    const made = new TestNetwork(1, "pseudonym");
    const machine = new HandMachine(made);
    await machine.register();
    await made.clock.advance(0);
    machine.say({ type: "heartbeat", status: "ready" });
    machine.sayText("{");
    await made.clock.advance(afterMs);
    const { bytes, signature } = await machine.keys.show(false, machine.last("registered").serial_alias);
    machine.say({ type: "renew", blob: toBase64(bytes), signature: toBase64(signature) });
    await made.clock.advance(0);
    await made.clock.advance(0);
    expect(machine.closed).toBeUndefined();
    expect(made.fleet.machines().map(({ serial }) => serial)).toEqual([machine.last("registered").serial_alias]);
  });

  /** Goal: where serials are hidden, a machine whose evidence fails is given no name. Method: another's signature. */
  it("fails a check under a disclosure that hides serials is told why and closed", async () => {
    const made = new TestNetwork(1, "pseudonym");
    const { machine } = await refusedWith((one) => one.register({ signature: toBase64(new Uint8Array(70)) }), made);
    expect(machine.closed).toMatch(/gets no pseudonym/);
    expect(machine.heard).toMatchObject([{ type: "trust_status", trust_level: "none" }]);
  });

  /** Goal: a serial that nobody vouches for is nobody's name, and a machine's own is its own. Method: a maker's serial, where serials are told. */
  it("has a maker's serial that nobody vouches for is called by a pseudonym", async () => {
    const made = new TestNetwork();
    const machine = new HandMachine(made, { describe: { serial: "C02TESTSERIAL" } });
    await machine.register();
    await made.clock.advance(1);
    expect(machine.last("registered").serial_alias).toMatch(/^PS-/);
    const other = await HandMachine.joined(made);
    expect(other.last("registered").serial_alias).toBeUndefined();
  });
});
