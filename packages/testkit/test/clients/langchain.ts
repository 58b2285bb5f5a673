import { HumanMessage, SystemMessage } from "@langchain/core/messages";
import { ChatOpenAI, type ChatOpenAIFields } from "@langchain/openai";
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
  thought,
  thrown,
  weatherInput,
  weatherQuestion,
  weatherTool,
} from "./client.ts";

const chatAt = ({ url, apiKey }: At, more: ChatOpenAIFields = {}) =>
  new ChatOpenAI({ model, temperature: 0, apiKey, maxRetries: 0, configuration: { baseURL: `${url}/v1` }, ...more });

const outputTokens = (message: object): unknown =>
  (message as { usage_metadata?: { output_tokens: number } }).usage_metadata?.output_tokens;

const weather = { ...weatherTool, schema: weatherInput };

export const langchain: Client = {
  name: "LangChain, `@langchain/openai`",
  runs: {
    async create(world) {
      expect((await chatAt(world).invoke(question)).text).toMatch(answered);
    },
    async stream(world) {
      let text = "";
      for await (const chunk of await chatAt(world).stream(question)) text += chunk.text;
      expect(text).toMatch(answered);
    },
    async tools(world) {
      const forced = chatAt(world).bindTools([weather], { tool_choice: weather.name });
      const called = { name: "get_weather", args: { city: "Paris" } };
      expect((await forced.invoke(weatherQuestion)).tool_calls?.[0]).toMatchObject(called);
      const chunks = await Array.fromAsync(await forced.stream(weatherQuestion));
      const whole = chunks.slice(1).reduce((sum, chunk) => sum.concat(chunk), chunks[0] ?? expect.fail("no chunk"));
      expect(whole.tool_calls?.[0]).toMatchObject(called);
    },
    async "structured output"(world) {
      const structured = chatAt(world).withStructuredOutput(reportShape, { name: "report", method: "jsonSchema" });
      expect(reportShape.parse(await structured.invoke(question))).toBeDefined();
    },
    async abort(world) {
      const left = new AbortController();
      const stream = await chatAt(world).stream(longQuestion, { signal: left.signal });
      await thrown(
        (async () => {
          for await (const _ of stream) left.abort();
        })(),
      );
      await world.callerGone();
    },
    async errors(world) {
      const refused = (more: ChatOpenAIFields, as = world) => thrown(chatAt(as, more).invoke(question));
      expect(await refused({}, { ...world, apiKey: "eigeninference-wrong" })).toMatchObject({
        status: 401,
        lc_error_code: "MODEL_AUTHENTICATION",
      });
      expect(await refused({ model: "nothing" })).toMatchObject({ status: 404, lc_error_code: "MODEL_NOT_FOUND" });
      expect(await refused({ temperature: 3 })).toMatchObject({ status: 400, param: "temperature" });
    },
    retry: (world) => retries(world, 429, (at, maxRetries) => chatAt(at, { maxRetries }).invoke(question)),
    async usage(world) {
      const plain = outputTokens(await chatAt(world).invoke(question));
      expect(plain).toBeGreaterThan(10);
      const chunks = await Array.fromAsync(await chatAt(world).stream(question));
      expect(chunks.map(outputTokens).filter((tokens) => tokens !== undefined)).toEqual([plain]);
    },
    async reasoning(world) {
      const thinking = [new SystemMessage(thinkingSystem), new HumanMessage(question)];
      const hidden = await chatAt(world).invoke(thinking);
      expect(hidden.additional_kwargs).not.toHaveProperty("reasoning_content");
      expect(hidden.text).toMatch(answered);
      const shown = await chatAt(world, { modelKwargs: { include_reasoning: true } }).invoke(thinking);
      expect(shown.additional_kwargs["reasoning_content"]).toMatch(thought);
      expect(shown.text).toBe(hidden.text);
    },
  },
};
