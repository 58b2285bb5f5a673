import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { binary, Folder, get, post, Program, until, type Ready } from "./running.ts";

const MARK = "canary-7f3d9a51e2";
const slow = {
  model: "darkbloom-tiny",
  stream: true,
  temperature: 0,
  messages: [{ role: "user", content: "Count from 1 to 100." }],
};
const marked = (more: object = {}) => ({
  model: "darkbloom-tiny",
  messages: [{ role: "user", content: `Say ${MARK} three times.` }],
  user: MARK,
  [MARK]: MARK,
  stop: [`${MARK}!`],
  ...more,
});

const keyFor = (data: string): string => {
  const printed = execFileSync(process.execPath, [binary, "keys", "create", "--data", data, "--credit", "1", "--json"]);
  return (JSON.parse(printed.toString()) as { api_key: string }).api_key;
};

async function connected(at: Ready, providers: number): Promise<void> {
  await until(async () => {
    const shown = (await get(at, "/v1/providers/attestation"))["providers"] as { trust_level: string }[];
    return shown.filter(({ trust_level }) => trust_level === "self_signed").length === providers;
  }, 20_000);
}

/** Reads a stream's first bytes, then does something, then reads on to its end. */
async function midway(at: Ready, body: object, act: () => Promise<unknown>): Promise<string> {
  const response = await post(at, body);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let read = (await reader?.read())?.value ?? "";
  await act();
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) read += next.value;
  return read;
}

/**
 * Goal: machines and the coordinator may die at any moment: callers are told, nothing is charged for a
 * fault, nothing is lost, and no prompt is found anywhere. Method: real processes, real signals, and a
 * mark in every place where a caller can put text.
 */
it("survives being killed, and keeps what it reads to itself", { timeout: 120_000 }, async () => {
  using folder = new Folder();
  const data = `${folder.path}/coordinator`;
  const start = (port = "0") => new Program(["coordinator", "--port", port, "--data", data, "--log-level", "debug"]);
  const join = (at: string, n: number) =>
    new Program([
      "provider",
      "start",
      "--coordinator",
      at,
      "--data",
      `${folder.path}/p${n}`,
      "--slots",
      "1",
      "--log-level",
      "debug",
    ]);
  const programs: Program[] = [];
  const track = (program: Program): Program => {
    programs.push(program);
    return program;
  };
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(async () => {
    await Promise.all(programs.map((program) => program[Symbol.asyncDispose]()));
  });

  let coordinator = track(start());
  const { base_url } = await coordinator.ready;
  const at: Ready = { base_url, api_key: keyFor(data), model: "", provider_serial: "" };
  const errors: string[] = [];
  const balance = async () => (await get(at, "/v1/payments/balance"))["balance_micro_usd"];

  // A machine dies in the middle of a stream: an error event, no proper end, no receipt, no charge.
  let provider = track(join(base_url, 1));
  await connected(at, 1);
  const cut = await midway(at, slow, () => provider.kill("SIGKILL"));
  expect(cut).toContain('"code":"provider_gone"');
  expect(cut).not.toContain("[DONE]");
  expect(cut).not.toContain("darkbloom-receipt");
  expect(await balance()).toBe(1_000_000);

  // A frozen one is noticed within fifteen seconds.
  provider = track(join(base_url, 1));
  await connected(at, 1);
  const startedMs = performance.now();
  const frozen = await midway(at, slow, async () => provider.child.kill("SIGSTOP"));
  expect(performance.now() - startedMs).toBeLessThan(15_000);
  expect(frozen).toContain('"code":"provider_silent"');
  expect(await balance()).toBe(1_000_000);
  provider.child.kill("SIGCONT");
  await connected(at, 1);

  // Another machine takes over where one dies before its first content; the caller sees nothing of it.
  track(join(base_url, 2));
  await connected(at, 2);
  provider.child.kill("SIGSTOP");
  const asked = Promise.all([1, 2].map(() => post(at, { ...slow, stream: false, max_tokens: 5 })));
  await until(async () => (await get(at, "/v1/payments/balance"))["held_micro_usd"] !== 0, 5_000);
  await provider.kill("SIGKILL");
  const answers = await asked;
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  await Promise.all(answers.map((answer) => answer.text()));
  await connected(at, 1);

  // The mark passes through success, refusals and a hang-up.
  for (const stream of [true, false])
    expect((await post(at, marked({ stream }), { "x-darkbloom-nonce": "n" })).status).toBe(200);
  for (const bad of [
    marked({ model: MARK }),
    marked({ temperature: MARK }),
    `{"${MARK}`,
    marked({ messages: [{ role: MARK }] }),
  ]) {
    const refused = await post(at, bad);
    expect(refused.status).toBeGreaterThanOrEqual(400);
    errors.push(await refused.text());
  }

  // The coordinator dies in the middle of a request. At its next start no hold is open and nothing settled is lost.
  const settled = (await get(at, "/v1/payments/usage"))["usage"] as object[];
  const spent = await balance();
  const dying = post(at, { ...marked(), ...slow })
    .then((response) => response.text())
    .catch(() => "");
  await until(async () => (await get(at, "/v1/payments/balance"))["held_micro_usd"] !== 0, 5_000);
  await coordinator.kill("SIGKILL");
  await dying;
  coordinator = track(start(new URL(base_url).port));
  await coordinator.ready;
  expect(await get(at, "/v1/payments/balance")).toMatchObject({ balance_micro_usd: spent, held_micro_usd: 0 });
  expect((await get(at, "/v1/payments/usage"))["usage"]).toEqual(expect.arrayContaining(settled));
  await connected(at, 1);
  expect((await post(at, { ...slow, stream: false, max_tokens: 5 })).status).toBe(200);
  const books = execFileSync(process.execPath, [binary, "ledger", "check", "--data", data]).toString();
  expect(books).not.toBe("");

  const metrics = await (await fetch(`${base_url}/metrics`)).text();
  const everywhere = [
    folder.contents().toString("latin1"),
    metrics,
    ...errors,
    ...programs.map(({ printed }) => printed),
  ];
  const spellings = [MARK, Buffer.from(MARK).toString("base64").slice(0, 18), encodeURIComponent(`${MARK}!`)];
  for (const place of everywhere) for (const spelling of spellings) expect(place.includes(spelling)).toBe(false);
  expect(programs.some(({ printed }) => printed.includes("request_settled"))).toBe(true);
});
