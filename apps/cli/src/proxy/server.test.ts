import type { Darkbloom, Verification } from "@darkbloom/client";
import { BODY_BYTES_MAX } from "@darkbloom/protocol/limits";
import { once } from "node:events";
import { request, Server, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { temporaryFolder } from "../../test/binary.ts";
import {
  PROXY_CONNECTIONS_MAX,
  PROXY_HEADER_BYTES_MAX,
  PROXY_RECEIVE_MS_MAX,
  PROXY_RECEIPTS_AWAITED_MAX,
  PROXY_REQUESTS_MAX,
} from "./limits.ts";
import { Records } from "./records.ts";
import { serveProxy, type Proxying, type ProxyServer } from "./server.ts";

/** The proxy's door alone: what gets through it is noted, and answered as the worst coordinator would. */
let folder: ReturnType<typeof temporaryFolder>;
let net: Proxying;
let server: ProxyServer;
let asked: string[];
/** Of what was asked, how long its body was; undefined where it had none. */
let bodies: (number | undefined)[];
/** Until then no coordinator answers. */
let answered: Promise<void>;
/** Until then no receipt comes, of those that are asked for. */
let receipt: Promise<undefined>;
let receiptsAsked: number;
const leftAnswer: Verification = {
  v: 1,
  at: "2026-01-01T00:00:00.000Z",
  outcome: "left",
  mode: "transparent",
  endpoint: "/v1/responses",
  status: 200,
  jobId: "job_1",
  steps: [],
};
let running: Set<Promise<void>>;
let shutdown: AbortController;
/** Short, so that it can be met. */
const RECEIVE_MS_MAX = 2_000;
beforeEach(async () => {
  running = new Set();
  shutdown = new AbortController();
  answered = Promise.resolve();
  receipt = Promise.resolve(undefined);
  receiptsAsked = 0;
  folder = temporaryFolder();
  asked = [];
  bodies = [];
  const options = { baseURL: "http://coordinator.example", apiKey: "", fetch };
  const darkbloom: Darkbloom = {
    openai: options,
    anthropic: options,
    verificationOf: () => Promise.resolve({ ...leftAnswer }),
    receiptOf: () => {
      receiptsAsked++;
      return receipt;
    },
    fetch: async (asking, { body } = {}) => {
      bodies.push(body instanceof Uint8Array ? body.length : undefined);
      asked.push(new URL(asking instanceof Request ? asking.url : asking).pathname);
      await answered;
      const headers = {
        "content-type": "text/html",
        "content-security-policy": "default-src *",
        "set-cookie": "a=b",
        "x-content-type-options": "sniff",
      };
      return new Response("<script>steal()</script>", { headers });
    },
  };
  net = {
    darkbloom,
    coordinator: new URL("http://coordinator.example/"),
    records: new Records(folder.path, () => 0),
    running,
    shutdown: shutdown.signal,
    door: { token: "token", corsOrigins: [], host: "127.0.0.1" },
    facts: { coordinator: "", mode: "transparent", minTrust: "hardware", pins: [], since: "" },
  };
  server = await serveProxy(net, { host: "127.0.0.1", port: 0, receiveMsMax: RECEIVE_MS_MAX });
});
afterEach(async () => {
  await server.close();
  folder[Symbol.dispose]();
});

/** `fetch` would send the path that is meant, and no upgrade. */
async function send(
  path: string,
  headers: Record<string, string> = { authorization: "Bearer token" },
  method = "GET",
): Promise<{ status: number | undefined; headers: IncomingHttpHeaders }> {
  const sent = request(server.baseUrl, { path, headers, method });
  sent.end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  response.resume();
  return { status: response.statusCode, headers: response.headers };
}

describe("the proxy's door", () => {
  it.each([
    "/v1/models/../keys",
    "/v1/models/x/../../../metrics",
    "/v1/models/%2e%2e/keys",
    "/v1/models/..\\..\\metrics",
    "/v1/receipts/../keys",
  ])("lets nothing through that only begins as it should: %s", async (path) => {
    expect((await send(path)).status).toBe(404);
    expect(asked).toEqual([]);
  });

  it("takes a model's name with a slash in it", async () => {
    expect((await send("/v1/models/maker/model?x=..")).status).toBe(200);
    expect(asked).toEqual(["/v1/models/maker/model"]);
  });

  it.each([
    ["/", "text/html; charset=utf-8"],
    ["/status", "application/json; charset=utf-8"],
  ])("tells of itself at %s and asks nobody", async (path, type) => {
    const { status, headers } = await send(path);
    expect([status, headers["content-type"], asked]).toEqual([200, type, []]);
  });

  /** Goal: what a program sends reaches the coordinator whole or not at all. Method: no body, the longest one, and a byte more. */
  it("hands on bodies as long as may be, and no longer ones", async () => {
    // The longest takes a busy machine more than the short bound of these tests.
    await server.close();
    server = await serveProxy(net, { host: "127.0.0.1", port: 0, receiveMsMax: PROXY_RECEIVE_MS_MAX });
    const post = async (length: number) => {
      const headers = { authorization: "Bearer token", "content-length": String(length) };
      const sent = request(server.baseUrl, { path: "/v1/chat/completions", headers, method: "POST" });
      sent.on("error", () => undefined).end(Buffer.alloc(length));
      const [response] = (await once(sent, "response")) as [IncomingMessage];
      response.resume();
      return [response.statusCode, response.headers.connection];
    };
    expect((await send("/v1/models")).headers.connection).toBe("keep-alive");
    expect(await post(BODY_BYTES_MAX)).toEqual([200, "keep-alive"]);
    expect(await post(BODY_BYTES_MAX + 1)).toEqual([413, "close"]);
    expect(bodies).toEqual([undefined, BODY_BYTES_MAX]);
  });

  /** Goal: a program hears why it gets no answer, where it is still there and the proxy too. Method: a coordinator that cannot be reached, before the proxy ends and while it does. */
  it("says that the coordinator cannot be reached, and nothing where it ends itself", async () => {
    const unreachable = Promise.withResolvers<void>();
    answered = unreachable.promise;
    const sent = send("/v1/models");
    await expect.poll(() => asked.length).toBe(1);
    unreachable.reject(new Error("no network"));
    const { status, headers } = await sent;
    expect([status, headers.connection]).toEqual([502, "keep-alive"]);
    const late = Promise.withResolvers<void>();
    answered = late.promise;
    const ended = expect(send("/v1/models")).rejects.toThrow();
    await expect.poll(() => asked.length).toBe(2);
    shutdown.abort();
    late.reject(new Error("ended"));
    await ended;
  });

  it("makes no page of its own of what a coordinator answers", async () => {
    const { headers } = await send("/v1/models");
    expect(headers["content-security-policy"]).toMatch(/default-src 'none'.*sandbox/);
    expect(headers["x-content-type-options"]).toBe("nosniff");
    expect(headers).not.toHaveProperty("set-cookie");
  });

  it.each([
    ["/", /^Basic /],
    ["/status", /^Basic /],
    ["/v1/models", /^Bearer /],
  ])("asks at %s for the token in a way that its reader knows", async (path, scheme) => {
    const { status, headers } = await send(path, {});
    expect([status, headers["www-authenticate"]]).toEqual([401, expect.stringMatching(scheme)]);
  });

  it("answers who offers HTTP/2, as Java does, and takes no WebSocket, nor tells a stranger of it", async () => {
    const offer = { connection: "upgrade", authorization: "Bearer token" };
    expect((await send("/v1/models", { ...offer, upgrade: "h2c" })).status).toBe(200);
    expect((await send("/v1/models", { ...offer, upgrade: "WebSocket" })).status).toBe(426);
    expect((await send("/v1/models", { connection: "upgrade", upgrade: "websocket" })).status).toBe(401);
  });

  it("takes so many requests at once, and the next one again when one has ended", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    answered = promise;
    const all = Array.from({ length: PROXY_REQUESTS_MAX }, () => send("/v1/models"));
    await expect.poll(() => asked.length).toBe(PROXY_REQUESTS_MAX);
    const { status, headers } = await send("/v1/models");
    expect([status, headers["retry-after"]]).toEqual([503, "1"]);
    resolve();
    expect((await Promise.all(all)).map((one) => one.status)).toEqual(all.map(() => 200));
    expect((await send("/v1/models")).status).toBe(200);
  });

  /** Goal: the status says who is being answered. Method: a program that asks, and leaves while its coordinator is still silent. */
  it("tells of a request that was left as running no longer, though its receipt is still waited for", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    answered = promise;
    const told = async (): Promise<unknown> => {
      const response = await fetch(`${server.baseUrl}/status`, { headers: { authorization: "Bearer token" } });
      return Reflect.get(Object(await response.json()), "running");
    };
    const leaving = new AbortController();
    const headers = { authorization: "Bearer token" };
    const left = fetch(`${server.baseUrl}/v1/models`, { headers, signal: leaving.signal }).catch(() => "left");
    await expect.poll(() => asked.length).toBe(1);
    expect(await told()).toBe(1);
    leaving.abort();
    expect(await left).toBe("left");
    await expect.poll(told).toBe(0);
    resolve();
    await server.drain();
  });

  /** Goal: a program that leaves its answers keeps nobody else out while their receipts are waited for. Method: more of them than are waited for, whose receipts do not come. */
  it("waits for so many receipts of answers that were left, and answers on", async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    receipt = promise;
    const ask = () => send("/v1/responses", { authorization: "Bearer token" }, "POST");
    for (let sent = 0; sent < PROXY_RECEIPTS_AWAITED_MAX + PROXY_REQUESTS_MAX; sent++)
      expect((await ask()).status).toBe(200);
    expect(receiptsAsked).toBe(PROXY_RECEIPTS_AWAITED_MAX);
    resolve(undefined);
    await server.drain();
  });

  /** Goal: what was left is bounded too, whatever becomes of it. Method: programs that leave, one after another, where nothing ends that was asked. */
  it("takes no more where too much that was left has not ended", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    answered = promise;
    for (let sent = 1; sent <= PROXY_RECEIPTS_AWAITED_MAX + PROXY_REQUESTS_MAX; sent++) {
      const leaving = request(server.baseUrl, { path: "/v1/models", headers: { authorization: "Bearer token" } });
      leaving.on("error", () => undefined).end();
      await expect.poll(() => asked.length, { interval: 2 }).toBe(sent);
      leaving.destroy();
    }
    expect((await send("/v1/models")).status).toBe(503);
    resolve();
    await server.drain();
  });

  it("takes so many connections, and no more", async () => {
    const { port } = new URL(server.baseUrl);
    const open = async (): Promise<Socket> => {
      const socket = connect(Number(port), "127.0.0.1");
      await once(socket, "connect");
      return socket;
    };
    const crowd: Socket[] = [];
    while (crowd.length < PROXY_CONNECTIONS_MAX) crowd.push(await open());
    await once(await open(), "close");
    expect(crowd.filter((socket) => socket.closed)).toEqual([]);
    const [first] = crowd;
    first?.destroy();
    await expect.poll(async () => (await send("/v1/models").catch(() => undefined))?.status).toBe(200);
    for (const socket of crowd) socket.destroy();
  });

  /** A request whose body comes a byte at a time and never ends. @returns how it was answered, once its connection is closed */
  const trickle = async (): Promise<string> => {
    const { port } = new URL(server.baseUrl);
    const socket = connect(Number(port), "127.0.0.1");
    socket.on("error", () => undefined);
    let answer = "";
    socket.on("data", (bytes) => void (answer += String(bytes)));
    socket.write(
      "POST /v1/responses HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer token\r\ncontent-length: 9999\r\n\r\n",
    );
    const dripping = setInterval(() => socket.write("x"), 100);
    socket.once("close", () => clearInterval(dripping));
    await once(socket, "close");
    return answer;
  };

  /** Goal: nobody holds a place by sending slowly. Method: a body that comes byte by byte, for longer than one may take. */
  it("waits for a request no longer than its bound, however it trickles", async () => {
    const startedMs = performance.now();
    const answer = trickle();
    await expect.poll(() => running.size).toBe(1);
    expect((await send("/v1/models")).status).toBe(200);
    expect(await answer).toMatch(/^HTTP\/1\.1 408 /);
    const tookMs = performance.now() - startedMs;
    expect(tookMs).toBeGreaterThanOrEqual(RECEIVE_MS_MAX);
    expect(tookMs).toBeLessThan(2.5 * RECEIVE_MS_MAX);
    await expect.poll(() => running.size).toBe(0);
    expect(asked).toEqual(["/v1/models"]);
  });

  it("has that bound where it is told no other", async () => {
    using listens = vi.spyOn(Server.prototype, "listen");
    await (await serveProxy(net, { host: "127.0.0.1", port: 0 })).close();
    expect(listens.mock.contexts[0]).toMatchObject({ requestTimeout: PROXY_RECEIVE_MS_MAX });
  });

  /** Goal: what is still being sent keeps no proxy from ending. Method: the time that running requests have is over in the middle of a body. */
  it("waits for no body when it has to end", async () => {
    const answer = trickle();
    await expect.poll(() => running.size).toBe(1);
    const startedMs = performance.now();
    shutdown.abort(new Error("stopped"));
    await server.drain();
    expect(performance.now() - startedMs).toBeLessThan(RECEIVE_MS_MAX / 2);
    expect([await answer, running.size, asked]).toEqual(["", 0, []]);
  });

  it("reads no longer headers than it has room for", async () => {
    const headers = { authorization: "Bearer token", "x-long": "x".repeat(PROXY_HEADER_BYTES_MAX) };
    expect((await send("/v1/models", headers)).status).toBe(431);
    expect((await send("/v1/models", { ...headers, "x-long": "x".repeat(PROXY_HEADER_BYTES_MAX / 2) })).status).toBe(
      200,
    );
  });

  /** Goal: nobody without a token ends it. Method: connections that ask for an upgrade and are reset; an error without a listener fails this run. */
  it("outlives a connection that is reset", async () => {
    const { port } = new URL(server.baseUrl);
    for (let count = 0; count < 5; count++) {
      const socket = connect(Number(port), "127.0.0.1");
      await once(socket, "connect");
      socket.write("GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
      await once(socket, "data");
      socket.resetAndDestroy();
    }
    expect((await send("/v1/models")).status).toBe(200);
  });
});
