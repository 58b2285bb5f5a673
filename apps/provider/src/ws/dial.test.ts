import { WIRE_MESSAGE_BYTES_MAX } from "@darkbloom/protocol/limits";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import type { Listener, Message } from "../session/wire.ts";
import { providerUrl, webSocketDialer } from "./dial.ts";

/** As the program has them. */
const CONNECT_MS = 15_000;
const CLOSE_WAIT_MS = 2_000;

/** Lets sockets say what they have to say. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

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
  const held: (Duplex | WebSocket)[] = [];
  const quiet: Listener = { received() {}, heard() {}, drained() {}, closed() {} };
  const never = new AbortController().signal;

  beforeEach(async () => {
    http = createServer((_, response) => response.writeHead(404).end()).listen(0, "127.0.0.1");
    await once(http, "listening");
    base = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    for (const socket of held.splice(0)) {
      if (socket instanceof WebSocket) socket.terminate();
      else socket.destroy();
    }
    http.closeAllConnections();
    if (http.listening) await new Promise((resolve) => http.close(resolve));
  });

  it.each<Message>(["hello", Uint8Array.of(1, 2, 0)])(
    "carries %j both ways, and tells how it ended",
    async (message) => {
      const sockets = new WebSocketServer({ server: http, path: "/ws/provider" });
      sockets.on("connection", (ws) => {
        ws.on("message", (data, isBinary) => ws.send(data, { binary: isBinary }));
        ws.on("close", () => sockets.close());
      });
      const echoed = Promise.withResolvers<Message>();
      const ended = Promise.withResolvers<number>();
      const wire = await webSocketDialer(base).dial(
        { ...quiet, received: echoed.resolve, closed: (code) => ended.resolve(code) },
        never,
      );
      wire.send(message);
      const came = await echoed.promise;
      expect(typeof came === "string" ? came : Uint8Array.from(came)).toEqual(message);
      wire.close(1000, "goodbye");
      expect(await ended.promise).toBe(1000);
    },
  );

  /** Accepts connections as a coordinator does, and answers none of them by itself. */
  const accept = (accepted: (ws: WebSocket) => void) => {
    const sockets = new WebSocketServer({ server: http, path: "/ws/provider" });
    sockets.on("connection", (ws) => {
      ws.on("error", () => {});
      held.push(ws);
      accepted(ws);
    });
  };

  it("hears bytes, signs of life and text, each as what it is, in order", async () => {
    accept((ws) => {
      ws.send(Buffer.from("bytes"));
      ws.ping();
      ws.send("text");
    });
    const heard: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const received = (message: Message) => {
      heard.push(`${typeof message} ${message.toString()}`);
      if (typeof message === "string") resolve();
    };
    await webSocketDialer(base).dial({ ...quiet, received, heard: () => void heard.push("life") }, never);
    await promise;
    expect(heard).toEqual(["object bytes", "life", "string text"]);
  });

  /** Goal: a coordinator cannot fill our memory. Method: a message as long as one may be, and one a byte longer. */
  it.each([
    [WIRE_MESSAGE_BYTES_MAX, true],
    [WIRE_MESSAGE_BYTES_MAX + 1, false],
  ])("takes a message of %i bytes: %s", async (length, isTaken) => {
    accept((ws) => ws.send("x".repeat(length)));
    const { promise, resolve } = Promise.withResolvers<number | "closed">();
    await webSocketDialer(base).dial(
      { ...quiet, received: (text) => resolve(text.length), closed: () => resolve("closed") },
      never,
    );
    expect(await promise).toBe(isTaken ? length : "closed");
  });

  /** Goal: a goodbye that nobody answers is no reason to stay. Method: a coordinator that reads nothing more, and a clock that is set on. */
  it("drops a connection whose end is not answered, in time and not before", async () => {
    accept((ws) => ws.pause());
    const closed = vi.fn<Listener["closed"]>();
    const wire = await webSocketDialer(base).dial({ ...quiet, closed }, never);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      wire.close(1000, "goodbye");
      vi.advanceTimersByTime(CLOSE_WAIT_MS - 1);
      await turns();
      expect(closed).not.toHaveBeenCalled();
      vi.advanceTimersByTime(1);
      await vi.waitFor(() => expect(closed).toHaveBeenCalledOnce());
    } finally {
      vi.useRealTimers();
    }
  });

  /** Goal: an address that takes connections and says nothing is given up. Method: the same clock, and somebody who sends a byte now and then. */
  it("is given up where it comes to nothing in time, and not before", async () => {
    const { promise: upgraded, resolve } = Promise.withResolvers<Duplex>();
    http.on("upgrade", (_, socket) => resolve(socket));
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const closed = vi.fn<Listener["closed"]>();
      const failed = vi.fn<(error: unknown) => void>();
      webSocketDialer(base)
        .dial({ ...quiet, closed }, never)
        .catch(failed);
      const socket = await upgraded;
      held.push(socket);
      socket.write("HTTP/1.1 101 ");
      vi.advanceTimersByTime(CONNECT_MS - 1);
      await turns();
      expect(failed).not.toHaveBeenCalled();
      vi.advanceTimersByTime(1);
      await vi.waitFor(() => expect(failed).toHaveBeenCalledOnce());
      expect(failed.mock.calls[0]).toMatchObject([{ code: "unreachable" }]);
      // A connection that there never was does not end.
      expect(closed).not.toHaveBeenCalled();
    } finally {
      vi.useRealTimers();
    }
  });

  it("finds nobody there", async () => {
    await new Promise((resolve) => http.close(resolve));
    await expect(webSocketDialer(base).dial(quiet, never)).rejects.toMatchObject({ code: "connection_refused" });
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
