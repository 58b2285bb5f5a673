import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocketServer } from "ws";
import type { Listener } from "../session/wire.ts";
import { providerUrl, webSocketDialer } from "./dial.ts";

describe("the URL", () => {
  it.each([
    ["http://127.0.0.1:8080", "ws://127.0.0.1:8080/ws/provider"],
    ["https://coordinator.example/", "wss://coordinator.example/ws/provider"],
    ["https://example.com/net/", "wss://example.com/net/ws/provider"],
    ["http://[::1]:8080", "ws://[::1]:8080/ws/provider"],
  ])("%s is dialled at %s", (coordinator, url) => {
    expect(providerUrl(coordinator).href).toBe(url);
  });

  it.each(["localhost:8080", "ftp://example.com", "", "coordinator"])(
    "%s is refused with a sentence",
    (coordinator) => {
      expect(() => providerUrl(coordinator)).toThrow(/must look like/);
    },
  );
});

describe("a dial", () => {
  let http: Server;
  let base: string;
  const held: Duplex[] = [];
  const quiet: Listener = { received() {}, heard() {}, drained() {}, closed() {} };
  const never = new AbortController().signal;

  beforeEach(async () => {
    http = createServer((_, response) => response.writeHead(404).end()).listen(0, "127.0.0.1");
    await once(http, "listening");
    base = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    for (const socket of held.splice(0)) socket.destroy();
    http.closeAllConnections();
    if (http.listening) await new Promise((resolve) => http.close(resolve));
  });

  it("carries text both ways, and tells how it ended", async () => {
    const sockets = new WebSocketServer({ server: http, path: "/ws/provider" });
    sockets.on("connection", (ws) => {
      ws.on("message", (data, isBinary) => ws.send(data, { binary: isBinary }));
      ws.on("close", () => sockets.close());
    });
    const echoed = Promise.withResolvers<string>();
    const ended = Promise.withResolvers<number>();
    const wire = await webSocketDialer(base).dial(
      { ...quiet, received: echoed.resolve, closed: (code) => ended.resolve(code) },
      never,
    );
    wire.send("hello");
    expect(await echoed.promise).toBe("hello");
    wire.close(1000, "goodbye");
    expect(await ended.promise).toBe(1000);
  });

  it("finds nobody there", async () => {
    await new Promise((resolve) => http.close(resolve));
    await expect(webSocketDialer(base).dial(quiet, never)).rejects.toMatchObject({ code: "unreachable" });
  });

  it("finds somebody else there", async () => {
    await expect(webSocketDialer(base).dial(quiet, never)).rejects.toMatchObject({ code: "no_coordinator" });
  });

  it("is given up when it is told to", async () => {
    http.on("upgrade", (_, socket) => held.push(socket));
    const leave = new AbortController();
    const dial = webSocketDialer(base).dial(quiet, leave.signal);
    setTimeout(() => leave.abort(), 20);
    await expect(dial).rejects.toMatchObject({ code: "unreachable" });
  });
});
