import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { expect, it } from "vitest";
import { bundledModel } from "../src/model.ts";
import { BINARY, darkbloom, eventually, isAlive, Running, temporaryFolder, type Line } from "./binary.ts";

/** A start takes two seconds on an idle machine; the test machines are seldom idle. */
const SLOW_MS = 90_000;

const up = (data: string, ...more: string[]) => new Running(["up", "--json", "--port", "0", "--data", data, ...more]);

const get = async (ready: Line, path: string): Promise<unknown> => {
  const response = await fetch(`${ready.base_url}${path}`, {
    headers: { authorization: `Bearer ${ready.api_key}` },
  });
  expect(response.status).toBe(200);
  return await response.json();
};

const chat = (ready: Line, content: string): Promise<Response> =>
  fetch(`${ready.base_url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${ready.api_key}`, "content-type": "application/json" },
    body: JSON.stringify({
      model: ready.model,
      messages: [{ role: "user", content }],
      stream: true,
      max_tokens: 200,
    }),
  });

/** The names in the kernel's copy of a process's environment; who is not root may not look at one that is not dumpable. */
function environmentOf(pid: number): string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8")
      .split("\0")
      .map((entry) => entry.split("=")[0] ?? "");
  } catch {
    return undefined;
  }
}

const childrenOf = (parent: number): number[] =>
  execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([pid, ppid]) => (pid !== undefined && ppid === parent ? [pid] : []));

/**
 * Goal: one command gives a network that answers, drains at Ctrl-C, and comes back with its key and its
 * money. Method: start, ask for a stream, press Ctrl-C on the whole group while it runs, start again.
 */
it("serves, drains at Ctrl-C, and keeps key and balance", { timeout: SLOW_MS }, async () => {
  using folder = temporaryFolder();
  let first: Line;
  {
    await using running = up(folder.path);
    first = await running.ready;
    expect(first).toMatchObject({
      event: "ready",
      base_url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      openai_base_url: `${first.base_url}/v1`,
      api_key: expect.stringMatching(/^eigeninference-/),
      provider_serial: expect.any(String),
      providers_ready: 1,
      providers: 1,
    });
    expect(await get(first, "/v1/models")).toMatchObject({
      data: [{ id: first.model, metadata: { provider_count: 1 } }],
    });
    expect(await get(first, "/v1/payments/balance")).toMatchObject({ balance_usd: "5.000000" });
    expect(statSync(join(folder.path, "up.json")).mode & 0o777).toBe(0o600);

    const status = await darkbloom(["provider", "status", "--data", join(folder.path, "provider-1"), "--json"]);
    expect(status.code).toBe(0);
    expect(JSON.parse(status.stdout)).toMatchObject({ eligible: true, serial: first.provider_serial, reason: null });
    const doctor = await darkbloom(["provider", "doctor", "--data", join(folder.path, "provider-1")]);
    expect(doctor).toMatchObject({ code: 0, stdout: expect.stringMatching(/^pass +clock\.difference/m) });

    const answer = await chat(first, "Tell me a story.");
    expect(answer.status).toBe(200);
    running.pressCtrlC();
    expect(await answer.text()).toMatch(/data: \[DONE\]\n\n: darkbloom-receipt \S+\n\n$/);
    expect(await running.ended).toBe(0);
    expect(running.stderr).toMatch(/^Stopping: (1 request has up to 600 s to finish|nothing runs)/m);
    expect(running.lines).toHaveLength(1);
    const books = await darkbloom(["ledger", "check", "--data", folder.path, "--json"]);
    expect(JSON.parse(books.stdout)).toEqual({ balanced: true, faults: [] });
  }
  const further = ["--receipt-days", "7", "--cors-origin", "https://app.example.com", "--requests-per-minute", "770"];
  await using again = up(folder.path, ...further);
  const second = await again.ready;
  expect(await (await fetch(`${second.base_url}/llms.txt`)).text()).toContain("for 7 days\n");
  expect(second.api_key).toBe(first.api_key);
  expect(second.provider_serial).toBe(first.provider_serial);
  expect(await get(second, "/v1/payments/balance")).toMatchObject({
    balance_usd: expect.stringMatching(/^4\.99/),
    held_micro_usd: 0,
  });

  const shown = await fetch(`${second.base_url}/v1/models`, { headers: { origin: "https://app.example.com" } });
  expect(shown.headers.get("access-control-allow-origin")).toBe("https://app.example.com");
  // What may come at once is a tenth of a minute's.
  expect((await chat(second, "Hello")).headers.get("x-ratelimit-limit-requests")).toBe("77");

  const credited = await darkbloom(["keys", "create", "--credit", "2", "--data", folder.path, "--json"]);
  const key = JSON.parse(credited.stdout);
  expect(await get({ ...second, api_key: key.api_key }, "/v1/payments/balance")).toMatchObject({
    balance_usd: "2.000000",
  });

  const busy = await darkbloom(["up", "--port", "0", "--data", folder.path]);
  expect(busy).toMatchObject({ code: 1, stderr: expect.stringContaining("is in use by another") });

  again.pressCtrlC();
  expect(await again.ended).toBe(0);
  expect(again.stderr.match(/^Stopping: .*$/gm)).toEqual(["Stopping: nothing runs."]);
});

/**
 * Goal: a provider runs without core dumps, and without what it need not know; its status says how it
 * stands. Method: start it beside a secret and an option that loads code, and look at it from outside.
 */
it.runIf(process.platform === "linux")("hardens its providers", { timeout: SLOW_MS }, async () => {
  using folder = temporaryFolder();
  const around = { OPENAI_API_KEY: "a secret of somebody else", NODE_OPTIONS: "--no-deprecation" };
  await using running = new Running(["up", "--json", "--port", "0", "--data", folder.path], around);
  await running.ready;
  const data = join(folder.path, "provider-1");
  const { stdout } = await darkbloom(["provider", "status", "--data", data, "--json"]);
  const { pid, posture }: { pid: number; posture: { name: string; status: string }[] } = JSON.parse(stdout);
  const read = Object.fromEntries(posture.map(({ name, status }) => [name, status]));
  expect(read).toMatchObject({ core_dumps_off: "pass", inspector_closed: "pass", environment_clean: "pass" });
  const children = childrenOf(running.pid);
  expect(children).toHaveLength(2);
  for (const child of children)
    expect(readFileSync(`/proc/${child}/limits`, "utf8")).toMatch(/^Max core file size +([01]) +\1 /m);

  const names = environmentOf(pid);
  if (names) expect(names).toContain("DARKBLOOM_SUPERVISED");
  else expect(read["not_dumpable"]).toBe("pass");
  expect(names?.filter((name) => name in around)).toEqual(names && []);
  const told = await darkbloom(["provider", "status", "--data", data]);
  expect(told.stdout).toMatch(/^pass +here\.core_dumps_off: /m);
});

/** Goal: `kill -9` of the parent leaves nobody behind. Method: two providers, kill, and watch every child. */
it("leaves no orphan when it is killed", { timeout: SLOW_MS }, async () => {
  using folder = temporaryFolder();
  await using running = up(folder.path, "--providers", "2");
  expect(await running.ready).toMatchObject({ providers: 2, providers_ready: 2 });
  await eventually(() => childrenOf(running.pid).length === 3);
  const children = childrenOf(running.pid);
  process.kill(running.pid, "SIGKILL");
  await eventually(() => !children.some(isAlive), 6_000);
});

/** Goal: a crashed process comes back, the coordinator on the same port. Method: kill each with -9, ask for an answer. */
it("starts again what crashes", { timeout: SLOW_MS }, async () => {
  using folder = temporaryFolder();
  await using running = up(folder.path);
  const ready = await running.ready;
  const before = childrenOf(running.pid);
  expect(before).toHaveLength(2);
  for (const child of before) process.kill(child, "SIGKILL");
  await eventually(async () => (await chat(ready, "Hello").catch(() => undefined))?.status === 200, 30_000);
  expect(childrenOf(running.pid).filter((pid) => before.includes(pid))).toEqual([]);
  expect(running.stderr).toContain("coordinator was ended by SIGKILL; it starts again in 1 s.");
  expect(running.stderr).toContain("provider-1 was ended by SIGKILL; it starts again in 1 s.");
  expect(running.lines.filter(({ event }) => event === "restarted")).toEqual(
    expect.arrayContaining([
      { event: "restarted", process: "coordinator", reason: "was ended by SIGKILL", retry_in_ms: 1000 },
      { event: "restarted", process: "provider-1", reason: "was ended by SIGKILL", retry_in_ms: 1000 },
    ]),
  );
});

/** Goal: a provider that hangs is noticed, told and replaced. Method: stop its process; the network answers again by another. */
it("starts again what hangs", { timeout: 2 * SLOW_MS }, async () => {
  using folder = temporaryFolder();
  await using running = up(folder.path);
  const ready = await running.ready;
  const { stdout } = await darkbloom(["provider", "status", "--data", join(folder.path, "provider-1"), "--json"]);
  const { pid }: { pid: number } = JSON.parse(stdout);
  process.kill(pid, "SIGSTOP");
  await eventually(() => running.stderr.includes("provider-1 gave no sign of life for 40 s and was ended"), 90_000);
  await eventually(async () => (await chat(ready, "Hello").catch(() => undefined))?.status === 200, 60_000);
  expect(isAlive(pid)).toBe(false);
  expect(running.lines.map(({ event }) => event)).toEqual(["ready", "restarted"]);
});

/** Goal: any GGUF file becomes a model of the network. Method: the bundled weights under another name. */
it("serves a model of the user's own", { timeout: SLOW_MS }, async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "My Model.gguf");
  copyFileSync(bundledModel.path, path);
  await using running = up(join(folder.path, "net"), "--model", path);
  const ready = await running.ready;
  expect(ready.model).toBe("My-Model");
  // Nobody serves the bundled one here.
  expect(await get(ready, "/v1/models")).toMatchObject({ data: [{ id: "My-Model" }] });
  const answer = await chat(ready, "Hello");
  expect(await answer.text()).toContain('"content"');
  const catalog: unknown = JSON.parse(readFileSync(join(folder.path, "net/coordinator/catalog.json"), "utf8"));
  expect(catalog).toMatchObject({ models: [{ id: "darkbloom-tiny" }, { id: "My-Model", context_tokens: 2048 }] });
});

/** Goal: a busy port is named, with the way out. Method: hold one. */
it("says which port is in use", { timeout: SLOW_MS }, async () => {
  using folder = temporaryFolder();
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  const { port } = holder.address() as AddressInfo;
  const { code, stdout, stderr } = await darkbloom(["up", "--port", String(port), "--data", folder.path]);
  holder.close();
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain(`Port ${port} on 127.0.0.1 is in use`);
  expect(stderr).toContain("--port 0");
});

/**
 * Goal: a coordinator and a provider run on their own, and the provider stops when it is told. Method:
 * start both, the provider beside a secret, ask for `provider stop`, press Ctrl-C on the coordinator.
 */
it("runs a coordinator and a provider apart", { timeout: SLOW_MS }, async () => {
  using folder = temporaryFolder();
  const data = join(folder.path, "machine");
  await using coordinator = new Running([
    "coordinator",
    "--port",
    "0",
    "--json",
    "--data",
    join(folder.path, "coordinator"),
  ]);
  const { base_url: url } = await coordinator.ready;
  const around = { OPENAI_API_KEY: "a secret of somebody else", NODE_OPTIONS: "--no-deprecation" };
  await using provider = new Running(["provider", "start", "--coordinator", url, "--data", data, "--json"], around);
  expect(await provider.ready).toMatchObject({
    provider_id: expect.stringMatching(/./),
    serial: expect.stringMatching(/./),
    trust_level: "self_signed",
  });
  // What the terminal's environment has beyond a provider's needs is gone from the kernel's copy too.
  const told = await darkbloom(["provider", "status", "--data", data]);
  expect(told.stdout).toMatch(/^pass +here\.environment_clean: /m);
  const names = process.platform === "linux" ? environmentOf(provider.pid) : undefined;
  expect(names?.filter((name) => name in around)).toEqual(names && []);
  expect(await darkbloom(["provider", "stop", "--data", data])).toMatchObject({
    code: 0,
    stdout: "The provider has stopped.\n",
  });
  expect(await provider.ended).toBe(0);
  expect((await darkbloom(["provider", "status", "--data", data])).code).toBe(1);
  coordinator.pressCtrlC();
  expect(await coordinator.ended).toBe(0);
});

/** Goal: of several providers the network serves with those that can. Method: a file stands where one would keep its key. */
it("serves with the providers that start", { timeout: SLOW_MS }, async () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, "provider-2"), "in the way");
  await using running = up(folder.path, "--providers", "2");
  expect(await running.ready).toMatchObject({ providers: 2, providers_ready: 1 });
  expect(running.stderr).toContain("1 of 2 providers serve so far.");
});

/** Goal: a model that ends takes neither the machine nor its owner by surprise. Method: kill the process that it runs in, read, and ask. */
it("starts again a model that crashes", { timeout: SLOW_MS }, async () => {
  using folder = temporaryFolder();
  await using running = up(folder.path);
  const ready = await running.ready;
  const { stdout } = await darkbloom(["provider", "status", "--data", join(folder.path, "provider-1"), "--json"]);
  const { pid }: { pid: number } = JSON.parse(stdout);
  const [engine] = childrenOf(pid);
  if (engine === undefined) expect.unreachable();
  process.kill(engine, "SIGKILL");
  await eventually(() => running.stderr.includes("provider-1: its model is restarting."), 30_000);
  await eventually(() => running.stderr.includes("provider-1: its model is back."), 60_000);
  await eventually(async () => (await chat(ready, "Hello")).status === 200, 30_000);
  expect(isAlive(pid)).toBe(true);
});

/** Goal: where machines need a token, or a proxy hides who asks, those of the same folder get in and others do not. Method: both ways to close the door; a provider without a word, with the folder's secret, and those of `up`. */
it("lets in the providers of its own machine by its folder's secret", { timeout: 2 * SLOW_MS }, async () => {
  using folder = temporaryFolder();
  const token = "a-token-that-nobody-guesses-0123456789";
  {
    const args = ["up", "--json", "--port", "0", "--data", folder.path];
    await using running = new Running(args, { DARKBLOOM_JOIN_TOKEN: token });
    expect((await chat(await running.ready, "Hello")).status).toBe(200);
  }
  const data = join(folder.path, "coordinator");
  await using coordinator = new Running(["coordinator", "--json", "--port", "0", "--data", data, "--trust-proxy"]);
  const { base_url: url } = await coordinator.ready;
  const start = ["provider", "start", "--json", "--coordinator", url, "--data", join(folder.path, "machine")];
  {
    await using stranger = new Running(start);
    await eventually(() => stranger.lines.some(({ event }) => event === "lost"), 60_000);
    expect(stranger.lines.find(({ event }) => event === "lost")).toMatchObject({ reason: "token_missing" });
  }
  await using own = new Running([...start, "--coordinator-data", data]);
  expect(await own.ready).toMatchObject({ trust_level: "self_signed" });
});

/** Goal: a low limit of open files shuts out neither the operator nor everybody. Method: more silent callers than there are descriptors; and a limit below any use. */
it.runIf(process.platform === "linux")(
  "keeps its door for the operator under few descriptors",
  { timeout: SLOW_MS },
  async () => {
    using folder = temporaryFolder();
    const under = (limit: number, ...args: string[]) => [
      "-c",
      `ulimit -n ${limit}; exec "$@"`,
      "sh",
      process.execPath,
      BINARY,
      ...args,
    ];
    const args = ["coordinator", "--json", "--port", "0", "--data", folder.path];
    const child = spawn("sh", under(256, ...args));
    const crowd: Socket[] = [];
    try {
      const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
      const { base_url: url }: { base_url: string } = JSON.parse(line);
      for (let n = 0; n < 400; n++)
        crowd.push(connect({ host: "127.0.0.1", port: Number(new URL(url).port) }).on("error", () => {}));
      await eventually(async () => (await fetch(`${url}/health`).catch(() => undefined))?.status === 200);
      expect((await darkbloom(["keys", "create", "--data", folder.path])).code).toBe(0);
    } finally {
      for (const socket of crowd) socket.destroy();
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    const low = spawn("sh", under(100, ...args));
    const [said, [code]] = await Promise.all([text(low.stderr), once(low, "exit")]);
    expect([code, said]).toEqual([1, expect.stringContaining("Raise the limit")]);
  },
);
