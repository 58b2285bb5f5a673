import { createServer, request, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { darkbloom, eventually, Running, temporaryFolder, type Line } from "./binary.ts";

/** The real program, with a network of its own behind it. */
const folder = temporaryFolder();
const data = join(folder.path, "proxy");
let network: Running;
let net: Line;
let proxy: Running;
let base: string;
let token: string;
beforeAll(async () => {
  network = new Running(["up", "--json", "--port", "0", "--data", join(folder.path, "up")]);
  net = await network.ready;
  proxy = startProxy(data);
  const ready = (await proxy.ready) as Line & { token: string; token_file: string };
  base = ready.base_url;
  token = ready.token;
}, 90_000);
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await network[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const startProxy = (
  at: string,
  more: readonly string[] = [],
  coordinator = net.base_url,
  mode: "sealed" | "transparent" = "transparent",
): Running =>
  new Running([
    "proxy",
    "--json",
    "--port",
    "0",
    "--data",
    at,
    "--coordinator",
    coordinator,
    "--api-key",
    net.api_key,
    "--mode",
    mode,
    "--min-trust",
    "self_signed",
    ...more,
  ]);

interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** With whatever headers: `fetch` would not send a `Host` of somebody else. */
function send(path: string, { method = "GET", headers = {}, body = "", at = base } = {}): Promise<Answered> {
  const { promise, resolve, reject } = Promise.withResolvers<Answered>();
  const sent = request(`${at}${path}`, { method, headers }, (response) => {
    text(response).then(
      (all) => resolve({ status: response.statusCode ?? 0, headers: response.headers, text: all }),
      reject,
    );
  });
  sent.on("error", reject);
  sent.end(body);
  return promise;
}

const authorized = () => ({ authorization: `Bearer ${token}`, "content-type": "application/json" });
const question = (more: object = {}): string =>
  JSON.stringify({ model: net.model, max_tokens: 32, messages: [{ role: "user", content: "What is rain?" }], ...more });
const ask = (more: object = {}, at = base, headers: Record<string, string> = authorized()): Promise<Answered> =>
  send("/v1/chat/completions", { method: "POST", headers, body: question(more), at });

interface Status {
  readonly answers: Record<string, number>;
  readonly running: number;
  readonly recent: readonly {
    readonly outcome: string;
    readonly jobId?: string;
    readonly receipt?: { readonly receipt: { readonly finish_reason?: string } };
    readonly machine?: { readonly serial: string };
    readonly steps: readonly { readonly id: string; readonly status: string; readonly source: string }[];
  }[];
}
const status = async (): Promise<Status> =>
  JSON.parse((await send("/status", { headers: authorized() })).text) as Status;

describe("darkbloom proxy", () => {
  it("answers plain and in streams, and tells of each who served it and what was checked", async () => {
    const plain = await ask();
    expect([plain.status, plain.headers["x-darkbloom-privacy"]]).toEqual([200, "transparent"]);
    expect(JSON.parse(plain.text)).toMatchObject({
      choices: [{ message: { content: expect.stringContaining("Rain") } }],
    });
    const streamed = await ask({ stream: true }, base, { "x-api-key": token });
    expect(streamed.headers["content-type"]).toContain("text/event-stream");
    expect(streamed.text).toMatch(/data: \[DONE\]\n\n: darkbloom-receipt [\w-]+\n\n$/);
    const { answers, recent } = await status();
    expect([answers["verified"], recent.length]).toEqual([2, 2]);
    expect(recent[0]).toMatchObject({ outcome: "verified", machine: { serial: net.provider_serial } });
    expect(recent[0]?.steps).toContainEqual(
      expect.objectContaining({ id: "receipt.signature", status: "pass", source: "verifier" }),
    );
    const page = await send("/", { headers: { authorization: `Basic ${btoa(`any:${token}`)}` } });
    expect(page.headers["content-security-policy"]).toContain("default-src 'none'");
    expect(page.text).toContain(net.provider_serial);
    expect(page.text).not.toContain("Rain is water");
  });

  it("passes on what only looks", async () => {
    const models = await send("/v1/models", { headers: authorized() });
    expect(JSON.parse(models.text)).toMatchObject({ data: [{ id: net.model }] });
    const balance = await send("/v1/payments/balance", { headers: authorized() });
    expect(JSON.parse(balance.text)).toHaveProperty("balance_micro_usd");
  });

  it.each<[what: string, path: string, more: Parameters<typeof send>[1], status: number, code: string]>([
    ["no token", "/v1/models", {}, 401, "token_missing"],
    ["no token, for the status", "/status", {}, 401, "token_missing"],
    ["no token, for the page", "/", {}, 401, "token_missing"],
    ["another token", "/v1/models", { headers: { authorization: "Bearer other" } }, 401, "token_invalid"],
    ["a Host that anybody can own", "/v1/models", { headers: { host: "proxy.example.com" } }, 403, "host_foreign"],
    ["a page's Origin", "/v1/models", { headers: { origin: "https://page.example" } }, 403, "origin_foreign"],
    [
      "a preflight",
      "/v1/models",
      { method: "OPTIONS", headers: { origin: "https://page.example" } },
      403,
      "origin_foreign",
    ],
  ])("refuses %s", async (_, path, more, wanted, code) => {
    const { status: got, text: body } = await send(path, more);
    expect([got, (JSON.parse(body) as { error: { code: string } }).error.code]).toEqual([wanted, code]);
  });

  it.each([
    ["/v1/audio/transcriptions", "POST", 404],
    ["/v1/messages/batches", "GET", 404],
    ["/v1/chat/completions", "GET", 405],
    ["/v1/models", "DELETE", 405],
    ["/health", "GET", 200],
  ])("answers %s %s with %s", async (path, method, wanted) => {
    expect((await send(path, { method, headers: authorized() })).status).toBe(wanted);
  });

  it("speaks Anthropic's form where Anthropic's SDKs ask", async () => {
    const { text: body } = await send("/v1/messages", { method: "POST" });
    expect(JSON.parse(body)).toMatchObject({ type: "error", error: { type: "authentication_error" } });
  });

  it("takes no body beyond its bound, and no WebSocket", async () => {
    const large = await send("/v1/chat/completions", {
      method: "POST",
      headers: authorized(),
      body: "x".repeat(17 * 1024 * 1024),
    }).catch(() => undefined);
    expect([undefined, 413]).toContain(large?.status);
    const upgrade = { connection: "upgrade", upgrade: "websocket", ...authorized() };
    expect((await send("/v1/responses", { headers: upgrade })).status).toBe(426);
  });

  /** Goal: what was left is paid, so its receipt is fetched and kept. Method: leave a stream behind its first event. */
  it("finishes and keeps the receipt of a stream that its program left", async () => {
    const { promise: left, resolve } = Promise.withResolvers<void>();
    const sent = request(`${base}/v1/chat/completions`, { method: "POST", headers: authorized() }, (response) => {
      response.once("data", () => {
        sent.destroy();
        resolve();
      });
      response.on("error", () => undefined);
    });
    sent.on("error", () => undefined);
    sent.end(
      question({ stream: true, max_tokens: 400, messages: [{ role: "user", content: "Count from 1 to 100." }] }),
    );
    await left;
    await eventually(async () => (await status()).recent[0]?.receipt !== undefined);
    const [newest] = (await status()).recent;
    // A quick machine is done before it hears that nobody listens.
    expect(newest).toMatchObject({ outcome: "left", receipt: { receipt: { job_id: newest?.jobId } } });
    await eventually(() => readdirSync(join(data, "answers")).some((name) => name.includes(newest?.jobId ?? "?")));
  });

  it("keeps what 'verify receipt' reads, and no word of an answer", async () => {
    const answers = join(data, "answers");
    const names = readdirSync(answers);
    expect(names.length).toBeGreaterThanOrEqual(3);
    for (const name of names) {
      const file = join(answers, name);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(readFileSync(file, "utf8")).not.toMatch(/rain/i);
      const { code, stdout } = await darkbloom(["verify", "receipt", file, "--coordinator", net.base_url, "--json"]);
      expect([code, (JSON.parse(stdout) as { good: boolean }).good]).toEqual([0, true]);
    }
    const changed = readFileSync(join(answers, names[0] ?? ""), "utf8").replace(
      /"completion_tokens": \d+/,
      '"completion_tokens": 1',
    );
    const { code } = await darkbloom([
      "verify",
      "receipt",
      writeTo("changed.json", changed),
      "--coordinator",
      net.base_url,
    ]);
    expect(code).toBe(1);
  });

  /** Goal: what does not hold is no whole answer for its program. Method: a coordinator whose words are changed on the way. */
  it("ends a stream that does not hold with an error event, and says why", async () => {
    const between = createServer((incoming, response) => {
      void changing(incoming.method ?? "GET", incoming.url ?? "/", incoming.headers, incoming, response);
    });
    await new Promise<void>((resolve) => between.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(between.address() as AddressInfo).port}`;
    await using liar = startProxy(join(folder.path, "liar"), [], url);
    const ready = (await liar.ready) as Line & { token: string };
    const headers = { authorization: `Bearer ${ready.token}`, "content-type": "application/json" };
    // Always the same answer, which has the word that is changed.
    expect((await ask({ temperature: 0 })).text).toContain("water");
    const streamed = await ask({ stream: true, temperature: 0 }, ready.base_url, headers);
    expect(streamed.text).toMatch(
      /data: \{"error":\{"message":"The answer does not hold.*"code":"answer_false".*\n\n$/,
    );
    expect(streamed.text).not.toContain("[DONE]");
    const plain = await ask({ temperature: 0 }, ready.base_url, headers);
    expect([plain.status, plain.headers["x-should-retry"], plain.headers["x-darkbloom-action"]]).toEqual([
      502,
      "false",
      "stop",
    ]);
    expect(plain.text).not.toContain("brandy");
    between.closeAllConnections();
    between.close();
  });

  /** Goal: what nobody on the way could read is verified here, and again later. Method: both manners through a sealing proxy, saved as 'curl -i' does. */
  it("seals, and 'verify response' and 'verify receipt' read what came of it", async () => {
    const own = join(folder.path, "sealing");
    await using sealing = startProxy(own, [], net.base_url, "sealed");
    const ready = (await sealing.ready) as Line & { token: string };
    const headers = { authorization: `Bearer ${ready.token}`, "content-type": "application/json" };
    for (const stream of [false, true]) {
      const answer = await ask({ stream }, ready.base_url, headers);
      expect([answer.status, answer.headers["x-darkbloom-privacy"]]).toEqual([200, "sealed"]);
      const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
      const saved = `HTTP/1.1 200 OK\r\n${lines.join("")}\r\n${answer.text}`;
      const verify = async (content: string) => {
        const { code, stdout } = await darkbloom([
          "verify",
          "response",
          writeTo("saved.txt", content),
          "--coordinator",
          net.base_url,
          "--json",
        ]);
        const { checks } = JSON.parse(stdout) as { checks: { id: string; status: string }[] };
        return { code, statuses: Object.fromEntries(checks.map(({ id, status: found }) => [id, found])) };
      };
      const good = await verify(saved);
      expect([good.code, good.statuses["receipt.signature"], good.statuses["receipt.countersignature"]]).toEqual([
        0,
        "pass",
        "pass",
      ]);
      if (stream) continue;
      expect([good.statuses["response.hash"], good.statuses["response.signature"]]).toEqual(["pass", "pass"]);
      const changed = await verify(saved.replace(/"content":"./, '"content":"X'));
      expect([changed.code, changed.statuses["response.signature"]]).toEqual([1, "fail"]);
    }
    const names = readdirSync(join(own, "answers"));
    expect(names).toHaveLength(2);
    const [first = ""] = names;
    const { code } = await darkbloom(["verify", "receipt", join(own, "answers", first), "--coordinator", net.base_url]);
    expect(code).toBe(0);
  });

  it("sends nothing to a machine that shows less than hardware, unless it is told to", async () => {
    await using strict = new Running([
      "proxy",
      "--json",
      "--port",
      "0",
      "--data",
      join(folder.path, "strict"),
      "--mode",
      "transparent",
      "--coordinator",
      net.base_url,
      "--key",
      net.api_key,
    ]);
    const ready = (await strict.ready) as Line & { token: string };
    const refused = await ask({}, ready.base_url, { authorization: `Bearer ${ready.token}` });
    expect([refused.status, refused.headers["x-darkbloom-error"]]).toEqual([403, "policy_unmet"]);
  });

  /** Goal: Ctrl-C drains. Method: one press while a stream runs; it comes to its end, and the program ends well. */
  it("lets what runs finish, and shows its token once", async () => {
    const own = join(folder.path, "drained");
    const first = startProxy(own);
    const ready = (await first.ready) as Line & { token: string };
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    const { promise: whole, resolve: ended } = Promise.withResolvers<string>();
    const headers = { authorization: `Bearer ${ready.token}`, "content-type": "application/json" };
    const sent = request(`${ready.base_url}/v1/chat/completions`, { method: "POST", headers }, (response) => {
      response.once("readable", resolve);
      void buffer(response).then((bytes) => ended(bytes.toString()));
    });
    sent.end(
      question({ stream: true, max_tokens: 400, messages: [{ role: "user", content: "Count from 1 to 100." }] }),
    );
    await begun;
    first.pressCtrlC();
    expect(await whole).toContain("data: [DONE]");
    expect(await first.ended).toBe(0);
    await using again = startProxy(own);
    const second = (await again.ready) as Line & { token?: string; token_file: string };
    expect(second.token).toBeUndefined();
    expect(readFileSync(second.token_file, "utf8").trim()).toBe(ready.token);
    expect(statSync(second.token_file).mode & 0o777).toBe(0o600);
  });
});

it.each([
  [["--host", "0.0.0.0", "--open"], "--open takes requests without a token"],
  [["--min-trust", "none"], "--min-trust must be self_signed or hardware"],
])("refuses to start with %s", async (more, says) => {
  using own = temporaryFolder();
  const { code, stderr } = await darkbloom([
    "proxy",
    "--coordinator",
    "http://127.0.0.1:1",
    "--api-key",
    "k",
    "--mode",
    "transparent",
    "--data",
    own.path,
    ...more,
  ]);
  expect([code, stderr.includes(says)]).toEqual([2, true]);
});

async function changing(
  method: string,
  path: string,
  headers: IncomingHttpHeaders,
  body: AsyncIterable<Uint8Array>,
  response: ServerResponse,
): Promise<void> {
  const sent = method === "POST" ? Buffer.concat(await Array.fromAsync(body)) : undefined;
  const { host: _, connection: __, "content-length": ___, ...rest } = headers;
  const answer = await fetch(`${net.base_url}${path}`, {
    method,
    headers: rest as Record<string, string>,
    ...(sent && { body: sent }),
  });
  const said = (await answer.text()).replaceAll("water", "brandy");
  response.writeHead(
    answer.status,
    Object.fromEntries(
      [...answer.headers].filter(([name]) => !/^(content-length|transfer-encoding|connection|trailer)$/.test(name)),
    ),
  );
  response.end(said);
}

function writeTo(name: string, content: string): string {
  const file = join(folder.path, name);
  writeFileSync(file, content);
  return file;
}
