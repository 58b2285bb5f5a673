import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTcpServer, Socket, type AddressInfo, type Server } from "node:net";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, it, vi } from "vitest";
import { goToCoordinator } from "./doctor-way.ts";
import { checkClock } from "./doctor.ts";
import { locateModel } from "./model.ts";
import { readTrustFiles } from "./trust-files.ts";

const folder = mkdtempSync(join(tmpdir(), "darkbloom-doctor-"));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

async function listening(server: Server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { host: `127.0.0.1:${port}`, [Symbol.dispose]: () => void server.close() };
}
const health = (listener: RequestListener) => listening(createServer(listener));

/** The step at which the way ends. */
async function endOf(url: string): Promise<string | undefined> {
  const { checks } = await goToCoordinator(new URL(url), { authToken: undefined, version: "0", isConnected: true });
  return checks.find(({ status }) => status === "fail")?.id;
}

/** Goal: a step that hangs is waited for no longer than its bound. Method: servers that say nothing, and waits cut short that tell how long they were to be. */
it("waits for a handshake and for an answer five seconds", async () => {
  const waits: number[] = [];
  const timeout = AbortSignal.timeout.bind(AbortSignal);
  vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => {
    waits.push(ms);
    return timeout(50);
  });
  using silent = await listening(createTcpServer((socket) => void socket.on("error", () => undefined).resume()));
  expect(await endOf(`http://${silent.host}`)).toBe("coordinator.reachable");
  expect(waits).toEqual([5_000]);
  const idle: number[] = [];
  const wait = Socket.prototype.setTimeout;
  vi.spyOn(Socket.prototype, "setTimeout").mockImplementation(function (this: Socket, ms, late) {
    idle.push(ms);
    return wait.call(this, 50, late);
  });
  expect(await endOf(`https://${silent.host}`)).toBe("coordinator.certificate");
  expect(idle).toEqual([5_000]);
});

/** Goal: an answer without end is not read to it. Method: the good answer behind as much white space as there may be; and one that goes on until nobody reads. */
it("reads no more of /health than a coordinator says", async () => {
  const good = JSON.stringify({ status: "ok", providers: 1 });
  using long = await health((_, response) => void response.end(good.padStart(16 * 1024)));
  expect(await endOf(`http://${long.host}`)).toBeUndefined();
  let sentBytes = 0;
  using endless = await health((_, response) => {
    const send = (): void => {
      while (!response.destroyed && response.write(" ".repeat(1024))) sentBytes += 1024;
    };
    response.on("drain", send);
    send();
  });
  expect(await endOf(`http://${endless.host}`)).toBe("coordinator.reachable");
  expect(sentBytes).toBeLessThan(8 * 1024 * 1024);
});

/** Goal: the doctor calls a clock wrong exactly where the network does. Method: differences on both sides of the bound. */
it.each([
  [undefined, "unknown"],
  [0, "pass"],
  [120, "pass"],
  [-120, "pass"],
  [120.001, "fail"],
  [-120.001, "fail"],
])("of a clock that is %s s ahead says: %s", (secondsAhead, status) => {
  expect(checkClock(secondsAhead).status).toBe(status);
});

/** Goal: a file that cannot be meant is not read. Method: the longest that is, and one byte more. */
it.each([
  [64 * 1024, "prescribes no PCR values"],
  [64 * 1024 + 1, "too large to be meant"],
])("of a trust file of %i bytes says: %s", (bytes, says) => {
  const path = join(folder, "pcrs.json");
  writeFileSync(path, "");
  truncateSync(path, bytes);
  expect(() => readTrustFiles({ pcrPolicy: path })).toThrow(says);
});

it("calls a model by no longer a name than the catalog takes", () => {
  const path = join(folder, `${"m".repeat(129)}.gguf`);
  writeFileSync(path, "");
  expect(locateModel(path)).toMatchObject({ id: "m".repeat(128), build: "m".repeat(128) });
});
