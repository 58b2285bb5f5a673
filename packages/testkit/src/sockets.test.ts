import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { ProviderSockets } from "@darkbloom/coordinator/testing";
import { softwareSerial, toBase64 } from "@darkbloom/protocol";
import { nodeCrypto, nodeHpke } from "@darkbloom/protocol/node";
import { SealingKeys } from "@darkbloom/provider/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { memorySigner } from "./memory-signer.ts";
import { TestNetwork } from "./network.ts";

const MIB = 1024 * 1024;

let made: TestNetwork;
let sockets: ProviderSockets;
let http: Server;
beforeEach(async () => {
  made = new TestNetwork();
  sockets = new ProviderSockets(made.sessionNet);
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
    expect(await closed).toBe(1006);
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
      models: [],
      posture: {},
    }));
    const { bytes, signature } = await keys.show(true);
    const { socket, closed } = await opened();
    const registered = nextMessage(socket);
    const register = { type: "register", protocol: 1, blob: toBase64(bytes), signature: toBase64(signature), slots: 1 };
    socket.send(JSON.stringify(register));
    expect(await registered).toMatchObject({ type: "registered" });
    socket.send(JSON.stringify({ type: "of_tomorrow", text: " ".repeat(4 * MIB) }));
    await expect.poll(() => made.fleet.providers().length).toBe(1);
    socket.send(JSON.stringify({ type: "provider_drain" }));
    await expect.poll(() => made.fleet.providers()[0]?.draining, { timeout: 5_000 }).toBe(true);
    socket.close();
    expect(await closed).not.toBe(1006);
  });
});
