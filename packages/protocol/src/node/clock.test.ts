import { describe, expect, it } from "vitest";
import { systemClock, systemRandom } from "./clock.ts";

describe("the system's clock and dice", () => {
  /** Goal: a wait can be given up, with the reason given. Method: abort before and during, and one that is not aborted. */
  it("rejects with the signal's reason", async () => {
    const reason = new Error("hung up");
    await expect(systemClock.sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason);
    const later = new AbortController();
    const sleeping = systemClock.sleep(60_000, later.signal);
    later.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    const before = systemClock.monotonicMs();
    await systemClock.sleep(10, new AbortController().signal);
    expect(systemClock.monotonicMs() - before).toBeGreaterThan(5);
  });

  /** Goal: fresh bytes that own their memory. Method: two draws. */
  it("draws bytes", () => {
    const [a, b] = [systemRandom.bytes(32), systemRandom.bytes(32)];
    expect(a).not.toEqual(b);
    expect(a.buffer.byteLength).toBe(32);
    expect(systemRandom.fraction()).toBeLessThan(1);
  });

  /** Goal: no byte is given out twice, and none is no random one. Method: more draws than a pool has, of lengths that meet its end in every way. */
  it.each([16, 17, 4_096, 8_191, 8_192, 8_193, 100_000])("draws %i bytes, other ones each time", (length) => {
    const firsts = new Set<string>();
    for (let n = 0; n < 600; n++) {
      const drawn = systemRandom.bytes(length);
      expect(drawn).toHaveLength(length);
      const eights = [drawn.subarray(0, 8), drawn.subarray(-8)].map((part) => Buffer.from(part).toString("hex"));
      for (const eight of eights) firsts.add(eight);
    }
    expect(firsts.size).toBe(1_200);
    expect(firsts).not.toContain("0".repeat(16));
  });
});
