import { describe, expect, it } from "vitest";
import { WRONG_KEYS_BURST } from "../limits/failed-keys.ts";
import { dial, KEY, openEdge } from "../../test/http-kit.ts";

const settings = { corsOrigins: [], trustProxy: false, version: "0", minTrustDefault: "none" } as const;
const wrong = (n: number) => `eigeninference-${String(n).padStart(43, "x")}`;

/** Goal: an address that guesses keys is refused without a look-up; others are not. Method: many wrong keys, then right ones. */
describe("wrong keys in a row", () => {
  const ask = (edge: Awaited<ReturnType<typeof openEdge>>, key: string, forwardedFor = "") =>
    edge.get("/v1/key", { headers: { "x-api-key": key, ...(forwardedFor && { "x-forwarded-for": forwardedFor }) } });

  it("are 401 and then 429 with Retry-After; a key that was right lately passes, an unseen one waits", async () => {
    await using edge = await openEdge();
    expect((await edge.keyed("/v1/key")).status).toBe(200);
    const statuses: number[] = [];
    for (let n = 0; n < 40; n++) statuses.push((await ask(edge, wrong(n))).status);
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(WRONG_KEYS_BURST + 2);
    expect(statuses.at(-1)).toBe(429);
    const refused = await ask(edge, wrong(99));
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await edge.keyed("/v1/key")).status).toBe(200);
  });

  it("count by the forwarded address behind a trusted proxy, of IPv6 by its first half", async () => {
    await using edge = await openEdge({ settings: { ...settings, trustProxy: true } });
    for (let n = 0; n < 40; n++) await ask(edge, wrong(n), `2001:db8:0:1::${n.toString(16)}`);
    expect((await ask(edge, wrong(1), "2001:db8:0:1:9::9")).status).toBe(429);
    expect((await ask(edge, wrong(1), "2001:db8:0:2::1")).status).toBe(401);
    expect((await ask(edge, KEY, "2001:db8:0:2::1")).status).toBe(200);
  });
});

/** Goal: counters are seen by this machine or with a key. Method: the same request with and without what opens them. */
describe("/metrics", () => {
  it.each<[isOpenLocally: boolean, trustProxy: boolean, headers: Record<string, string>, status: number]>([
    [true, false, {}, 200],
    [true, false, { "x-forwarded-for": "203.0.113.7" }, 401],
    [false, false, {}, 401],
    [false, true, {}, 401],
    [false, true, { "x-api-key": KEY }, 200],
    [false, true, { "x-api-key": wrong(1) }, 401],
  ])("open here %s, proxy %s, %j: %s", async (isOpenLocally, trustProxy, headers, status) => {
    await using edge = await openEdge({ settings: { ...settings, isOpenLocally, trustProxy } });
    expect((await edge.get("/metrics", { headers })).status).toBe(status);
  });
});

/** Goal: a page of another site that has its name point here gets nothing. Method: one request by several names. */
describe("a Host that is not its own", () => {
  const statusFor = async (ownHostOnly: boolean, host: string) => {
    await using edge = await openEdge({ settings: { ...settings, ownHostOnly } });
    using connection = await dial(edge.port);
    connection.socket.write(`GET /health HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
    return /^HTTP\/1\.1 (\d+)/.exec(await connection.until(/\r\n\r\n/))?.[1];
  };
  it.each([
    [true, "evil.example:8080", "403"],
    [true, "localhost:1", "200"],
    [true, "192.168.1.5", "200"],
    [false, "evil.example:8080", "200"],
  ])("own only %s, %s: %s", async (ownHostOnly, host, status) =>
    expect(await statusFor(ownHostOnly, host)).toBe(status),
  );
});

/** Goal: a silent crowd shuts nobody out, and nobody who is served. Method: more sockets than the bound, then a caller. */
describe("connections above the bound", () => {
  it("end the ones that are silent for longest", async () => {
    await using edge = await openEdge({ settings: { ...settings, connectionsMax: 8 } });
    const crowd = [];
    for (let n = 0; n < 32; n++) crowd.push(await dial(edge.port));
    await crowd[0]?.closed;
    expect((await edge.get("/health")).status).toBe(200);
    expect(crowd.at(-1)?.socket.destroyed).toBe(false);
    for (const one of crowd) one.socket.destroy();
  });

  it("end one that reads nothing of what it asked for, before the new one", async () => {
    await using edge = await openEdge({ settings: { ...settings, connectionsMax: 4 } });
    const crowd = [];
    for (let n = 0; n < 4; n++) {
      const one = await dial(edge.port);
      crowd.push(one);
      one.socket.pause();
      one.socket.write("GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(200));
    }
    await expect
      .poll(() => edge.get("/health").then(({ status }) => status, String), { timeout: 10_000, interval: 500 })
      .toBe(200);
    for (const one of crowd) one.socket.destroy();
  });

  it("close the new one where all are being answered", async () => {
    let answer = () => {};
    const answered = new Promise<void>((resolve) => (answer = resolve));
    await using edge = await openEdge({
      settings: { ...settings, isOpenLocally: true, connectionsMax: 2 },
      metrics: { contentType: "text/plain", text: () => answered.then(() => "late") },
    });
    const asked = [await dial(edge.port), await dial(edge.port)];
    for (const { socket } of asked) socket.write("GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n");
    await new Promise((resolve) => setTimeout(resolve, 50));
    const late = await dial(edge.port);
    await late.closed;
    answer();
    for (const one of asked) {
      expect(await one.until(/late/)).toContain("200 OK");
      one.socket.destroy();
    }
  });
});
