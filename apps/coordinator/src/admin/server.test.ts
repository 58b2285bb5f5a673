import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AccountId, KeyId } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import { systemClock } from "@darkbloom/protocol/node";
import { afterAll, afterEach, beforeEach, expect, it } from "vitest";
import type { Admin, ListedKey } from "./operations.ts";
import { serveAdmin } from "./server.ts";
import { ADMIN_BODY_BYTES_MAX, ADMIN_CONNECTIONS_MAX, ADMIN_LAST_WORDS_MS, ADMIN_SILENCE_MAX_MS } from "./limits.ts";
import { unbound } from "../accounts/key-terms.ts";
import { unused } from "../accounts/key-usage.samples.ts";

const root = mkdtempSync(join(tmpdir(), "door-"));
afterAll(() => rmSync(root, { recursive: true }));

/** What would have ended the coordinator. */
const ends: unknown[] = [];
const note = (error: unknown) => void ends.push(error);
beforeEach(() => void process.on("uncaughtExceptionMonitor", note));
afterEach(() => {
  process.off("uncaughtExceptionMonitor", note);
  expect(ends.splice(0)).toEqual([]);
});

/** An answer of about a megabyte: more than a socket takes of who does not read. */
const keys = Array.from({ length: 5_000 }, (_, n): ListedKey => ({
  keyId: `key_${n}` as KeyId,
  account: "acct" as AccountId,
  ...unbound,
  name: "x".repeat(100),
  label: "eigeninference-Ab3…x9Q2",
  createdAt: 1,
  createdBy: null,
  lastUsedAt: null,
  revokedAt: null,
  balance: microUsd(0n),
  usage: unused,
}));

/** A door whose keeper takes a while; how often it was asked. */
async function door({ takesMs = 5 } = {}) {
  let asked = 0;
  const folder = mkdtempSync(join(root, "f-"));
  const listKeys = async () => {
    asked++;
    await systemClock.sleep(takesMs);
    return { keys, hasMore: false };
  };
  const admin: Pick<Admin, "listKeys"> = { listKeys };
  const server = await serveAdmin(folder, admin as Admin);
  const visit = async (): Promise<Socket> => {
    const socket = connect(join(folder, "admin.sock"));
    socket.on("error", () => undefined);
    await once(socket, "connect");
    return socket;
  };
  return { asked: () => asked, visit, close: () => server[Symbol.asyncDispose]() };
}
const LIST = "GET /v1/admin/keys HTTP/1.1\r\nhost: x\r\n\r\n";

/** Goal: who leaves, at whatever moment, is no fault. Method: visitors who go before, during and after an answer, and as the door closes. */
it("outlives visitors that leave at any moment", async () => {
  const { visit, close } = await door();
  const body = `POST /v1/admin/keys HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{`;
  for (const said of [LIST, LIST.repeat(20), body, "x".repeat(2 * ADMIN_BODY_BYTES_MAX), "\0\n\xff\n", '{"op":"x"}\n'])
    for (const stayMs of [0, 1, 3, 8, 20]) {
      const socket = await visit();
      socket.write(said);
      await systemClock.sleep(stayMs);
      socket.destroy();
    }
  await close();
});

it("outlives one who leaves while the last answer still waits to be read", async () => {
  const { asked, visit, close } = await door({ takesMs: 50 });
  const last = await visit();
  last.pause();
  last.write(LIST);
  while (asked() === 0) await systemClock.sleep(5);
  const closed = close();
  await systemClock.sleep(200);
  last.destroy();
  await closed;
});

/** Goal: what a visitor does not read waits in no memory of ours. Method: many requests of one who reads nothing; how many are worked on. */
it("takes no further request of who does not read", async () => {
  const { asked, visit, close } = await door({ takesMs: 0 });
  const socket = await visit();
  socket.pause();
  socket.write(LIST.repeat(400));
  await systemClock.sleep(300);
  expect(asked()).toBeLessThan(4);
  socket.destroy();
  await close();
});

/** Goal: nobody keeps a coordinator from ending. Method: one who does not read what he asked for, and one in the middle of an answer who does. */
it("closes under who does not read, and not before an answer that is being made", async () => {
  const { visit, close } = await door({ takesMs: 200 });
  const [silent, reading] = [await visit(), await visit()];
  silent.pause();
  silent.write(LIST);
  await systemClock.sleep(300);
  let heard = 0;
  reading.on("data", (bytes: Buffer) => void (heard += bytes.length));
  const left = once(reading, "close");
  reading.write(LIST);
  await systemClock.sleep(20);
  const startedMs = performance.now();
  await close();
  expect(performance.now() - startedMs).toBeLessThan(ADMIN_LAST_WORDS_MS + 3_000);
  await left;
  expect(heard).toBeGreaterThan(500_000);
});

/** Goal: nobody takes the socket from the operator. Method: more who say nothing, or half of a request, than it takes; then one who asks once they were silent for long enough. */
it(
  "lets go of who is silent, and takes so many and no more",
  async () => {
    const { asked, visit, close } = await door();
    const crowd = [];
    for (let n = 0; n < ADMIN_CONNECTIONS_MAX; n++) {
      const socket = await visit();
      socket.resume();
      if (n % 2 === 0) socket.write(LIST.slice(0, 20));
      crowd.push(once(socket, "close"));
    }
    const late = await visit();
    late.resume();
    await once(late, "close");
    await Promise.all(crowd);
    const one = await visit();
    one.resume();
    one.write(LIST);
    await once(one, "close");
    expect(asked()).toBe(1);
    await close();
  },
  ADMIN_SILENCE_MAX_MS + 20_000,
);
