import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { promisify } from "node:util";
import { ProviderSockets, type Events } from "@darkbloom/coordinator/testing";
import { toBase64 } from "@darkbloom/protocol/bytes";
import { softwareSerial } from "@darkbloom/protocol/evidence";
import { nodeCrypto, nodeHpke } from "@darkbloom/protocol/node";
import { PROTOCOL_VERSION } from "@darkbloom/protocol/wire";
import { SealingKeys } from "@darkbloom/provider/testing";
import { afterEach, beforeEach, describe, expect, it, vi, type MockInstance } from "vitest";
import { memorySigner } from "./memory-signer.ts";
import { TestNetwork } from "./network.ts";
import { describeMachine, offerOf } from "./test-provider.ts";

const MIB = 1024 * 1024;

let made: TestNetwork;
let sockets: ProviderSockets;
let http: Server;
let refused: MockInstance<Events["joinRefused"]>;
beforeEach(async () => {
  made = new TestNetwork();
  refused = vi.spyOn(made.net.events, "joinRefused");
  sockets = new ProviderSockets(made.core, {
    trustProxy: false,
    bounds: { http: 100, providers: 8, newcomers: 16 },
  });
  http = createServer().on("upgrade", (request, socket, head) => sockets.upgrade(request, socket, head));
  await once(http.listen(0, "127.0.0.1"), "listening");
});
afterEach(async () => {
  await sockets[Symbol.asyncDispose]();
  http.closeAllConnections();
  http.close();
});

/** A real socket to the real edge, and how it ended. */
async function opened(): Promise<{ readonly socket: WebSocket; readonly closed: Promise<number> }> {
  const socket = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}/ws/provider`);
  const closed = new Promise<number>((resolve) => socket.addEventListener("close", ({ code }) => resolve(code)));
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  return { socket, closed };
}
const nextMessage = (socket: WebSocket): Promise<unknown> =>
  new Promise((resolve) =>
    socket.addEventListener("message", ({ data }) => resolve(JSON.parse(String(data))), { once: true }),
  );

/** Goal: whoever has not said who he is cannot fill our memory. Method: large messages before and after the registration. */
describe("a provider's socket", () => {
  it("is dropped where its first message is larger than any registration", async () => {
    const { socket, closed } = await opened();
    socket.send(" ".repeat(4 * MIB));
    expect([1006, 1009]).toContain(await closed);
  });

  it("is refused with a reason where it says something else first", async () => {
    const { socket, closed } = await opened();
    socket.send("hello");
    expect(await closed).toBe(1008);
  });

  it("may send as much as an answer has once it has registered", async () => {
    const signer = memorySigner();
    const { clock } = made;
    const keys = new SealingKeys({ clock, crypto: nodeCrypto, hpke: nodeHpke, signer }, () => ({
      serial: softwareSerial(nodeCrypto, signer.publicKey),
      chip_name: "real socket",
      hardware_model: "simulated",
      platform: "other",
      os_version: "1",
      memory_bytes: 1,
      engine: { name: "scripted", version: "1" },
      software: { name: "darkbloom", version: "0" },
      posture: {},
    }));
    const { bytes, signature } = await keys.show(true);
    const { socket, closed } = await opened();
    const registered = nextMessage(socket);
    const register = {
      type: "register",
      protocols: [PROTOCOL_VERSION],
      blob: toBase64(bytes),
      signature: toBase64(signature),
      ...(await offerOf(signer)),
    };
    socket.send(JSON.stringify(register));
    expect(await registered).toMatchObject({ type: "registered" });
    socket.send(JSON.stringify({ type: "of_tomorrow", text: " ".repeat(MIB / 2) }));
    await expect.poll(() => made.fleet.machines().length).toBe(1);
    socket.send(JSON.stringify({ type: "provider_drain" }));
    await expect.poll(() => made.fleet.machines()[0]?.draining, { timeout: 5_000 }).toBe(true);
    socket.close();
    expect(await closed).not.toBe(1006);
  });

  it("is closed where one message is longer than a whole window, also of a machine that has registered", async () => {
    const { socket } = await joinedMachine();
    const closed = new Promise((resolve) => socket.addEventListener("close", ({ code }) => resolve(code)));
    socket.send(" ".repeat(MIB + 1));
    expect(await closed).toBe(1009);
  });

  it("is dropped where a first message never ends", async () => {
    const { port } = http.address() as AddressInfo;
    const stranger = connect(port, "127.0.0.1").on("error", () => {});
    stranger.resume().write(upgradeText(port, {}));
    // The head of a masked message as long as one may be, and all of it but a byte (RFC 6455, section 5.2).
    const head = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0]);
    const gone = once(stranger, "close");
    stranger.write(Buffer.concat([head, Buffer.alloc(MIB - 1)]));
    await gone;
  });

  it("of a page in a browser is refused before it is one", async () => {
    const { port } = http.address() as AddressInfo;
    const response = await upgradeWith(port, { origin: "https://evil.example" });
    expect(response).toContain("HTTP/1.1 403");
    expect(refused.mock.calls).toEqual([[{ reason: "origin", address: "127.0.0.1" }]]);
    expect(await upgradeWith(port, {})).toContain("HTTP/1.1 101");
  });

  it.each([
    ["null", 1],
    ["", 1],
    ["http://127.0.0.1", 1],
    ["https://evil.example", 2],
  ])("of a page whose origin is %j, told %s times, is refused", async (origin, times) => {
    const { port } = http.address() as AddressInfo;
    const lines = Array.from({ length: times }, () => `Origin: ${origin}\r\n`).join("");
    expect(await upgradeWith(port, {}, lines)).toContain("HTTP/1.1 403");
  });

  it("that is refused is gone, also where its peer never closes its own half", async () => {
    const { port } = http.address() as AddressInfo;
    const crowd = Array.from({ length: 200 }, () => connect({ port, host: "127.0.0.1", allowHalfOpen: true }));
    for (const socket of crowd) {
      socket.on("error", () => {});
      socket.write(upgradeText(port, { origin: "null" }));
      socket.resume();
    }
    await Promise.all(crowd.map((socket) => once(socket, "end")));
    await expect.poll(() => promisify(http.getConnections).call(http)).toBe(0);
    for (const socket of crowd) socket.destroy();
  });

  it("that never registers shuts out nobody: of a crowd the first to come go first", async () => {
    const crowd = await Promise.all(Array.from({ length: 100 }, () => opened()));
    const machine = await joinedMachine();
    expect(machine.frame).toMatchObject({ type: "registered" });
    await expect.poll(() => crowd.filter(({ socket }) => socket.readyState === WebSocket.OPEN).length).toBeLessThan(17);
    expect(refused.mock.calls.length).toBeGreaterThan(80);
    expect(refused).toHaveBeenCalledWith({ reason: "crowded_out", address: "127.0.0.1" });
    for (const { socket } of [...crowd, machine]) socket.close();
  });

  it("that floods, and reads nothing, costs a bounded amount of memory", async () => {
    const { port } = http.address() as AddressInfo;
    const raw = connect(port, "127.0.0.1");
    raw.write(upgradeText(port, {}));
    await once(raw, "data");
    raw.pause();
    raw.on("error", () => {});
    const before = process.memoryUsage().rss;
    // Pings, masked with zeros: whoever answers each of them, unread, keeps all the answers.
    const pings = Buffer.concat(Array.from({ length: 10_000 }, () => Buffer.from([0x89, 0x80, 0, 0, 0, 0])));
    for (let n = 0; n < 100 && !raw.destroyed; n++) {
      raw.write(pings);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await expect.poll(() => raw.destroyed || made.fleet.machines().length === 0).toBe(true);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * MIB);
    raw.destroy();
  });

  it("above the bound of registered ones is told to come later", async () => {
    const machines = [];
    for (let n = 0; n < 8; n++) machines.push(await joinedMachine());
    const { port } = http.address() as AddressInfo;
    expect(await upgradeWith(port, {})).toContain("HTTP/1.1 503");
    expect(refused.mock.calls).toEqual([[{ reason: "too_many", address: "127.0.0.1" }]]);
    machines[0]?.socket.close();
    await expect.poll(() => upgradeWith(port, {})).toContain("HTTP/1.1 101");
    for (const { socket } of machines) socket.close();
  });
});

const upgradeText = (port: number, headers: Record<string, string>): string =>
  [
    "GET /ws/provider HTTP/1.1",
    `host: 127.0.0.1:${port}`,
    "connection: upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    "\r\n",
  ].join("\r\n");

/** The head of the answer to an upgrade. */
async function upgradeWith(port: number, headers: Record<string, string>, further = ""): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(upgradeText(port, headers).replace(/\r\n$/, `${further}\r\n`));
  const [head] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  return head.toString();
}

async function joinedMachine() {
  const signer = memorySigner();
  const keys = new SealingKeys({ clock: made.clock, crypto: nodeCrypto, hpke: nodeHpke, signer }, () =>
    describeMachine(softwareSerial(nodeCrypto, signer.publicKey)),
  );
  const { bytes, signature } = await keys.show(true);
  const { socket } = await opened();
  const answer = nextMessage(socket);
  socket.send(
    JSON.stringify({
      type: "register",
      protocols: [PROTOCOL_VERSION],
      blob: toBase64(bytes),
      signature: toBase64(signature),
      ...(await offerOf(signer)),
    }),
  );
  return { socket, frame: await answer };
}
