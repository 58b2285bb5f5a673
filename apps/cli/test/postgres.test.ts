import { cpSync, existsSync, lstatSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasPostgres, PASSWORD, Postgres } from "../../coordinator/test/postgres.ts";
import { darkbloom, eventually, Running, temporaryFolder, type Ended } from "./binary.ts";

/** Two processes, a model and a server, on a machine that is seldom idle. */
const SLOW_MS = 180_000;

interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly text: string;
}

describe.skipIf(!hasPostgres)("a coordinator on PostgreSQL", () => {
  let server: Postgres;
  beforeAll(async () => void (server = await Postgres.start()), 60_000);
  // On a busy disk a server takes its time to be deleted.
  afterAll(() => server?.[Symbol.asyncDispose](), 60_000);

  /** The programs of one network, whose database is in the environment alone. */
  async function network(folder: string) {
    const database = await server.database();
    const environment = { DARKBLOOM_DATABASE: database };
    const data = join(folder, "coordinator");
    const admin = (...args: readonly string[]): Promise<Ended> =>
      darkbloom([...args, "--data", data, "--json"], { environment });
    const created = JSON.parse((await admin("keys", "create", "--credit", "1.00")).stdout) as Record<string, string>;
    const { api_key: key = "", key_id: keyId = "" } = created;
    return {
      database,
      environment,
      data,
      keyId,
      admin,
      start: (port = "0") => new Running(["coordinator", "--json", "--data", data, "--port", port], environment),
      provide: (url: string) =>
        new Running(["provider", "start", "--json", "--coordinator", url, "--data", join(folder, "provider")]),
      async ask(url: string, path = "/v1/chat/completions"): Promise<Answer> {
        const messages = [{ role: "user", content: "What is rain?" }];
        const body = JSON.stringify({ model: "darkbloom-tiny", messages, max_tokens: 8 });
        const answer = await fetch(url + path, {
          headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
          ...(path.startsWith("/v1/chat") && { method: "POST", body }),
        });
        return { status: answer.status, retryAfter: answer.headers.get("retry-after"), text: await answer.text() };
      },
    };
  }

  /**
   * Goal: what a coordinator keeps is in PostgreSQL, all of it, and outlives a kill; the folder's lock, the socket and the admin
   * commands are as they are without one. Method: the real program; keys and credit with it and without it, a kill in the
   * middle of an answer, and a start after it.
   */
  it("keeps all that it must through a kill", { timeout: SLOW_MS }, async () => {
    using folder = temporaryFolder();
    const net = await network(folder.path);
    let printed = "";
    let url: string;
    let provider: Running | undefined;
    try {
      {
        await using coordinator = net.start();
        url = (await coordinator.ready).base_url;
        provider = net.provide(url);
        await provider.ready;
        const answered = await net.ask(url);
        expect(answered).toMatchObject({ status: 200 });
        expect((await net.admin("credit", "--key", net.keyId, "--amount", "1.00")).code).toBe(0);
        expect((await net.admin("ledger", "check")).stdout).toBe('{"balanced":true,"faults":[]}\n');
        // A machine that stands still keeps its answer under way.
        process.kill(-provider.pid, "SIGSTOP");
        const cut = net.ask(url).catch(() => undefined);
        const held = () => server.ask("SELECT 1 FROM holds", new URL(net.database).pathname.slice(1));
        await eventually(async () => (await held()).length === 1);
        process.kill(coordinator.pid, "SIGKILL");
        await coordinator.ended;
        await cut;
        process.kill(-provider.pid, "SIGCONT");
        expect(await held()).toHaveLength(1);
        printed += coordinator.stderr;
      }
      await using coordinator = net.start(new URL(url).port);
      await coordinator.ready;
      const balance = JSON.parse((await net.ask(url, "/v1/payments/balance")).text) as Record<string, unknown>;
      expect(balance).toMatchObject({ held_micro_usd: 0 });
      const usage = JSON.parse((await net.ask(url, "/v1/payments/usage")).text) as { usage: readonly unknown[] };
      expect(usage.usage.length).toBeGreaterThan(0);
      await eventually(async () => (await net.ask(url)).status === 200, 30_000);
      expect((await net.admin("ledger", "check")).stdout).toBe('{"balanced":true,"faults":[]}\n');
      expect((await net.admin("keys", "revoke", net.keyId)).code).toBe(0);
      expect((await net.ask(url)).status).toBe(401);
      process.kill(coordinator.pid, "SIGTERM");
      expect(await coordinator.ended).toBe(0);
      printed += coordinator.stderr;
      const listed = await net.admin("keys", "list");
      expect(listed.stdout).toContain(net.keyId);
      expect(existsSync(join(net.data, "coordinator.db"))).toBe(false);
      expect(printed + listed.stdout + listed.stderr).not.toContain(PASSWORD);
    } finally {
      await provider?.[Symbol.asyncDispose]();
    }
  });

  /**
   * Goal: while its database is away nothing is answered for free and everybody is told so, and with it all goes on, in the same
   * process. Method: callers who ask without a pause, the server halted under them and started again; then the books.
   */
  it("comes back with its database", { timeout: SLOW_MS }, async () => {
    using folder = temporaryFolder();
    const net = await network(folder.path);
    await using coordinator = net.start();
    const { base_url: url } = await coordinator.ready;
    await using provider = net.provide(url);
    await provider.ready;
    const over = new AbortController();
    const answers: Answer[] = [];
    const callers = Array.from({ length: 4 }, async () => {
      while (!over.signal.aborted) answers.push(await net.ask(url));
    });
    const isReady = async () => (await fetch(`${url}/readyz`)).status;
    await eventually(() => answers.some(({ status }) => status === 200), 30_000);
    await server.halt();
    await eventually(() => answers.some(({ status }) => status === 503));
    await eventually(async () => (await isReady()) === 503);
    await server.resume();
    await eventually(async () => (await isReady()) === 200);
    const before = answers.length;
    await eventually(() => answers.slice(before).some(({ status }) => status === 200), 30_000);
    over.abort();
    await Promise.all(callers);
    for (const { status, retryAfter, text } of answers.filter((one) => one.status !== 200)) {
      expect([status, retryAfter]).toEqual([503, "5"]);
      expect(text).toContain("storage_unavailable");
    }
    const holds = () => server.ask("SELECT 1 FROM holds", new URL(net.database).pathname.slice(1));
    await eventually(async () => (await holds()).length === 0);
    expect((await net.admin("ledger", "check")).stdout).toBe('{"balanced":true,"faults":[]}\n');
    expect(coordinator.stderr).toMatch(/database_changed.*away[\s\S]*database_changed.*back/);
    expect(coordinator.process.exitCode).toBeNull();
  });

  /** Goal: a start that cannot be is one sentence that says what to do and no password. Method: each mistake, by the real program. */
  it("says why it does not start", { timeout: SLOW_MS }, async () => {
    using folder = temporaryFolder();
    const used = join(folder.path, "used");
    const [database, other] = [await server.database(), await server.database()];
    const name = (url: string) => new URL(url).pathname.slice(1);
    await server.ask(`CREATE ROLE guest LOGIN PASSWORD '${PASSWORD}'`);
    const made = await darkbloom(["keys", "create", "--data", used], { environment: { DARKBLOOM_DATABASE: database } });
    expect(made.code).toBe(0);
    const own = join(folder.path, "own");
    expect((await darkbloom(["keys", "create", "--data", own])).code).toBe(0);
    const wrongPassword = database.replace(PASSWORD, `${PASSWORD}-more`);
    for (const [url, data, says] of [
      [database, own, /has a database of its own \(coordinator\.db\)/],
      [database, join(folder.path, "new"), /is a network's, and the folder .* has not its key files/],
      [other, used, /has the files of a network .* and the database test_\d+ at 127\.0\.0\.1 is new/],
      ["", used, /say which in DARKBLOOM_DATABASE/],
      [wrongPassword, used, /refuses the user or its password/],
      [server.urlOf("nobodys"), used, /no database of that name/],
      [server.urlOf(name(other), "guest"), join(folder.path, "guest"), /may not make tables there/],
      [`${database}?sslmode=verify-full`, used, /speaks no TLS/],
      [`${database}?sslmode=verify-full&sslrootcert=/nowhere`, used, /The file \/nowhere, which/],
      [`${database}?max=1000`, used, /^darkbloom: DARKBLOOM_DATABASE must be a URL such as/],
    ] as const) {
      const environment = { DARKBLOOM_DATABASE: url };
      const { code, stdout, stderr } = await darkbloom(["coordinator", "--data", data, "--port", "0"], { environment });
      expect([code, stdout, stderr]).toEqual([url.includes("max=") ? 2 : 1, "", expect.stringMatching(says)]);
      expect(stderr).not.toContain(PASSWORD);
    }
  });

  /** Goal: of two that could have one database, one serves. Method: a coordinator that is shut out while an admin command works on its database, and is let in again. */
  it("ends where another has had its database", { timeout: SLOW_MS }, async () => {
    using folder = temporaryFolder();
    await server.ask(`CREATE ROLE owner LOGIN SUPERUSER PASSWORD '${PASSWORD}'`);
    const database = new URL(await server.database()).pathname.slice(1);
    const data = join(folder.path, "data");
    const as = (user: string) => ({ DARKBLOOM_DATABASE: server.urlOf(database, user) });
    await using coordinator = new Running(["coordinator", "--json", "--data", data, "--port", "0"], as("owner"));
    await coordinator.ready;
    const copy = join(folder.path, "copy");
    cpSync(data, copy, { recursive: true, filter: (path) => !path.endsWith(".lock") && !lstatSync(path).isSocket() });
    await server.ask("ALTER ROLE owner NOLOGIN");
    await server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'owner'");
    const made = await darkbloom(["keys", "create", "--data", copy], { environment: as("postgres") });
    expect(made).toMatchObject({ code: 0 });
    await server.ask("ALTER ROLE owner LOGIN");
    expect(await coordinator.ended).toBe(1);
    expect(coordinator.stderr).toMatch(/was out of reach, and another coordinator, or an admin command/);
  });
});
