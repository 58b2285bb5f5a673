import { readBlob } from "@darkbloom/protocol/evidence";
import { CLOCK_SKEW_MS, HPKE_KEY_LIFE_MS } from "@darkbloom/protocol/limits";
import { EnvelopeOpener, type Hpke, type HpkeKey } from "@darkbloom/protocol/sealing";
import { nodeCrypto, nodeHpke } from "@darkbloom/protocol/node";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Machine, memoryFolder, PROVIDER_ID } from "../../test/machine.ts";
import { ManualClock } from "../../test/manual-clock.ts";
import { openSoftwareKey } from "../identity/software-key.ts";
import { KEY_RENEWED_BEFORE_END_MS, SealingKeys } from "./keys.ts";

/** As many blobs as an envelope may still name. */
const SHOWN = 8;
/** One for each suite. */
const PER_BLOB = 2;

describe("the keys that requests are sealed for", () => {
  let clock: ManualClock;
  let erased: HpkeKey[];
  let made: HpkeKey[];
  let keys: SealingKeys;

  beforeEach(() => {
    clock = new ManualClock();
    [erased, made] = [[], []];
    const hpke: Hpke = {
      ...nodeHpke,
      generateKey: (...how) => {
        const key = nodeHpke.generateKey(...how);
        const watched: HpkeKey = {
          ...key,
          erase: () => {
            erased.push(watched);
            key.erase();
          },
        };
        made.push(watched);
        return watched;
      },
    };
    const { signer } = { signer: openSoftwareKey(memoryFolder()) };
    const described = { serial: "SW-TEST", posture: {}, models: [], platform: "linux" } as const;
    keys = new SealingKeys({ clock, crypto: nodeCrypto, hpke, signer }, () => described as never);
  });
  /** By the set of keys that one blob names, of which all go together. */
  const erasedIds = () => {
    const ids = erased.map((key) => Math.floor(made.indexOf(key) / PER_BLOB));
    expect(ids).toHaveLength(PER_BLOB * new Set(ids).size);
    return [...new Set(ids)];
  };

  it("last a day, and say so in the blob that names them", async () => {
    const { bytes } = await keys.show(true);
    const expires = Date.parse(JSON.parse(Buffer.from(bytes).toString()).hpke_keys[0].expires_at);
    expect(expires - clock.now()).toBe(HPKE_KEY_LIFE_MS);
    expect(readBlob(bytes)).toBeUndefined();
  });

  it.each([
    ["a first blob", 0, true, [true, true]],
    ["the same key again", 1, false, [false, false]],
    ["a new key where one is asked for", 1, true, [true, true]],
  ])("%s", async (_, before, rotate, [isNew]) => {
    for (let time = 0; time < before; time++) await keys.show(false);
    const count = made.length;
    await keys.show(rotate);
    expect(made.length > count).toBe(isNew);
    expect(keys.latest.keyIds).toEqual(made.slice(-PER_BLOB).map(({ id }) => id));
    expect(erased).toEqual([]);
  });

  it("have to be there before a challenge can be answered over them", () => {
    expect(() => keys.latest).toThrow(RangeError);
  });

  /** Goal: a new key is asked for well before the old one ends, and no sooner. Method: both sides of the edge. */
  it.each([
    [0, false],
    [HPKE_KEY_LIFE_MS - KEY_RENEWED_BEFORE_END_MS, false],
    [HPKE_KEY_LIFE_MS - KEY_RENEWED_BEFORE_END_MS + 1, true],
    [HPKE_KEY_LIFE_MS, true],
  ])("are old after %i ms: %s", async (passedMs, isOld) => {
    expect(keys.ageingOrNone).toBe(true);
    await keys.show(true);
    await clock.advance(passedMs);
    expect(keys.ageingOrNone).toBe(isOld);
  });

  /** Goal: a clock that was set back gives no key more than its day. Method: set it back after the key was signed. */
  it.each([
    [0, false],
    [CLOCK_SKEW_MS, false],
    [CLOCK_SKEW_MS + 1, true],
  ])("are old where the clock was set back by %i ms since: %s", async (setBackMs, isOld) => {
    await keys.show(true);
    clock.setByMs = -setBackMs;
    expect(keys.ageingOrNone).toBe(isOld);
  });

  /** Goal: a key's day runs from its birth, not from its last blob. Method: show it again half a day later, on a clock that was set back. */
  it("live for a day from their birth, however the clock is set and however often they are shown", async () => {
    await keys.show(true);
    await clock.advance(HPKE_KEY_LIFE_MS / 2);
    clock.setByMs = -HPKE_KEY_LIFE_MS;
    await keys.show(false);
    await clock.advance(HPKE_KEY_LIFE_MS / 2 - 1);
    await keys.show(false);
    expect(erased).toEqual([]);
    await clock.advance(1);
    await keys.show(false);
    expect(erasedIds()).toEqual([0]);
  });

  /** Goal: what was derived from a key is forgotten with it, and derived once until then. Method: count how often it is. */
  it("leave nothing derived from them when they are erased", async () => {
    const forget = vi.spyOn(EnvelopeOpener.prototype, "forget");
    await keys.show(true);
    await keys.show(true);
    expect(forget).not.toHaveBeenCalled();
    await clock.advance(HPKE_KEY_LIFE_MS);
    await keys.show(true);
    expect(forget).toHaveBeenCalledOnce();
    forget.mockRestore();
  });

  /** Goal: a key is gone when its day is over, whatever comes next. Method: each of what a connection does then. */
  it.each<[string, () => unknown]>([
    [
      "a request",
      () => keys.open({ hdr: "{}", body: new Uint8Array(0), wraps: [{ key_id: "x", enc: "", wrap: "" }] }, PROVIDER_ID),
    ],
    ["a new blob", () => keys.show(true)],
    ["a blob over the same key", () => keys.show(false)],
  ])("are erased at %s after their end, not before", async (_, act) => {
    await keys.show(true);
    await clock.advance(HPKE_KEY_LIFE_MS - 1);
    await act();
    expect(erasedIds()).not.toContain(0);
    await clock.advance(1);
    await act();
    expect(erasedIds()).toContain(0);
    expect(erasedIds().filter((id) => id === 0)).toHaveLength(1);
  });

  it("are erased when no blob that is kept names them", async () => {
    for (let blob = 0; blob < SHOWN; blob++) await keys.show(true);
    expect(erased).toEqual([]);
    await keys.show(true);
    expect(erasedIds()).toEqual([0]);
    // Blobs over one key do not outlive it, and it outlives none of them.
    for (let blob = 0; blob < SHOWN - 1; blob++) await keys.show(false);
    expect(erasedIds()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    for (let blob = 0; blob < SHOWN; blob++) await keys.show(false);
    expect(erased).toHaveLength(SHOWN * PER_BLOB);
  });

  it("are erased with the process", async () => {
    await keys.show(true);
    await keys.show(true);
    keys[Symbol.dispose]();
    expect(erasedIds()).toEqual([0, 1]);
  });
});

describe("a request sealed for a key", () => {
  /** Goal: what was sealed for a former key is opened, until it has ended. Method: seal, renew, wait. */
  it("is opened while the key lives, though a newer one was shown", async () => {
    const clock = new ManualClock();
    const machine = new Machine(clock);
    await machine.show();
    await clock.advance(HPKE_KEY_LIFE_MS - 5_000);
    const [first, second, third] = [machine.seal({}), machine.seal({}), machine.seal({})];
    const { publicKey } = machine;
    await machine.show();
    expect(machine.publicKey).not.toEqual(publicKey);
    expect(machine.keys.open(first.envelope, PROVIDER_ID)).toHaveProperty("body");
    expect(machine.keys.open(second.envelope, "prov_other")).toHaveProperty("refused");
    await clock.advance(5_000);
    expect(machine.keys.open(third.envelope, PROVIDER_ID)).toEqual({ refused: "cannot_open" });
  });

  /** Goal: what was recorded on the way opens nothing later, whoever sends it again. Method: the same machine under the same connection's name, in a new process: it has its identity, and not its keys. */
  it("is opened by no later process of the same machine", async () => {
    const clock = new ManualClock();
    const [before, after] = [new Machine(clock), new Machine(clock)];
    await before.show();
    await after.show();
    const { envelope } = before.seal({}, { mode: "sealed" });
    expect(after.keys.open(envelope, PROVIDER_ID)).toEqual({ refused: "cannot_open" });
    expect(before.keys.open(envelope, PROVIDER_ID)).toHaveProperty("body");
    expect(before.keys.open(envelope, PROVIDER_ID)).toEqual({ refused: "cannot_open" });
  });
});
