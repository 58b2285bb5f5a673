import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateText, isStepCount, type LanguageModel, Output, streamText, tool } from "ai";
import { expect } from "vitest";
import {
  type At,
  answered,
  type Client,
  longQuestion,
  model,
  question,
  reportShape,
  retries,
  thinkingSystem,
  thrown,
  weatherInput,
  weatherQuestion,
  weatherTool,
} from "./client.ts";

type ProviderOptions = NonNullable<Parameters<typeof generateText>[0]["providerOptions"]>;

const compatible = ({ url, apiKey }: At, id = model): LanguageModel =>
  createOpenAICompatible({
    name: "darkbloom",
    baseURL: `${url}/v1`,
    apiKey,
    includeUsage: true,
    supportsStructuredOutputs: true,
  })(id);
const anthropic = ({ url, apiKey }: At, id = model): LanguageModel =>
  createAnthropic({ baseURL: `${url}/v1`, apiKey })(id);

const ask = { prompt: question, temperature: 0, maxRetries: 0, maxOutputTokens: 256 };

/** Both providers of the SDK are asked the same; how thinking is asked for is the provider's own. */
const clientOf = (name: string, modelAt: typeof compatible, thinks: ProviderOptions): Client => ({
  name,
  runs: {
    async create(world) {
      const { text, finishReason } = await generateText({ model: modelAt(world), ...ask });
      expect(text).toMatch(answered);
      expect(finishReason).toBe("stop");
    },
    async stream(world) {
      const { textStream } = streamText({ model: modelAt(world), ...ask });
      expect((await Array.fromAsync(textStream)).join("")).toMatch(answered);
    },
    async tools(world) {
      const cities: string[] = [];
      const get_weather = tool({
        description: weatherTool.description,
        inputSchema: weatherInput,
        execute: ({ city }) => {
          cities.push(city);
          return "sunny, 20 degrees";
        },
      });
      const weather = { model: modelAt(world), ...ask, prompt: weatherQuestion, tools: { get_weather } };
      const forced = { ...weather, toolChoice: { type: "tool" as const, toolName: "get_weather" as const } };
      const { toolCalls } = await generateText(forced);
      expect(toolCalls[0]).toMatchObject({ toolName: "get_weather", input: { city: "Paris" } });
      const streamed = await streamText(forced).toolCalls;
      expect(streamed[0]).toMatchObject({ toolName: "get_weather", input: { city: "Paris" } });
      const { text, steps } = await generateText({ ...weather, stopWhen: isStepCount(3) });
      expect(steps).toHaveLength(2);
      expect(text).not.toBe("");
      expect(cities).toEqual(["Paris", "Paris", "Paris"]);
    },
    async "structured output"(world) {
      const structured = { model: modelAt(world), ...ask, output: Output.object({ schema: reportShape }) };
      expect(reportShape.parse((await generateText(structured)).output)).toBeDefined();
      expect(reportShape.parse(await streamText(structured).output)).toBeDefined();
    },
    async abort(world) {
      const left = new AbortController();
      const { textStream } = streamText({
        model: modelAt(world),
        ...ask,
        prompt: longQuestion,
        abortSignal: left.signal,
      });
      for await (const _ of textStream) left.abort();
      await world.callerGone();
    },
    async errors(world) {
      const refused = (at: LanguageModel, more: object = {}) => thrown(generateText({ model: at, ...ask, ...more }));
      const wrong = await refused(modelAt({ ...world, apiKey: "eigeninference-wrong" }));
      expect(APICallError.isInstance(wrong)).toBe(true);
      expect(wrong).toMatchObject({ statusCode: 401, message: expect.stringContaining("key") });
      expect(await refused(modelAt(world, "nothing"))).toMatchObject({ statusCode: 404 });
      expect(await refused(modelAt(world), { topP: 3 })).toMatchObject({
        statusCode: 400,
        message: expect.stringContaining("top_p"),
      });
    },
    retry: (world) => retries(world, 429, (at, maxRetries) => generateText({ model: modelAt(at), ...ask, maxRetries })),
    async usage(world) {
      const { usage } = await generateText({ model: modelAt(world), ...ask });
      expect(usage.outputTokens).toBeGreaterThan(10);
      expect((await streamText({ model: modelAt(world), ...ask }).usage).outputTokens).toBe(usage.outputTokens);
    },
    async reasoning(world) {
      const thinking = { model: modelAt(world), ...ask, system: thinkingSystem };
      const hidden = await generateText(thinking);
      expect(hidden.reasoningText ?? "").toBe("");
      expect(hidden.text).toMatch(answered);
      const shown = await generateText({ ...thinking, providerOptions: thinks });
      // This SDK sends no temperature with Anthropic's thinking, so that what is thought differs each time.
      expect(shown.reasoningText).toMatch(/\w/);
      const streamed = streamText({ ...thinking, providerOptions: thinks });
      expect(await streamed.reasoningText).toMatch(/\w/);
    },
  },
});

export const aiSdkCompatible = clientOf("Vercel AI SDK, `@ai-sdk/openai-compatible`", compatible, {
  darkbloom: { include_reasoning: true },
});
export const aiSdkAnthropic = clientOf("Vercel AI SDK, `@ai-sdk/anthropic`", anthropic, {
  anthropic: { thinking: { type: "enabled", budgetTokens: 1024 } },
});
