import { readFileSync } from "node:fs";
import { request, type RequestOptions } from "node:https";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { JOIN_TOKEN_NEEDED } from "@darkbloom/protocol/wire";
import { describe, expect, it } from "vitest";
import { darkbloom, eventually, Running, temporaryFolder } from "./binary.ts";
import { bareServer, hasNginx, makeCertificate, Nginx, pageServer, UPGRADES } from "./nginx.ts";

/** Three processes and a model, on a machine that is seldom idle. */
const SLOW_MS = 120_000;
const TOKEN = "a-join-token-of-the-tests";

/**
 * Goal: whoever follows the page has a coordinator that machines and callers reach, and strangers do not join. Method: nginx with
 * the page's own block and a certificate of an authority of ours; the real coordinator, providers and a caller.
 */
it.runIf(hasNginx)("serves through nginx as the page says", { timeout: SLOW_MS }, async () => {
  using folder = temporaryFolder();
  const data = join(folder.path, "coordinator");
  const certificate = makeCertificate(folder.path);
  await using coordinator = new Running(["coordinator", "--json", "--port", "0", "--data", data, "--trust-proxy"], {
    DARKBLOOM_JOIN_TOKEN: TOKEN,
  });
  const { base_url: inside } = await coordinator.ready;
  await using nginx = await Nginx.start(join(folder.path, "nginx"), pageServer(inside, certificate));
  const url = `https://127.0.0.1:${nginx.port}`;
  const start = ["provider", "start", "--json", "--coordinator", url];
  const trusted = { NODE_EXTRA_CA_CERTS: certificate.authority };
  const made = await darkbloom(["keys", "create", "--data", data, "--credit", "1.00", "--json"]);
  const { api_key: key }: { api_key: string } = JSON.parse(made.stdout);
  const ask = caller(nginx.port, certificate.authority);

  await using stranger = new Running([...start, "--data", join(folder.path, "stranger")], trusted);
  await using guest = new Running([...start, "--data", join(folder.path, "guest")], {
    ...trusted,
    DARKBLOOM_TOKEN: TOKEN,
  });
  await eventually(() => stranger.lines.some((line) => Object.values(line).includes("token_missing")), 60_000);
  await guest.ready;
  const slowed = inSlowMotion(guest.pid);
  const streamed = await ask("/v1/chat/completions", {
    key,
    body: {
      model: "darkbloom-tiny",
      messages: [{ role: "user", content: "Tell me a long story." }],
      stream: true,
      max_tokens: 200,
      seed: 1,
    },
  });
  expect(streamed).toMatchObject({ status: 200, body: expect.stringMatching(/data: \[DONE\]\n\n/) });
  slowed[Symbol.dispose]();
  // A proxy that waits for whole buffers hands over a few large pieces.
  expect(streamed.pieces).toBeGreaterThan(5);

  const plain = await ask("/v1/chat/completions", {
    key,
    body: { model: "darkbloom-tiny", messages: [{ role: "user", content: "Hello" }], max_tokens: 8 },
  });
  expect(plain).toMatchObject({ status: 200, body: expect.stringContaining('"finish_reason"') });
  const long = { model: "darkbloom-tiny", messages: [{ role: "user", content: "word ".repeat(100_000) }] };
  expect(await ask("/v1/chat/completions", { key, body: long })).toMatchObject({
    status: 400,
    body: expect.stringContaining("context_length_exceeded"),
  });
  const tooLong = { model: "darkbloom-tiny", messages: [{ role: "user", content: "x".repeat(16 * 1024 * 1024) }] };
  expect(await ask("/v1/chat/completions", { key, body: tooLong })).toMatchObject({
    status: 413,
    body: expect.stringContaining("payload_too_large"),
  });
  expect(nginx.errors).not.toContain("temporary file");

  // Whoever guesses keys is refused by his own address, whatever he says of it; a neighbour is not.
  const guess = async (localAddress: string) =>
    (
      await ask("/v1/models", {
        key: `eigeninference-${"A".repeat(43)}`,
        localAddress,
        headers: { "x-forwarded-for": `198.51.100.${Math.floor(Math.random() * 255)}` },
      })
    ).status;
  await eventually(async () => (await guess("127.0.0.1")) === 429);
  expect(await guess("127.0.0.2")).toBe(401);
});

const signed = { blob: "AA==", signature: "AA==", offer: "AA==", offer_signature: "AA==" };
const register = JSON.stringify({ type: "register", protocols: [2], ...signed });

/** What a machine without a token hears when it registers, whose evidence nobody could read. */
async function answerTo(url: string): Promise<string> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/ws/provider`);
  const closed = new Promise<string>((resolve) => socket.addEventListener("close", ({ reason }) => resolve(reason)));
  socket.addEventListener("open", () => socket.send(register));
  return await closed;
}

/**
 * Goal: a proxy that adds no header makes nobody local, once the operator has opened a door. Method: nginx with nothing but what a
 * WebSocket needs, and one that keeps the name under which it was called; a machine without a token.
 */
describe.runIf(hasNginx)("a stranger through an nginx that says nothing of him", () => {
  const OWN_NAME = 'proxy_set_header Host "coordinator.example.com";';
  const ADDRESS = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";
  const UNREADABLE = "the registration blob cannot be read";
  it.each([
    { set: "a token", flags: [], token: TOKEN, nginx: UPGRADES, says: JOIN_TOKEN_NEEDED },
    { set: "a trusted proxy", flags: ["--trust-proxy"], token: "", nginx: UPGRADES, says: JOIN_TOKEN_NEEDED },
    { set: "both", flags: ["--trust-proxy"], token: TOKEN, nginx: UPGRADES, says: JOIN_TOKEN_NEEDED },
    { set: "neither, by name", flags: [], token: "", nginx: [...UPGRADES, OWN_NAME], says: JOIN_TOKEN_NEEDED },
    { set: "neither, with a header", flags: [], token: "", nginx: [...UPGRADES, ADDRESS], says: JOIN_TOKEN_NEEDED },
    // Nothing tells him from a machine here, as SECURITY.md says; his registration is read, and cannot be.
    { set: "neither", flags: [], token: "", nginx: UPGRADES, says: UNREADABLE },
  ])("is judged where the operator has set $set", async ({ flags, token, nginx: lines, says }) => {
    using folder = temporaryFolder();
    const start = ["coordinator", "--json", "--port", "0", "--data", join(folder.path, "data"), ...flags];
    await using coordinator = new Running(start, { DARKBLOOM_JOIN_TOKEN: token });
    const { base_url: inside } = await coordinator.ready;
    await using nginx = await Nginx.start(join(folder.path, "nginx"), bareServer(inside, ...lines));
    expect(await answerTo(`http://127.0.0.1:${nginx.port}`)).toBe(says);
  });
});

const STILL_MS = 40;
const GOING_MS = 2;

/** Holds a group of processes still most of the time, so that an answer comes over seconds however fast the model is. */
function inSlowMotion(group: number): Disposable {
  let isOver = false;
  const signal = (what: "SIGSTOP" | "SIGCONT") => !isOver && process.kill(-group, what);
  const pulse = setInterval(() => {
    signal("SIGCONT");
    setTimeout(() => signal("SIGSTOP"), GOING_MS);
  }, STILL_MS + GOING_MS);
  return {
    [Symbol.dispose]() {
      clearInterval(pulse);
      signal("SIGCONT");
      isOver = true;
    },
  };
}

interface Asked {
  readonly key: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly localAddress?: string;
}

/** A caller who trusts one authority. */
function caller(port: number, authority: string) {
  const ca = readFileSync(authority);
  return async (path: string, { key, body, headers, localAddress }: Asked) => {
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const options: RequestOptions = {
      host: "127.0.0.1",
      port,
      path,
      ca,
      agent: false,
      method: sent === undefined ? "GET" : "POST",
      headers: {
        authorization: `Bearer ${key}`,
        "content-type": "application/json",
        "accept-encoding": "gzip",
        ...headers,
      },
      ...(localAddress !== undefined && { localAddress }),
    };
    const response = await new Promise<IncomingMessage>((resolve, reject) =>
      request(options, resolve).on("error", reject).end(sent),
    );
    let pieces = 0;
    response.on("data", () => pieces++);
    return { status: response.statusCode, body: await text(response), pieces };
  };
}
