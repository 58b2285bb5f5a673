import { verify } from "@darkbloom/protocol/evidence";
import { CHALLENGE_EVERY_MS, CLOCK_SKEW_MS, HPKE_KEY_LIFE_MS } from "@darkbloom/protocol/limits";
import { nodeCrypto, nodeHpke } from "@darkbloom/protocol/node";
import { SealingKeys } from "@darkbloom/provider/testing";
import { describe, expect, it } from "vitest";
import { Caller, codeOf } from "./caller.ts";
import { memorySigner } from "./memory-signer.ts";
import { TestNetwork } from "./network.ts";
import { describeMachine } from "./test-provider.ts";

/**
 * Goal: clocks that differ harm nobody within one tolerance, beyond it a machine is told why, and no clock is taken for a
 * lie. Method: one provider whose wall clock is set against the coordinator's, before it joins and while it serves.
 */
const MIN = 60_000;
const rain = { pieces: ["Ra", "in", "."], tokenMs: 1 };

async function networkWith(aheadMs: number) {
  const made = new TestNetwork();
  await made.credit();
  const clocks = { aheadMs };
  const provider = made.provider(() => rain, { clockAheadMs: () => clocks.aheadMs });
  await made.clock.advance(1_000);
  const ask = () => made.clock.until(codeOf(made.serve(new Caller())), 60_000);
  const failing = () => (provider.told?.checks ?? []).filter(({ status }) => status === "fail").map(({ id }) => id);
  return { made, clocks, provider, ask, failing };
}

describe("a machine that joins", () => {
  it.each([0, -70_000, 70_000, -CLOCK_SKEW_MS + 500, CLOCK_SKEW_MS - 500])(
    "with its clock %i ms ahead serves, and its evidence verifies for others",
    async (aheadMs) => {
      const { made, ask, provider } = await networkWith(aheadMs);
      expect(provider.told?.eligible).toBe(true);
      expect(await ask()).toBe("whole");
      for (const { evidence } of made.fleet.published())
        expect((await verify(nodeCrypto, evidence, { moment: "later" }, made.clock.now())).level).toBe("self_signed");
      expect(made.bugs).toEqual([]);
    },
  );

  it.each([-10 * MIN, 10 * MIN, -CLOCK_SKEW_MS - 2_000, CLOCK_SKEW_MS + 2_000])(
    "with its clock %i ms ahead is told so, is not taken for a liar, and serves when it is set",
    async (aheadMs) => {
      const { made, clocks, ask, provider, failing } = await networkWith(aheadMs);
      expect(provider.told?.eligible).toBe(false);
      expect(failing()[0]).toBe("clock.offset");
      const [check] = provider.told?.checks ?? [];
      expect(check?.seen).toContain(`${Math.abs(Math.round(aheadMs / 1000))} s ${aheadMs > 0 ? "ahead" : "behind"}`);
      expect(check?.remedy).toContain("clock");
      expect(await ask()).toBe("no_provider");
      await made.clock.advance(60 * MIN);
      expect(failing()).not.toContain("standing");
      clocks.aheadMs = 0;
      await made.clock.advance(30_000);
      // A key that was signed for a day from then is in order only when the clocks have met again.
      await made.clock.advance(Math.max(0, aheadMs));
      expect(failing()).toEqual([]);
      expect(await ask()).toBe("whole");
    },
  );
});

describe("a clock that is set while a machine serves", () => {
  const cases: [whose: string, byMs: number][] = [
    ["the provider's", 10 * MIN],
    ["the provider's", -10 * MIN],
    ["the coordinator's", 10 * MIN],
    ["the coordinator's", -10 * MIN],
    ["both", 10 * MIN],
    ["both", -10 * MIN],
  ];
  it.each(cases)(
    "%s by %i ms: goes on until the next challenge, then says why, and comes back",
    async (whose, byMs) => {
      const { made, clocks, ask, failing } = await networkWith(0);
      expect(await ask()).toBe("whole");
      if (whose !== "the provider's") made.clock.set(byMs);
      if (whose === "the provider's") clocks.aheadMs = byMs;
      if (whose === "the coordinator's") clocks.aheadMs = -byMs;
      expect(await ask()).toBe("whole");
      // A provider whose clock was set back makes a new key at once, which brings the next challenge forward.
      const minutes = byMs > 0 || whose === "the coordinator's" ? 3 : 0;
      for (let n = 0; n < minutes; n++) {
        await made.clock.advance(MIN);
        expect(await ask()).toBe("whole");
      }
      await made.clock.advance(CHALLENGE_EVERY_MS);
      const apart = whose !== "both";
      expect(failing().includes("clock.offset")).toBe(apart);
      expect(await ask()).toBe(apart ? "no_provider" : "whole");
      expect(failing()).not.toContain("standing");
      clocks.aheadMs = 0;
      await made.clock.advance(30_000);
      expect(await ask()).toBe("whole");
      expect(made.bugs).toEqual([]);
    },
  );

  it("keeps no key for longer than a day, though the provider's clock stands still or goes back", async () => {
    const time = { wallMs: 0, monoMs: 0 };
    const clock = { now: () => time.wallMs, monotonicMs: () => time.monoMs, sleep: () => Promise.resolve() };
    const keys = new SealingKeys({ clock, crypto: nodeCrypto, hpke: nodeHpke, signer: memorySigner() }, () =>
      describeMachine("SW-0"),
    );
    await keys.show(true);
    const first = keys.latest.keyIds;
    time.monoMs = HPKE_KEY_LIFE_MS - 1;
    await keys.show(false);
    expect(keys.latest.keyIds).toEqual(first);
    expect(keys.ageingOrNone).toBe(true);
    time.monoMs = HPKE_KEY_LIFE_MS;
    await keys.show(false);
    expect(keys.latest.keyIds).not.toEqual(first);
    expect(keys.ageingOrNone).toBe(false);
    time.wallMs = -CLOCK_SKEW_MS - 1;
    expect(keys.ageingOrNone).toBe(true);
  });
});
