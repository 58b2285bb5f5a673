import { cpSync, existsSync, lstatSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasPostgres, Postgres } from "../../coordinator/test/postgres.ts";
import { darkbloom, Running, temporaryFolder } from "./binary.ts";

/** A model and several programs, on a machine that is seldom idle. */
const SLOW_MS = 180_000;

interface Told {
  readonly folder: string;
  readonly bytes: number;
  readonly database: string;
}

async function backup(data: string, to: string) {
  const { code, stdout, stderr } = await darkbloom(["backup", "--data", data, "--into", to, "--json"]);
  return { code, stderr, told: stdout === "" ? undefined : (JSON.parse(stdout) as Told) };
}

/** What somebody with a key sees of a network. */
function seenWith(ready: { readonly base_url: string; readonly model: string }, key: string) {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const get = async (path: string) => {
    const response = await fetch(ready.base_url + path, { headers });
    return { status: response.status, told: (await response.json()) as Record<string, unknown> };
  };
  return {
    get,
    /** @returns the job's id, where it was answered */
    async ask(): Promise<string | undefined> {
      const body = JSON.stringify({ model: ready.model, max_tokens: 4, messages: [{ role: "user", content: "Hi" }] });
      const response = await fetch(`${ready.base_url}/v1/chat/completions`, { method: "POST", headers, body });
      await response.text();
      return response.ok ? (response.headers.get("x-inference-job-id") ?? undefined) : undefined;
    },
    balanceOf: async () => Number((await get("/v1/payments/balance")).told["balance_micro_usd"]),
    logName: async () => (await get("/.well-known/darkbloom")).told,
  };
}

/**
 * Goal: whoever loses a coordinator's disk goes on from the last copy: keys, money, receipts and the coordinator's own key are
 * there, the books add up, and the log does not pretend to be the one that lost entries. Method: a network under load is
 * copied, answers some more, is killed and deleted; another starts on the copy.
 */
it("is rehearsed: copied under load, lost, and started again from the copy", { timeout: SLOW_MS }, async () => {
  using folder = temporaryFolder();
  const data = join(folder.path, "network");
  const copy = join(folder.path, "copies", "monday");
  let key = "";
  let early = "";
  let spentLater = 0;
  let before: Record<string, unknown>;
  {
    await using running = new Running(["up", "--json", "--port", "0", "--data", data]);
    const ready = await running.ready;
    key = ready.api_key;
    const seen = seenWith(ready, key);
    early = (await seen.ask()) ?? "";
    before = await seen.logName();
    const over = new AbortController();
    const load = Array.from({ length: 4 }, async () => {
      let answered = 0;
      while (!over.signal.aborted) if (await seen.ask()) answered += 1;
      return answered;
    });
    const made = await backup(data, copy);
    expect(made).toMatchObject({ code: 0, stderr: "", told: { folder: copy, database: "sound" } });
    await sleep(500);
    over.abort();
    expect((await Promise.all(load)).every((answered) => answered > 0)).toBe(true);
    spentLater = await seen.balanceOf();
  }
  expect(readdirSync(copy).toSorted()).toEqual([
    "catalog.json",
    "coordinator-key.pem",
    "coordinator.db",
    "network-key.hex",
  ]);
  for (const name of readdirSync(copy)) expect(lstatSync(join(copy, name)).mode & 0o777).toBe(0o600);
  expect(lstatSync(copy).mode & 0o777).toBe(0o700);
  rmSync(join(data, "coordinator"), { recursive: true });
  cpSync(copy, join(data, "coordinator"), { recursive: true });

  await using running = new Running(["up", "--json", "--port", "0", "--data", data]);
  const ready = await running.ready;
  const seen = seenWith(ready, key);
  // What was answered after the copy is forgotten, with its price.
  expect(await seen.balanceOf()).toBeGreaterThan(spentLater);
  expect(await seen.ask()).toBeDefined();
  expect((await seen.get(`/v1/receipts/${early}`)).told).toMatchObject({ receipt: { job_id: early } });
  expect((await darkbloom(["ledger", "check", "--data", data, "--json"])).stdout).toContain('"balanced":true');
  const after = await seen.logName();
  expect(after["public_key"]).toBe(before["public_key"]);
  const logs = [before, after].map((one) => (one["log"] as Record<string, unknown>)["verifier_key"]);
  expect(logs[0]).toBeTypeOf("string");
  expect(logs[1]).not.toBe(logs[0]);
  const verified = await darkbloom(["verify", "log", "--coordinator", ready.base_url, "--json"]);
  expect(JSON.parse(verified.stdout)).toMatchObject({ good: true });
});

/** Goal: no copy is taken for whole that is not, and nothing is overwritten. Method: each mistake and fault, by the real program. */
it("says what is wrong, and leaves nothing half made", { timeout: SLOW_MS }, async () => {
  using folder = temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  await darkbloom(["keys", "create", "--data", at("data"), "--credit", "1.00"]);
  expect((await backup(at("data"), at("one"))).code).toBe(0);
  expect(await backup(at("data"), at("one"))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("there already"),
  });
  expect(await backup(at("nowhere"), at("two"))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("is no coordinator's"),
  });
  {
    using database = new DatabaseSync(join(at("data"), "coordinator.db"));
    database.exec("UPDATE accounts SET granted = granted + 1");
  }
  expect(await backup(at("data"), at("three"))).toMatchObject({ code: 1, told: { database: "unbalanced" } });
  // Deeper than the pages that a start reads first.
  cpSync(at("one"), at("torn"), { recursive: true });
  renameSync(join(at("torn"), "coordinator.db"), join(at("torn"), "whole.db"));
  cpSync(join(at("torn"), "network-key.hex"), join(at("torn"), "coordinator.db"));
  expect((await backup(at("torn"), at("four"))).code).toBe(1);
  expect(existsSync(at("four"))).toBe(false);
  expect(readdirSync(folder.path).toSorted()).toEqual(["data", "one", "three", "torn"]);
});

describe.skipIf(!hasPostgres)("with its books in PostgreSQL", () => {
  let server: Postgres;
  beforeAll(async () => void (server = await Postgres.start()), 60_000);
  afterAll(() => server?.[Symbol.asyncDispose](), 60_000);

  it("copies the keys, and says what is elsewhere", { timeout: SLOW_MS }, async () => {
    using folder = temporaryFolder();
    const [data, to] = [join(folder.path, "data"), join(folder.path, "copy")];
    const environment = { DARKBLOOM_DATABASE: await server.database() };
    expect((await darkbloom(["keys", "create", "--data", data], { environment })).code).toBe(0);
    expect(await backup(data, to)).toMatchObject({ code: 0, told: { database: "elsewhere" } });
    expect(readdirSync(to)).not.toContain("coordinator.db");
  });
});
