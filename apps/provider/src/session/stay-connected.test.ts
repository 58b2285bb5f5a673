import { JOIN_TOKEN_NEEDED } from "@darkbloom/protocol/wire";
import { systemRandom } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import { Life } from "../../test/life.ts";
import type { LossReason } from "../events/events.ts";
import { COORDINATOR_PING_EVERY_MS, COORDINATOR_SILENCE_MS, REGISTERED_WAIT_MS } from "./session.ts";
import { RETRY_FIRST_MS, RETRY_MAX_MS, retryDelayMs, STABLE_AFTER_MS } from "./stay-connected.ts";

describe("a lost connection", () => {
  it("is tried again, twice as late each time, up to a bound", async () => {
    const delays = Array.from({ length: 8 }, (_, n) =>
      retryDelayMs(n, { bytes: systemRandom.bytes, fraction: () => 1 }),
    );
    expect(delays).toEqual([1, 2, 4, 8, 16, 30, 30, 30].map((seconds) => seconds * 1_000));
    expect(retryDelayMs(0, { bytes: systemRandom.bytes, fraction: () => 0 })).toBe(RETRY_FIRST_MS / 2);
  });

  it("names why, and comes back when it can", async () => {
    const life = new Life();
    await life.join();
    life.dialing = "unreachable";
    life.peer.listener.closed(1006, "");
    await life.until(() => life.losses.length === 1);
    await life.advance(RETRY_FIRST_MS);
    await life.until(() => life.losses.length === 2);
    life.dialing = "no_coordinator";
    await life.advance(2 * RETRY_FIRST_MS);
    await life.until(() => life.losses.length === 3);
    life.dialing = "open";
    await life.advance(4 * RETRY_FIRST_MS);
    await life.until(() => life.peers.length === 2);
    expect(life.losses).toEqual([
      { reason: "closed", retryInMs: 1_000 },
      { reason: "unreachable", retryInMs: 2_000 },
      { reason: "no_coordinator", retryInMs: 4_000 },
    ]);
    expect(life.bugs).toEqual([]);
  });

  it("starts small again after a good connection", async () => {
    const life = new Life();
    await life.join();
    for (const stayMs of [0, 0, STABLE_AFTER_MS]) {
      for (let passedMs = 0; passedMs < stayMs; passedMs += COORDINATOR_PING_EVERY_MS) {
        life.peer.listener.heard();
        await life.advance(COORDINATOR_PING_EVERY_MS);
      }
      const { length } = life.peers;
      life.peer.listener.closed(1001, "");
      await life.until(() => life.losses.length === length);
      await life.advance(life.losses.at(-1)?.retryInMs ?? 0);
      await life.until(() => life.peers.length > length);
      await life.join();
    }
    expect(life.losses.map(({ retryInMs }) => retryInMs)).toEqual([1_000, 2_000, 1_000]);
  });

  it("is noticed by its silence", async () => {
    const life = new Life();
    await life.join();
    await life.advance(COORDINATOR_SILENCE_MS);
    expect(life.losses).toEqual([]);
    await life.advance(COORDINATOR_PING_EVERY_MS);
    await life.until(() => life.losses.length > 0);
    expect(life.peers[0]).toMatchObject({ closed: "terminated" });
    expect(life.peers[0]?.pings).toBeGreaterThan(1);
    expect(life.losses[0]?.reason).toBe("silent");
  });

  it.each<[number, string, boolean, LossReason]>([
    [1008, "the registration blob cannot be read", false, "refused"],
    [1008, JOIN_TOKEN_NEEDED, false, "token_refused"],
    [1008, "replaced", true, "replaced"],
    [1008, "flood", true, "closed"],
    [1001, "shutdown", true, "closed"],
    [1001, "replaced", true, "closed"],
    [1001, JOIN_TOKEN_NEEDED, false, "closed"],
  ])("tells apart %i %s", async (code, words, joined, reason) => {
    const life = new Life();
    if (joined) await life.join();
    else await life.until(() => life.peers.length === 1);
    life.peer.listener.closed(code, words);
    await life.until(() => life.losses.length === 1);
    expect(life.losses[0]?.reason).toBe(reason);
  });

  it("knows that it had no join token to show", async () => {
    const life = new Life(undefined, { isBare: true });
    await life.until(() => life.peers.length === 1);
    life.peer.listener.closed(1008, JOIN_TOKEN_NEEDED);
    await life.until(() => life.losses.length === 1);
    expect(life.losses[0]?.reason).toBe("token_missing");
  });

  it("counts a coordinator that never takes it in", async () => {
    const life = new Life();
    await life.until(() => life.peers.length === 1 && life.heard("register").length === 1);
    await life.advance(REGISTERED_WAIT_MS);
    await life.until(() => life.losses.length === 1);
    expect(life.losses[0]?.reason).toBe("not_registered");
    expect(life.bugs).toEqual([]);
  });

  it("by a bug of ours is told as one, and tried again", async () => {
    const life = new Life();
    const bug = new Error("a bug");
    life.dialing = bug;
    await life.until(() => life.losses.length === 1);
    expect(life.bugs).toEqual([bug]);
    life.dialing = "open";
    await life.advance(RETRY_FIRST_MS);
    await life.join();
  });

  it("is not tried again once it leaves", async () => {
    const life = new Life();
    await life.join();
    life.leave.abort(new Error("stopping"));
    await life.until(() => life.peer.closed === 1000);
    await life.advance(RETRY_MAX_MS);
    expect(life.dials).toBe(1);
    expect(life.losses).toEqual([]);
  });
});
