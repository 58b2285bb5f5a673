import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasNats, NatsServer } from "../../coordinator/test/nats.ts";
import { hasPostgres, Postgres } from "../../coordinator/test/postgres.ts";
import { darkbloom, eventually, Running, temporaryFolder } from "./binary.ts";

/** Three processes, a model and two servers, on a machine that is seldom idle. */
const SLOW_MS = 180_000;
const PASSWORD = "not-a-secret-either";

describe.skipIf(!hasPostgres || !hasNats)("coordinators that find each other over NATS", () => {
  let postgres: Postgres;
  let nats: NatsServer;
  beforeAll(async () => {
    postgres = await Postgres.start();
    const users = `users: [{ user: "network", password: "${PASSWORD}" }]`;
    nats = await NatsServer.start(
      `authorization { ${users}, default_permissions { publish: "darkbloom.>", subscribe: "darkbloom.>" } }`,
    );
  }, 60_000);
  // On a busy disk a server takes its time to be deleted.
  afterAll(async () => {
    await nats?.[Symbol.asyncDispose]();
    await postgres?.[Symbol.asyncDispose]();
  }, 60_000);

  /**
   * Goal: one serves from the other's machine, and goes on without NATS, which it tells; nobody prints the password. Method: the real
   * program twice, each with its own database, with one network key; NATS is killed and comes back.
   */
  it("serve from each other's machines", { timeout: SLOW_MS }, async () => {
    using folder = temporaryFolder();
    const coordinatorOf = async (name: string) => {
      const [database, data] = [await postgres.database(), join(folder.path, name)];
      const environment = { DARKBLOOM_DATABASE: database, DARKBLOOM_NATS: nats.urlOf(`network:${PASSWORD}`) };
      const made = await darkbloom(["keys", "create", "--credit", "1.00", "--data", data, "--json"], { environment });
      const { api_key: key = "" } = JSON.parse(made.stdout) as { api_key?: string };
      return {
        data,
        key,
        start: () => new Running(["coordinator", "--json", "--data", data, "--port", "0"], environment),
      };
    };
    const [home, edge] = [await coordinatorOf("home"), await coordinatorOf("edge")];
    copyFileSync(join(home.data, "network-key.hex"), join(edge.data, "network-key.hex"));
    await using homeRuns = home.start();
    await using edgeRuns = edge.start();
    const { base_url: homeUrl } = await homeRuns.ready;
    const { base_url: url } = await edgeRuns.ready;
    const machine = join(folder.path, "provider");
    await using provider = new Running(["provider", "start", "--json", "--coordinator", homeUrl, "--data", machine]);
    await provider.ready;

    const metric = async (name: string) => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return new RegExp(`^darkbloom_${name} (.*)$`, "m").exec(text)?.[1];
    };
    const providers = async () => ((await (await fetch(`${url}/health`)).json()) as { providers: number }).providers;
    const ask = async () => {
      const messages = [{ role: "user", content: "What is rain?" }];
      const answer = await fetch(`${url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${edge.key}`, "content-type": "application/json" },
        body: JSON.stringify({ model: "darkbloom-tiny", messages, max_tokens: 8 }),
      });
      return { status: answer.status, receipt: answer.headers.get("x-darkbloom-receipt"), text: await answer.text() };
    };
    await eventually(async () => (await providers()) === 1);
    expect([await metric("peers"), await metric("bus_up")]).toEqual(["1", "1"]);
    const whole = { status: 200, receipt: expect.any(String) as string };
    expect(await ask()).toMatchObject(whole);

    await nats.halt();
    await eventually(async () => (await providers()) === 0);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect([await metric("peers"), await metric("bus_up")]).toEqual(["0", "0"]);
    expect((await ask()).status).toBe(503);
    await nats.resume();
    await eventually(async () => (await providers()) === 1, 15_000);
    expect(await ask()).toMatchObject(whole);
    expect(edgeRuns.stderr).toMatch(/bus_changed.*away[\s\S]*bus_changed.*back/);
    for (const { stderr } of [homeRuns, edgeRuns]) expect(stderr).not.toContain(PASSWORD);
  });
});
