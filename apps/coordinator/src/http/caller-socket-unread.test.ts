import { CREDIT, account, entry, HttpNetwork, KEY } from "@darkbloom/testkit";
import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { SOCKET_PING_EVERY_MS } from "./caller-socket.ts";
import { CALLER_STALL_MS_MAX } from "./reply.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/**
 * Goal: refusals that nobody reads do not pile up. Method: a connection whose every write stays in this program, as those to
 * a caller who reads nothing do once the kernel takes no more; and of one write that leaves it after all.
 */
describe("a caller who reads nothing", () => {
  async function network() {
    const made = await HttpNetwork.open();
    await made.credit();
    let refused = 0;
    const failed = made.net.events.requestFailed.bind(made.net.events);
    made.net.events.requestFailed = (told) => {
      refused++;
      failed(told);
    };
    const ws = new WebSocket(`ws://${made.address}/v1/responses`, { headers: { authorization: `Bearer ${KEY}` } });
    ws.on("error", () => {});
    await once(ws, "open");
    const closed = once(ws, "close");
    const written: (() => void)[] = [];
    const send = WebSocket.prototype.send;
    let buffered = 0;
    vi.spyOn(WebSocket.prototype, "send").mockImplementation(function (this: WebSocket, ...given: unknown[]) {
      if (this === ws) return Reflect.apply(send, this, given);
      buffered = 1024 * 1024;
      written.push(given.findLast((one) => typeof one === "function") as () => void);
    });
    vi.spyOn(WebSocket.prototype, "bufferedAmount", "get").mockImplementation(() => buffered);
    const ask = (): void => ws.send(JSON.stringify({ type: "response.create", model: entry.id, input: "x", n: 2 }));
    const turns = async (until: () => boolean): Promise<void> => {
      for (let n = 0; n < 2_000 && !until(); n++) await setImmediate();
    };
    const waits = (bytes: number) => void (buffered = bytes);
    return { made, ws, closed, ask, turns, refused: () => refused, written, waits, empty: () => waits(0) };
  }

  it("is refused nothing more, and dropped", async () => {
    const { made, closed, ask, turns, refused } = await network();
    ask();
    await turns(() => refused() === 1);
    for (let n = 0; n < 3; n++) ask();
    await turns(() => refused() > 1);
    expect(refused()).toBe(1);
    await made.clock.advance(CALLER_STALL_MS_MAX);
    await closed;
    await turns(() => refused() > 1);
    expect(refused()).toBe(1);
    expect((await made.ledger.totals(account)).balance).toBe(CREDIT);
    await made[Symbol.asyncDispose]();
  });

  it("is refused the next when it has read", async () => {
    const { made, ask, turns, refused, written, empty } = await network();
    ask();
    ask();
    await turns(() => refused() > 1);
    expect(refused()).toBe(1);
    empty();
    written[0]?.();
    await turns(() => refused() > 1);
    expect(refused()).toBe(2);
    await made[Symbol.asyncDispose]();
  });

  /** Goal: signs of life do not pile up either. Method: a ping from each side, at the bound and above. */
  it.each([
    [64 * 1024, 1],
    [64 * 1024 + 1, 0],
  ])("is sent pings, and answered its own, while %i bytes wait: %i", async (bytes, times) => {
    const { made, ws, turns, waits } = await network();
    const said = { ping: 0, pong: 0 };
    for (const name of ["ping", "pong"] as const) {
      const real = WebSocket.prototype[name];
      vi.spyOn(WebSocket.prototype, name).mockImplementation(function (this: WebSocket, ...given: unknown[]) {
        if (this === ws) return Reflect.apply(real, this, given);
        said[name]++;
      });
    }
    waits(bytes);
    ws.ping();
    await turns(() => said.pong > 0);
    await made.clock.advance(SOCKET_PING_EVERY_MS);
    expect(said).toEqual({ ping: times, pong: times });
    await made[Symbol.asyncDispose]();
  });

  /** Goal: who answers no close is gone soon all the same, and not before it could. Method: this coordinator ends; the last moment of its caller's time. */
  it("is dropped two seconds after a close that it does not answer", async () => {
    const { made, ws } = await network();
    ws.pause();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const dropped = vi.spyOn(WebSocket.prototype, "terminate");
    const closing = vi.spyOn(WebSocket.prototype, "close");
    void made[Symbol.asyncDispose]();
    expect(closing).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(1_999);
    expect(dropped).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(dropped).toHaveBeenCalledOnce();
  });
});
