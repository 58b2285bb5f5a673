import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import type { Stay } from "../machines/connection/host-provider.ts";
import type { Wire } from "../machines/connection/wire.ts";
import { ProviderSockets } from "./provider.ts";

/** The sockets alone: what a session would be told is noted, and its wire is held here. */
let http: Server;
let sockets: ProviderSockets;
let wire: Wire;
let pinged: number;
let machine: WebSocket;
beforeEach(async () => {
  pinged = 0;
  const gone = Promise.withResolvers<void>();
  const stay: Stay = {
    received: () => {},
    heard: () => {},
    pinged: () => void pinged++,
    drained: () => {},
    closed: () => gone.resolve(),
    registered: Promise.resolve(true),
    done: gone.promise,
  };
  const host = (given: Wire): Stay => {
    wire = given;
    return stay;
  };
  const bounds = { http: 8, providers: 8, newcomers: 8 };
  sockets = new ProviderSockets({ events: { joinRefused: () => {} }, host }, { trustProxy: false, bounds });
  http = createServer().on("upgrade", (request, socket, head) => sockets.upgrade(request, socket, head));
  await once(http.listen(0, "127.0.0.1"), "listening");
  machine = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}/`, { autoPong: false });
  machine.on("error", () => {});
  await once(machine, "open");
});
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  machine.terminate();
  await sockets[Symbol.asyncDispose]();
  http.close();
});

/** Goal: signs of life do not pile up before a machine that reads nothing. Method: a ping from each side, at the bound and above. */
it.each([
  [64 * 1024, 1],
  [64 * 1024 + 1, 0],
])("sends pings, and answers a machine's, while %i bytes wait: %i", async (bytes, times) => {
  machine.ping();
  vi.spyOn(WebSocket.prototype, "bufferedAmount", "get").mockReturnValue(bytes);
  const said = { ping: vi.spyOn(WebSocket.prototype, "ping"), pong: vi.spyOn(WebSocket.prototype, "pong") };
  await expect.poll(() => pinged).toBe(1);
  wire.ping();
  expect([said.ping.mock.calls.length, said.pong.mock.calls.length]).toEqual([times, times]);
});

/** Goal: a machine that answers no close is gone soon all the same, and not before it could. Method: one that reads nothing is closed, alone or with all others; the last moment of its time. */
it.each<[what: string, close: () => void]>([
  ["one machine", () => wire.close(1008, "enough")],
  ["all of them", () => void sockets[Symbol.asyncDispose]()],
])("drops who has not answered a close after two seconds: %s", (_, close) => {
  machine.pause();
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const dropped = vi.spyOn(WebSocket.prototype, "terminate");
  close();
  vi.advanceTimersByTime(1_999);
  expect(dropped).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(dropped).toHaveBeenCalledOnce();
});
