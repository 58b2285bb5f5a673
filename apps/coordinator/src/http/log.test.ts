import { connect } from "node:net";
import { expect, it } from "vitest";
import { utf8 } from "@darkbloom/protocol/bytes";
import type { Tile } from "@darkbloom/protocol/log";
import { openEdge } from "../../test/http-kit.ts";
import { ANSWERS_BYTES_MAX } from "../limits/budget.ts";
import type { LogView } from "./deps.ts";

const asked: Tile[] = [];
const log: LogView = {
  origin: "darkbloom/log/1",
  verifierKey: "darkbloom/log/1+00000000+AAAA",
  witnesses: ["witness.example+00000000+AAAA"],
  checkpoint: "darkbloom/log/1\n0\nAAAA\n\n— x AAAAAAAA\n",
  async tile(tile) {
    asked.push(tile);
    return tile.index === 0 ? utf8("hashes") : undefined;
  },
  receipt: async () => undefined,
  fact: async (leaf) => (leaf[0] === 0xab ? "c2sp.org/tlog-proof@v1\n" : undefined),
};

it("tells everybody the checkpoint, and where the log is", async () => {
  await using edge = await openEdge({ log });
  const response = await edge.get("/log/checkpoint");
  expect([response.status, response.headers.get("content-type"), response.headers.get("cache-control")]).toEqual([
    200,
    "text/plain; charset=utf-8",
    "public, max-age=1",
  ]);
  expect(await response.text()).toBe(log.checkpoint);
  expect(await (await edge.get("/.well-known/darkbloom")).json()).toMatchObject({
    log: { origin: log.origin, path: "/log", verifier_key: log.verifierKey, witnesses: log.witnesses },
  });
});

it("gives tiles as bytes that never change", async () => {
  await using edge = await openEdge({ log });
  const response = await edge.get("/log/tile/entries/000.p/7");
  expect([response.status, response.headers.get("content-type"), await response.text()]).toEqual([
    200,
    "application/octet-stream",
    "hashes",
  ]);
  expect(response.headers.get("cache-control")).toContain("immutable");
  expect(asked.at(-1)).toEqual({ level: "entries", index: 0, width: 7 });
});

it("proves a fact to everybody who names its leaf", async () => {
  await using edge = await openEdge({ log });
  const response = await edge.get(`/log/proof/${"ab".repeat(32)}`);
  expect([response.status, response.headers.get("content-type"), await response.text()]).toEqual([
    200,
    "text/plain; charset=utf-8",
    "c2sp.org/tlog-proof@v1\n",
  ]);
  for (const other of ["00".repeat(32), "AB".repeat(32), "ab".repeat(31), "ab"])
    expect((await edge.get(`/log/proof/${other}`)).status).toBe(404);
});

it.each(["/log/tile/0/001", "/log/tile/0/1", "/log/tile/0/x000/001", "/log/tile/entries/000.p/256", "/log/tile/"])(
  "answers %s with a 404 that says what can be read",
  async (path) => {
    await using edge = await openEdge({ log });
    const response = await edge.get(path);
    const { error } = (await response.json()) as { error: { message: string } };
    expect([response.status, /checkpoint|no such route/.test(error.message)]).toEqual([404, true]);
  },
);

/** Goal: who asks for tiles and reads none fills no memory. Method: one address's part of the room, taken by sockets that stay silent; one tile more; then they are gone. */
it("holds a bounded number of tiles that nobody reads", async () => {
  const tile = new Uint8Array(8 * 1024 * 1024);
  await using edge = await openEdge({ log: { ...log, tile: async () => tile } });
  const path = "/log/tile/entries/000";
  const silent = Array.from({ length: ANSWERS_BYTES_MAX / 2 / tile.length }, () => connect(edge.port, "127.0.0.1"));
  for (const socket of silent)
    socket.on("error", () => undefined).write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
  const answerNow = async () => {
    const answer = await edge.get(path);
    await answer.arrayBuffer();
    return [answer.status, answer.headers.get("cache-control")?.includes("immutable") ?? false];
  };
  await expect.poll(answerNow, { timeout: 10_000 }).toEqual([503, false]);
  for (const socket of silent) socket.destroy();
  await expect.poll(answerNow, { timeout: 10_000 }).toEqual([200, true]);
});

it("has neither where no log is kept", async () => {
  await using edge = await openEdge();
  for (const path of ["/log/checkpoint", "/log/tile/0/000.p/1", `/log/proof/${"ab".repeat(32)}`])
    expect((await edge.get(path)).status).toBe(404);
  expect(await (await edge.get("/.well-known/darkbloom")).json()).not.toHaveProperty("log");
});
