import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasNats, NatsServer } from "../../coordinator/test/nats.ts";
import { hasPostgres, Postgres } from "../../coordinator/test/postgres.ts";
import { darkbloom, eventually, Running, temporaryFolder } from "./binary.ts";

/** Four processes, a model and two servers, on a machine that is seldom idle. */
const SLOW_MS = 400_000;
/** Of the account that is poor, and what the capped key may spend: enough for some of 64 requests and not for all. */
const LITTLE_MICRO_USD = 400;
const LITTLE_USD = "0.000400";
const KEY_FILES = ["coordinator-key.pem", "network-key.hex", "log-key.pem"];

interface Answer {
  readonly status: number;
  readonly jobId: string | null;
  readonly text: string;
}

interface Key {
  readonly apiKey: string;
  readonly keyId: string;
}

async function ask(url: string, key: Key, maxTokens = 4): Promise<Answer> {
  const messages = [{ role: "user", content: "What is rain?" }];
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key.apiKey}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "darkbloom-tiny", messages, max_tokens: maxTokens }),
  });
  return { status: answer.status, jobId: answer.headers.get("x-inference-job-id"), text: await answer.text() };
}

const shown = async (url: string, key: Key, path: string): Promise<Record<string, unknown>> => {
  const answer = await fetch(url + path, { headers: { authorization: `Bearer ${key.apiKey}` } });
  return (await answer.json()) as Record<string, unknown>;
};

describe.skipIf(!hasPostgres || !hasNats)("three coordinators on one database", () => {
  let postgres: Postgres;
  let nats: NatsServer;
  beforeAll(async () => {
    postgres = await Postgres.start();
    nats = await NatsServer.start();
  }, 60_000);
  // On a busy disk a server takes its time to be deleted.
  afterAll(async () => {
    await nats?.[Symbol.asyncDispose]();
    await postgres?.[Symbol.asyncDispose]();
  }, 60_000);

  /**
   * Goal: however requests are spread, no micro-dollar is spent twice and no cap exceeded; what is changed at one holds at the others
   * with their next request; a receipt is had anywhere; one that is killed, and one that sleeps past its lease, lose nobody's money.
   * Method: the real program three times, with one machine; 64 requests at once of a poor account, and of a capped key; keys that the
   * others know, revoked; a kill and a stop of 30 seconds, each with a request under way and callers at the others.
   */
  it("are one network", { timeout: SLOW_MS }, async () => {
    using folder = temporaryFolder();
    const database = await postgres.database();
    const environment = { DARKBLOOM_DATABASE: database, DARKBLOOM_NATS: nats.urlOf() };
    const dataOf = (name: string): string => join(folder.path, name);
    const keyOf = async (...bounds: readonly string[]): Promise<Key> => {
      const made = await darkbloom(["keys", "create", ...bounds, "--data", dataOf("a"), "--json"], { environment });
      const told = JSON.parse(made.stdout) as { api_key: string; key_id: string };
      return { apiKey: told.api_key, keyId: told.key_id };
    };
    const rich = await keyOf("--credit", "1.00");
    for (const name of ["b", "c"]) mkdirSync(dataOf(name), { mode: 0o700 });
    const start = (name: string, port = "0") =>
      new Running(["coordinator", "--json", "--data", dataOf(name), "--port", port], environment);
    await using a = start("a");
    const { base_url: urlA } = await a.ready;
    for (const name of ["b", "c"])
      for (const file of KEY_FILES) copyFileSync(join(dataOf("a"), file), join(dataOf(name), file));
    await using b = start("b");
    await using c = start("c");
    const urls = [urlA, (await b.ready).base_url, (await c.ready).base_url] as const;
    const [, urlB, urlC] = urls;
    await using provider = new Running([
      "provider",
      "start",
      "--json",
      "--coordinator",
      urlA,
      "--data",
      dataOf("provider"),
    ]);
    await provider.ready;
    const providers = async (url: string) =>
      ((await (await fetch(`${url}/health`)).json()) as { providers: number }).providers;
    for (const url of urls) await eventually(async () => (await providers(url)) === 1, 30_000);
    const isBalanced = async () => {
      const checked = await darkbloom(["ledger", "check", "--data", dataOf("a"), "--json"], { environment });
      expect(checked.stdout).toBe('{"balanced":true,"faults":[]}\n');
    };
    const held = () => postgres.ask("SELECT 1 FROM holds", new URL(database).pathname.slice(1));
    const balanceOf = async (key: Key, url: string = urlA) => {
      const { balance_micro_usd: left, held_micro_usd: under } = await shown(url, key, "/v1/payments/balance");
      return { left, under };
    };

    // A poor account, and a capped key.
    const poor = await keyOf("--credit", LITTLE_USD);
    const capped = await keyOf("--credit", "1.00", "--limit-usd", LITTLE_USD);
    for (const [key, refusal] of [
      [poor, 402],
      [capped, 402],
    ] as const) {
      const answers = await Promise.all(Array.from({ length: 64 }, (_, n) => ask(urls[n % 3] ?? urlA, key)));
      const statuses = new Set(answers.map(({ status }) => status));
      const bugs = [a, b, c].flatMap(({ stderr }) =>
        stderr.split("\n").filter((line) => /"bug"|"level":"error"/.test(line)),
      );
      expect(bugs).toEqual([]);
      expect(statuses).toEqual(new Set([200, refusal]));
      await eventually(async () => (await held()).length === 0);
    }
    const { left } = await balanceOf(poor, urlC);
    expect(Number(left)).toBeGreaterThanOrEqual(0);
    expect(Number(left)).toBeLessThan(LITTLE_MICRO_USD);
    const spent = 1_000_000 - Number((await balanceOf(capped, urlB)).left);
    expect(spent).toBeGreaterThan(0);
    expect(spent).toBeLessThanOrEqual(LITTLE_MICRO_USD);
    await isBalanced();

    // What is changed at one holds at the others.
    for (let round = 0; round < 5; round++) {
      const gone = await keyOf("--credit", "0.01");
      for (const url of urls)
        expect((await shown(url, gone, "/v1/payments/balance"))["balance_micro_usd"]).toBe(10_000);
      expect((await darkbloom(["keys", "revoke", gone.keyId, "--data", dataOf("a")], { environment })).code).toBe(0);
      for (const url of [urlB, urlC]) expect((await ask(url, gone)).status).toBe(401);
    }
    const answered = await ask(urlC, rich);
    expect(answered.status).toBe(200);
    // Asked of another coordinator than the one that answered.
    const job = answered.jobId ?? "";
    expect(await shown(urlB, rich, `/v1/receipts/${job}`)).toMatchObject({ receipt: { job_id: job } });

    // Callers at the others, while one is killed, and one is stopped.
    for (const [what, one, url] of [
      ["killed", c, urlC],
      ["stopped", b, urlB],
    ] as const) {
      process.kill(-provider.pid, "SIGSTOP");
      const cut = ask(url, rich).then(
        ({ status }) => status,
        () => "cut off",
      );
      await eventually(async () => (await held()).length > 0);
      const beganMs = performance.now();
      process.kill(one.pid, what === "killed" ? "SIGKILL" : "SIGSTOP");
      process.kill(-provider.pid, "SIGCONT");
      const over = new AbortController();
      const statuses: number[] = [];
      const others = urls.filter((other) => other !== url && !(what === "stopped" && other === urlC));
      const callers = others.map(async (other) => {
        while (!over.signal.aborted) {
          statuses.push((await ask(other, rich)).status);
          // Far below what one account may ask in a minute.
          await sleep(100);
        }
      });
      const released = () =>
        postgres.ask("SELECT 1 FROM settlements WHERE outcome = 'crashed'", new URL(database).pathname.slice(1));
      await eventually(async () => (await released()).length === (what === "killed" ? 1 : 2), 30_000);
      const releasedMs = performance.now() - beganMs;
      let wholeMs = releasedMs;
      if (what === "stopped") {
        await sleep(Math.max(0, 30_000 - releasedMs));
        const wokenMs = performance.now();
        process.kill(one.pid, "SIGCONT");
        await eventually(async () => (await ask(url, rich)).status === 200, 30_000);
        wholeMs = performance.now() - wokenMs;
        expect(one.stderr).toContain("lease_lost");
      }
      over.abort();
      await Promise.all(callers);
      const failed = statuses.filter((status) => status !== 200).length;
      expect(
        failed,
        `of ${statuses.length} at the others, ${[...new Set(statuses)].join()}; given back after ${releasedMs} ms, whole after ${wholeMs}`,
      ).toBe(0);
      expect(statuses.length).toBeGreaterThan(0);
      expect(await cut).not.toBe(200);
      await eventually(async () => (await held()).length === 0, 20_000);
      await isBalanced();
    }
    const { under } = await balanceOf(rich);
    expect(under).toBe(0);
  });
});
