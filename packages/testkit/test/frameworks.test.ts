import { existsSync } from "node:fs";
import { join } from "node:path";
import { bundledEntry } from "@darkbloom/coordinator/catalog/bundled";
import { systemClock } from "@darkbloom/protocol/node";
import { ScriptedEngine } from "@darkbloom/provider/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GoldenNetwork } from "./goldens/goldens.ts";
import { run } from "./running.ts";

/**
 * Goal: the frameworks that people build with work as their pages say, over each endpoint that they speak to.
 * Method: the packages from the registry, in `DARKBLOOM_TEST_FRAMEWORKS`, a Python with them; each script runs
 * the features of one and says what became of them. The engine's script says what a good model would.
 */
const python = process.env["DARKBLOOM_TEST_FRAMEWORKS"] ?? "";
const missing = python === "" || !existsSync(python);

const REPORT = '{"warm":false,"weather":"rain"}';
const call = (name: string, given: string) => [`<tool_call>\n{"name":"${name}","arguments":${given}}\n</tool_call>`];

const frameworks: Readonly<Record<string, readonly [script: string, ...features: readonly string[]]>> = {
  "OpenAI Agents SDK": ["openai_agents.py", "answer", "stream", "tools", "form", "tools_and_form", "websocket"],
  PydanticAI: ["pydantic_ai_agents.py", "answer", "stream", "tools", "form", "tools_and_form"],
  LiteLLM: ["litellm_calls.py", "answer", "stream", "tools", "form", "overflow"],
  Instructor: ["instructor_forms.py", "tools", "strict_tools", "json", "json_schema", "messages"],
  LlamaIndex: ["llama_index_llms.py", "answer", "stream", "tools", "form", "texts"],
  "LangChain (Python)": ["langchain_models.py", "answer", "stream", "tools", "form", "texts", "overflow"],
};

let network: GoldenNetwork;
beforeAll(async () => {
  const engine = new ScriptedEngine({
    clock: systemClock,
    model: { build: bundledEntry.build, weightsSha256: bundledEntry.weightsSha256, contextTokens: 2048 },
    script: (messages, { tools }) => {
      const names = new Set(tools.map(({ name }) => name));
      const asksForm = messages.some(({ text }) => text.includes("Report "));
      const wasCalled = messages.at(-1)?.role === "tool";
      if (names.has("get_weather") && !wasCalled) return { pieces: call("get_weather", '{"city":"Paris"}') };
      const reports = [...names].find((name) => /report/i.test(name));
      if (reports !== undefined) return { pieces: call(reports, REPORT) };
      if (asksForm) return { pieces: [REPORT] };
      return { pieces: wasCalled ? ["It rains", " in Paris."] : ["Rain is", " water."] };
    },
  });
  network = await GoldenNetwork.open(engine);
}, 60_000);
afterAll(() => network[Symbol.asyncDispose]());

describe.each(Object.entries(frameworks))("%s", (_, [script, ...features]) => {
  let found: Promise<Record<string, string>> | undefined;
  const runAll = async () => {
    const at = [network.base_url, network.api_key, bundledEntry.id];
    const { stdout } = await run(python, [join(import.meta.dirname, "frameworks", script), ...at]);
    return JSON.parse(stdout.slice(stdout.lastIndexOf("\n{") + 1)) as Record<string, string>;
  };

  it.skipIf(missing).for(features)("%s", async (feature) => {
    found ??= runAll();
    expect((await found)[feature]).toBe("good");
  });
});
