import { readFileSync } from "node:fs";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { goToCoordinator } from "../src/doctor-way.ts";
import { darkbloom, eventually, Running, temporaryFolder } from "./binary.ts";
import { bareServer, hasNginx, makeCertificate, Nginx, pageServer, UPGRADES } from "./nginx.ts";

/** Programs and a model, on a machine that is seldom idle. */
const SLOW_MS = 120_000;
const TOKEN = "a-join-token-of-the-tests";
const own = getCACertificates();
const folder = temporaryFolder();
const certificate = hasNginx ? makeCertificate(folder.path) : undefined;
let coordinator: Running;
let inside: string;

beforeAll(async () => {
  coordinator = new Running(
    ["coordinator", "--json", "--port", "0", "--data", join(folder.path, "coordinator"), "--trust-proxy"],
    { DARKBLOOM_JOIN_TOKEN: TOKEN },
  );
  ({ base_url: inside } = await coordinator.ready);
}, SLOW_MS);
afterAll(async () => {
  setDefaultCACertificates(own);
  await coordinator[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

/** The steps that were gone with what each came to, and what mends the one that failed. */
async function way(url: string, authToken: string | undefined) {
  const { checks } = await goToCoordinator(new URL(url), { authToken, version: "0", isConnected: false });
  const failed = checks.find(({ status }) => status === "fail");
  return {
    passed: checks.filter(({ status }) => status === "pass").map(({ id }) => id.replace("coordinator.", "")),
    ...(failed && { failed: failed.id.replace("coordinator.", ""), says: `${failed.seen}. ${failed.remedy}` }),
  };
}
const to = {
  connection: ["name", "connection"],
  health: ["name", "connection", "certificate"],
  upgrade: ["name", "connection", "certificate", "reachable"],
  token: ["name", "connection", "certificate", "reachable", "websocket"],
  end: ["name", "connection", "certificate", "reachable", "websocket", "join"],
};

/** Goal: the doctor says how far it came, and what mends the rest. Method: the real coordinator without a proxy. */
describe("the way to a coordinator", () => {
  it.each<[string, string | undefined, object]>([
    ["", TOKEN, { passed: to.end }],
    ["/", TOKEN, { passed: to.end }],
    ["", undefined, { passed: to.token, failed: "join", says: expect.stringContaining("darkbloom provider login") }],
    ["", `${TOKEN}-not`, { passed: to.token, failed: "join", says: expect.stringContaining("Ask its operator") }],
    [
      "/net",
      TOKEN,
      { passed: to.health, failed: "reachable", says: expect.stringContaining("status 404. Check the URL") },
    ],
  ])("by its own port%s with the token %s", async (path, token, seen) => {
    expect(await way(inside + path, token)).toEqual(seen);
  });

  it("by a name, and by one that is none", async () => {
    expect(await way(inside.replace("127.0.0.1", "localhost"), TOKEN)).toEqual({ passed: to.end });
    expect(await way("http://coordinator.invalid", TOKEN)).toEqual({
      passed: [],
      failed: "name",
      says: expect.stringContaining("leads to no address. Check its spelling"),
    });
  });

  it("by https where there is none, and where nobody listens", async () => {
    expect(await way(inside.replace("http:", "https:"), TOKEN)).toEqual({
      passed: to.connection,
      failed: "certificate",
      says: expect.stringContaining("it may be plain http:// there"),
    });
    expect(await way("https://127.0.0.1:9", TOKEN)).toMatchObject({ passed: ["name"], failed: "connection" });
  });

  it("is gone to its end by the provider that runs here", async () => {
    const { checks } = await goToCoordinator(new URL(inside), {
      authToken: undefined,
      version: "0",
      isConnected: true,
    });
    expect(checks.map(({ status }) => status)).toEqual(to.end.map(() => "pass"));
  });
});

/** Goal: what a proxy does wrong is named. Method: real nginx, set up wrongly in one way each, with an authority of ours. */
describe.runIf(hasNginx)("the way through nginx", () => {
  const isTls = (port: number) => (certificate ? pageServer(inside, certificate)(port) : "");
  const through = async (server: (port: number) => string, url = "https://127.0.0.1") => {
    using place = temporaryFolder();
    await using nginx = await Nginx.start(place.path, server);
    return await way(`${url}:${nginx.port}`, TOKEN);
  };
  const trust = (authority = certificate?.authority ?? "") =>
    setDefaultCACertificates([...own, readFileSync(authority, "utf8")]);

  it("ends at its certificate, until the authority is known", async () => {
    setDefaultCACertificates(own);
    expect(await through(isTls)).toEqual({
      passed: to.connection,
      failed: "certificate",
      says: expect.stringContaining("set NODE_EXTRA_CA_CERTS to a file with its certificate in PEM"),
    });
    trust();
    expect(await through(isTls)).toEqual({ passed: to.end });
  });

  it.each([
    ["DNS:coordinator.example.com", 2, "is for another name"],
    ["IP:127.0.0.1", -1, "is not valid at this time. Its operator has to renew it"],
  ])("ends at a certificate for %s of %i days", async (name, days, says) => {
    using place = temporaryFolder();
    const other = makeCertificate(place.path, name, days);
    trust(other.authority);
    expect(await through(pageServer(inside, other))).toEqual({
      passed: to.connection,
      failed: "certificate",
      says: expect.stringContaining(says),
    });
  });

  it.each<[string, (port: number) => string, object]>([
    [
      "leaves out the upgrade",
      (port) => bareServer(inside)(port),
      { passed: to.upgrade, failed: "websocket", says: expect.stringContaining("docs/reverse-proxy.md") },
    ],
    ["passes on the upgrade", (port) => bareServer(inside, ...UPGRADES)(port), { passed: to.end }],
    [
      "has nobody behind it",
      bareServer("http://127.0.0.1:9"),
      { passed: to.health, failed: "reachable", says: expect.stringContaining("finds no coordinator behind it") },
    ],
    [
      "sends on",
      (port) => `server { listen 127.0.0.1:${port}; return 301 https://coordinator.example.com$request_uri; }`,
      {
        passed: to.health,
        failed: "reachable",
        says: expect.stringMatching(/: https:\/\/coordinator\.example\.com\/health\. Give the URL/),
      },
    ],
    [
      "has a page of its own",
      (port) => `server { listen 127.0.0.1:${port}; location / { return 200 "welcome"; } }`,
      {
        passed: to.health,
        failed: "reachable",
        says: expect.stringContaining("it is no coordinator: /health has status 200"),
      },
    ],
    [
      "refuses providers",
      (port) => bareServer(inside, ...UPGRADES)(port).replace("location /", "location /ws { return 403; } location /"),
      { passed: to.upgrade, failed: "websocket", says: expect.stringContaining("before it could show a join token") },
    ],
  ])("where it %s", async (_, server, seen) => {
    expect(await through(server, "http://127.0.0.1")).toEqual(seen);
  });

  /** Goal: an owner reads the same of the program that serves. Method: `provider start` and `provider doctor` through each. */
  it("is told by the program", { timeout: 2 * SLOW_MS }, async () => {
    await using tls = await Nginx.start(join(folder.path, "tls"), isTls);
    await using bare = await Nginx.start(join(folder.path, "bare"), bareServer(inside));
    const trusted = { NODE_EXTRA_CA_CERTS: certificate?.authority ?? "" };
    const start = (name: string, url: string, environment: Record<string, string> = {}) =>
      new Running(
        ["provider", "start", "--json", "--coordinator", url, "--data", join(folder.path, name)],
        environment,
      );
    await using unknown = start("unknown", `https://127.0.0.1:${tls.port}`);
    await using unnamed = start("unnamed", `https://127.0.0.1:${tls.port}`, trusted);
    await using blocked = start("blocked", `http://127.0.0.1:${bare.port}`);
    const lost = async (running: Running, reason: string) =>
      await eventually(() => running.lines.some((line) => Object.values(line).includes(reason)), 60_000);
    await lost(unknown, "certificate_untrusted");
    await lost(unnamed, "token_missing");
    await lost(blocked, "upgrade_lost");
    const blockedStatus = await darkbloom(["provider", "status", "--data", join(folder.path, "blocked")]);
    expect(blockedStatus).toMatchObject({ code: 1, stdout: expect.stringContaining("lets no WebSocket through") });

    const doctor = async (name: string, url: string, environment: Record<string, string>) => {
      const args = ["provider", "doctor", "--json", "--data", join(folder.path, name), "--coordinator", url];
      const { code, stdout } = await darkbloom(args, { environment });
      const lines = stdout.trim().split("\n");
      const checks = lines.map((line): { id: string; status: string; remedy: string } => JSON.parse(line));
      return { code, of: Object.fromEntries(checks.map(({ id, status }) => [id, status])) };
    };
    const good = await doctor("new", `https://127.0.0.1:${tls.port}`, { ...trusted, DARKBLOOM_TOKEN: TOKEN });
    expect(good).toMatchObject({ code: 0, of: { "model.loads": "pass", "coordinator.join": "pass" } });
    const without = await doctor("new", `https://127.0.0.1:${tls.port}`, { DARKBLOOM_TOKEN: TOKEN });
    expect(without).toMatchObject({
      code: 1,
      of: { "coordinator.certificate": "fail", "coordinator.websocket": "unknown", "coordinator.join": "unknown" },
    });
  });
});
