import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { anthropic } from "./clients/anthropic.ts";
import { BusyNetwork } from "./clients/busy-network.ts";
import type { Client, Feature, World } from "./clients/client.ts";
import { model, question } from "./clients/client.ts";
import { openaiChat, openaiResponses } from "./clients/openai.ts";
import { pythonAnthropic, pythonOpenai } from "./clients/python.ts";
import { Shapes } from "./clients/shapes.ts";
import { Folder, get, Program, until, type Ready } from "./running.ts";

/**
 * Goal: a program in any language does through `darkbloom proxy` what it does without it. Method: the suite of the official SDKs, in
 * Python and TypeScript, against the running proxy; each answer's outcome as the proxy tells it. That a client waits for
 * `Retry-After` is tried in Python, whose suite needs no more of the other network than its address.
 */
const clients: readonly Client[] = [pythonOpenai, pythonAnthropic, openaiChat, openaiResponses, anthropic];

const folder = new Folder();
const parts = new AsyncDisposableStack();
let world: World;
let proxy: Proxy;
beforeAll(async () => {
  const program = parts.use(new Program(["up", "--port", "0", "--data", `${folder.path}/up`]));
  const ready = await program.ready;
  const busy = parts.use(await BusyNetwork.start(folder.path, new Shapes()));
  proxy = await proxyTo(ready, "proxy");
  const second = await proxyTo({ base_url: busy.url, api_key: busy.apiKey }, "busy-proxy");
  world = {
    url: proxy.url,
    apiKey: proxy.apiKey,
    // What the suite in Python reads of it.
    busy: { url: second.url, apiKey: second.apiKey } as BusyNetwork,
    callerGone: () =>
      until(async () => {
        const { usage } = (await get(ready, "/v1/payments/usage?limit=1")) as { usage: { outcome: string }[] };
        return usage[0]?.outcome === "caller_gone";
      }, 2_000),
  };
}, 180_000);
afterAll(async () => {
  await parts.disposeAsync();
  folder[Symbol.dispose]();
});

interface Proxy {
  readonly url: string;
  readonly apiKey: string;
}

async function proxyTo({ base_url, api_key }: Pick<Ready, "base_url" | "api_key">, name: string): Promise<Proxy> {
  const program = new Program([
    "proxy",
    "--port",
    "0",
    "--data",
    `${folder.path}/${name}`,
    "--coordinator",
    base_url,
    "--api-key",
    api_key,
    "--min-trust",
    "self_signed",
  ]);
  const ready = (await parts.use(program).ready) as Ready & { readonly token: string };
  return { url: ready.base_url, apiKey: ready.token };
}

const outcomes = async (): Promise<Record<string, number>> =>
  (await get({ base_url: proxy.url, api_key: proxy.apiKey }, "/status"))["answers"] as Record<string, number>;

/** What the library itself says where the coordinator would: of a model that is none. */
const awaited = ["model_unknown"];
const refused = async (): Promise<string[]> => {
  const { recent } = await get({ base_url: proxy.url, api_key: proxy.apiKey }, "/status");
  return (recent as { error?: { code: string } }[]).flatMap(({ error }) => error?.code ?? []);
};

describe.each(clients)("$name through darkbloom proxy", (client) => {
  const suffix = client.missing === undefined ? "" : ` (${client.missing})`;
  const isPython = client.name.includes("Python");
  for (const [feature, run] of Object.entries(client.runs) as [Feature, (at: World) => Promise<void>][])
    it.skipIf(client.missing !== undefined || (feature === "retry" && !isPython))(feature + suffix, async () => {
      await run(world);
      expect((await refused()).filter((code) => !awaited.includes(code))).toEqual([]);
    });
});

it("has verified what it handed on", async () => {
  const before = (await outcomes())["verified"] ?? 0;
  const openai = new OpenAI({ baseURL: `${proxy.url}/v1`, apiKey: proxy.apiKey });
  await openai.chat.completions.create({ model, messages: [{ role: "user", content: question }] });
  expect((await outcomes())["verified"]).toBe(before + 1);
});
