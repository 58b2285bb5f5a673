import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { text as textOf } from "node:stream/consumers";
import { bundledEntry } from "@darkbloom/coordinator/catalog/bundled";
import { systemClock } from "@darkbloom/protocol/node";
import { ScriptedEngine } from "@darkbloom/provider/engine/scripted-engine";
import { startProvider } from "@darkbloom/provider/start-provider";
import { expect, it } from "vitest";
import { binary, Folder, post, Program, run, until } from "./running.ts";

const TOKEN_MS = 50;
/** A stream that lasts longer than a person waits for an end: 12 s. */
const TOKENS = 240;

/**
 * Goal: who deploys breaks no stream, and says how long they wait for it. Method: the real coordinator is ended by SIGTERM
 * while a slow model answers, once as it comes and once with a second to drain; then the provider alone.
 */
async function asked(...flags: readonly string[]) {
  await using opening = new AsyncDisposableStack();
  const folder = opening.use(new Folder());
  const [data, providerData] = [`${folder.path}/coordinator`, `${folder.path}/provider`];
  const coordinator = opening.use(
    new Program(["coordinator", "--port", "0", "--data", data, "--log-level", "error", ...flags]),
  );
  const { base_url } = await coordinator.ready;
  const engine = new ScriptedEngine({
    clock: systemClock,
    model: bundledEntry,
    script: () => ({ pieces: Array.from({ length: TOKENS }, (_, at) => ` ${at}`), tokenMs: TOKEN_MS }),
  });
  const eligible = Promise.withResolvers<void>();
  const provider = await startProvider({
    coordinatorUrl: base_url,
    dataPath: providerData,
    modelPath: "",
    build: bundledEntry.build,
    logLevel: "error",
    version: "0.0.0",
    allowInspector: true,
    engine,
    hooks: { onReady: () => eligible.resolve() },
  });
  opening.defer(() => provider.stop({ drainMs: 0 }));
  await eligible.promise;
  // The provider runs in this process, and must go on answering meanwhile.
  const made = await run(process.execPath, [binary, "keys", "create", "--data", data, "--credit", "1", "--json"]);
  const { api_key } = JSON.parse(made.stdout) as { api_key: string };
  const body = {
    model: bundledEntry.id,
    stream: true,
    max_tokens: 500,
    messages: [{ role: "user", content: "Count." }],
  };
  const stream = await post({ base_url, api_key }, body);
  const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
  const first = (await reader?.read())?.value ?? "";
  const rest = async (): Promise<string> => {
    let read = first;
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) read += next.value;
    return read;
  };
  /** The same request by a caller whose body is not whole yet. */
  const halfAsked = () => {
    const headers = { authorization: `Bearer ${api_key}`, "content-type": "application/json" };
    const half = request(`${base_url}/v1/chat/completions`, { method: "POST", headers });
    const text = JSON.stringify(body);
    half.write(text.slice(0, 20));
    const answered = once(half, "response").then(([response]) => textOf(response as IncomingMessage));
    return { finish: () => half.end(text.slice(20)), answered };
  };
  return { coordinator, provider, rest, halfAsked, parts: opening.move() };
}

it("lets a coordinator's streams finish, and says how many are left", async () => {
  const { coordinator, rest, parts } = await asked();
  await using _ = parts;
  const ended = coordinator.kill("SIGTERM");
  const read = await rest();
  expect(read).toContain(`" ${TOKENS - 1}"`);
  expect(read).toContain("data: [DONE]");
  await ended;
  expect(coordinator.child.exitCode).toBe(0);
  expect(coordinator.printed).toContain("Stopping: 1 request has up to 600 s to finish (--drain-timeout)");
  expect(coordinator.printed).toContain("1 request still runs.");
});

it("lets a request finish that was still being sent when it was asked to end, longer than those that ran", async () => {
  const { coordinator, rest, halfAsked, parts } = await asked();
  await using _ = parts;
  const { finish, answered } = halfAsked();
  await systemClock.sleep(500);
  const ended = coordinator.kill("SIGTERM");
  await until(async () => coordinator.printed.includes("Stopping"), 10_000);
  await systemClock.sleep(3_000);
  finish();
  expect(await rest()).toContain("data: [DONE]");
  expect(await answered).toContain("data: [DONE]");
  await ended;
  expect(coordinator.child.exitCode).toBe(0);
});

it("breaks them off when the time that the operator gave is over, and tells the callers why", async () => {
  const { coordinator, rest, parts } = await asked("--drain-timeout", "1");
  await using _ = parts;
  const ended = coordinator.kill("SIGTERM");
  const read = await rest();
  await ended;
  expect(read).toMatch(/data: \{"error":\{[^\n]*"code":"draining"[^\n]*\n\n$/);
  expect(read).not.toContain("[DONE]");
  expect(coordinator.printed).toContain("up to 1 s to finish");
});

it("ends at once when it is asked a second time", async () => {
  const { coordinator, rest, parts } = await asked();
  await using _ = parts;
  const ended = coordinator.kill("SIGTERM");
  await until(async () => coordinator.printed.includes("Stopping"), 10_000);
  // Two signals in half a second count as one press.
  await new Promise((resolve) => setTimeout(resolve, 700));
  await coordinator.kill("SIGTERM");
  await ended;
  expect(coordinator.child.exitCode).toBe(1);
  expect(await rest().catch(() => "cut off")).not.toContain("[DONE]");
});

it("lets a provider's streams finish", async () => {
  const { provider, rest, parts } = await asked();
  await using _ = parts;
  expect(provider.serving).toBe(1);
  const stopped = provider.stop({ drainMs: 600_000 });
  expect(await rest()).toContain("data: [DONE]");
  await stopped;
  expect(provider.serving).toBe(0);
});
