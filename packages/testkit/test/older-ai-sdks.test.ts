import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { bundledEntry } from "@darkbloom/coordinator/catalog/bundled";
import { systemClock } from "@darkbloom/protocol/node";
import { ScriptedEngine } from "@darkbloom/provider/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { GoldenNetwork } from "./goldens/goldens.ts";

/**
 * Goal: programs on older versions of the Vercel AI SDK, which check answers more strictly than the official
 * clients, can read ours. Method: the packages from the registry, in `DARKBLOOM_TEST_AGENTS`, beside the one
 * that the other tests use; a plain answer, a stream, a call, and a second turn that holds the first.
 */
const installed = process.env["DARKBLOOM_TEST_AGENTS"] ?? "";
const versions = ["5", "6"];

/** As much of the packages as is used here; their types differ between versions. */
interface Sdk {
  generateText(
    options: object,
  ): Promise<{ text: string; toolCalls: { toolName: string; input: unknown }[]; response: { messages: object[] } }>;
  streamText(options: object): { textStream: AsyncIterable<string> };
  tool(options: object): object;
}
type ModelOf = (id: string) => object;
interface Maker {
  createAnthropic?: (options: object) => ModelOf;
  createOpenAI?: (options: object) => ModelOf;
}

const SAID = "Rain is water.";
let network: GoldenNetwork;
beforeAll(async () => {
  const engine = new ScriptedEngine({
    clock: systemClock,
    model: { build: bundledEntry.build, weightsSha256: bundledEntry.weightsSha256 },
    script: (_, { tools }) => ({
      pieces:
        tools.length > 0
          ? ['<tool_call>\n{"name":"look","arguments":{"at":"sky"}}\n</tool_call>']
          : ["Rain is", " water."],
    }),
  });
  network = await GoldenNetwork.open(engine);
}, 60_000);
afterAll(() => network[Symbol.asyncDispose]());

describe.each(versions)("the AI SDK, version %s", (version) => {
  const folder = join(installed, `ai-sdk-${version}`, "node_modules");
  const load = async <Module>(name: string): Promise<Module> =>
    (await import(pathToFileURL(join(folder, name, "dist/index.mjs")).href)) as Module;
  const models = async (): Promise<readonly object[]> => {
    const at = { baseURL: `${network.base_url}/v1`, apiKey: network.api_key };
    const { createAnthropic } = await load<Maker>("@ai-sdk/anthropic");
    const { createOpenAI } = await load<Maker>("@ai-sdk/openai");
    return [createAnthropic?.(at), createOpenAI?.(at)].flatMap((make) => (make ? [make(bundledEntry.id)] : []));
  };
  const missing = installed === "" || !existsSync(folder);

  it.skipIf(missing)("reads Messages and Responses, plain, streamed, with calls and over turns", async () => {
    const { generateText, streamText, tool } = await load<Sdk>("ai");
    const found = await models();
    expect(found).toHaveLength(2);
    for (const model of found) {
      const ask = { model, maxRetries: 0, maxOutputTokens: 64, providerOptions: { openai: { store: false } } };
      const first = await generateText({ ...ask, prompt: "What is rain?" });
      expect(first.text).toBe(SAID);
      const { textStream } = streamText({ ...ask, prompt: "What is rain?" });
      expect((await Array.fromAsync(textStream)).join("")).toBe(SAID);
      const again = [
        { role: "user", content: "What is rain?" },
        ...first.response.messages,
        { role: "user", content: "And?" },
      ];
      expect((await generateText({ ...ask, messages: again })).text).toBe(SAID);
      const look = tool({ description: "Looks", inputSchema: z.object({ at: z.string() }) });
      const called = await generateText({ ...ask, prompt: "Look up", tools: { look } });
      expect(called.toolCalls).toMatchObject([{ toolName: "look", input: { at: "sky" } }]);
    }
  });
});
