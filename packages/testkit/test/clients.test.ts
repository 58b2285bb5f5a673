import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aiSdkAnthropic, aiSdkCompatible } from "./clients/ai-sdk.ts";
import { anthropic } from "./clients/anthropic.ts";
import { BusyNetwork } from "./clients/busy-network.ts";
import type { Client, Feature, World } from "./clients/client.ts";
import { Front } from "./clients/front.ts";
import { langchain } from "./clients/langchain.ts";
import { type Outcome, rowOf, rowsIn, withRows } from "./clients/matrix.ts";
import { openaiChat, openaiCompletions, openaiResponses } from "./clients/openai.ts";
import { pythonAnthropic, pythonOpenai } from "./clients/python.ts";
import { Shapes } from "./clients/shapes.ts";
import { Folder, get, Program, until } from "./running.ts";

/**
 * Other people's clients against the running program: each of their features as a case, every body and
 * event that they are given held against the official SDKs' types, and the table of what works in
 * docs/clients.md. `npm run clients` writes the table.
 */
const clients: readonly Client[] = [
  openaiChat,
  openaiResponses,
  openaiCompletions,
  anthropic,
  aiSdkCompatible,
  aiSdkAnthropic,
  langchain,
  pythonOpenai,
  pythonAnthropic,
];

const page = join(import.meta.dirname, "../../../docs/clients.md");
const writes = process.env["DARKBLOOM_WRITE_MATRIX"] === "1";

const folder = new Folder();
const shapes = new Shapes();
let program: Program;
let front: Front;
let busy: BusyNetwork;
let world: World;
beforeAll(async () => {
  program = new Program(["up", "--port", "0", "--data", `${folder.path}/up`]);
  const ready = await program.ready;
  front = await Front.listen(ready.base_url, shapes);
  busy = await BusyNetwork.start(folder.path, shapes);
  world = {
    url: front.url,
    apiKey: ready.api_key,
    busy,
    callerGone: () =>
      until(async () => {
        const { usage } = (await get(ready, "/v1/payments/usage?limit=1")) as { usage: { outcome: string }[] };
        return usage[0]?.outcome === "caller_gone";
      }, 2_000),
  };
}, 180_000);
afterAll(async () => {
  await front[Symbol.asyncDispose]();
  await busy[Symbol.asyncDispose]();
  await program[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const outcomes = new Map<Client, Map<Feature, Outcome>>();

describe.each(clients)("$name", (client) => {
  const seen = new Map<Feature, Outcome>();
  outcomes.set(client, seen);
  const suffix = client.missing === undefined ? "" : ` (${client.missing})`;
  for (const [feature, run] of Object.entries(client.runs) as [Feature, (at: World) => Promise<void>][])
    it.skipIf(client.missing !== undefined)(feature + suffix, async () => {
      seen.set(feature, "no");
      const faultsBefore = shapes.faults.length;
      await run(world);
      expect(shapes.faults.slice(faultsBefore)).toEqual([]);
      seen.set(feature, "yes");
    });
});

/** Goal: the validation is not empty. Method: every type of the SDKs' was met. */
it("has held every kind of body and event against the SDKs' types", () => {
  expect([...shapes.checked.keys()].toSorted()).toEqual([
    "AnthropicErrorBody",
    "ChatBody",
    "ChatEvent",
    "CompletionBody",
    "CompletionEvent",
    "MessagesBody",
    "MessagesEvent",
    "ModelBody",
    "ModelsBody",
    "OpenAiErrorBody",
    "ResponsesBody",
    "ResponsesEvent",
    "TokenCountBody",
  ]);
});

/** Goal: the page says what is true today. Method: the rows of what ran just now are the rows that it has. */
it("is told in docs/clients.md", () => {
  const text = readFileSync(page, "utf8");
  const rows = clients.map((client) => {
    const kept = rowsIn(text).find((row) => row.startsWith(`| ${client.name} |`));
    const seen = outcomes.get(client);
    return !seen?.size && kept !== undefined ? kept : rowOf(client, (feature) => seen?.get(feature) ?? "not run");
  });
  if (writes) writeFileSync(page, withRows(text, rows));
  expect(rowsIn(readFileSync(page, "utf8"))).toEqual(rows);
});
