import Anthropic from "@anthropic-ai/sdk";
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { expect } from "vitest";
import {
  type At,
  answered,
  askingBy,
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
  weatherSchema,
  weatherTool,
} from "./client.ts";

const clientOf = (world: At, maxRetries = 0) =>
  new Anthropic({ baseURL: world.url, apiKey: world.apiKey, authToken: null, maxRetries, ...askingBy(world) });

const ask = (content: string, system?: string) => ({
  model,
  max_tokens: 1100,
  temperature: 0,
  messages: [{ role: "user" as const, content }],
  ...(system !== undefined && { system }),
});
const tools = [{ ...weatherTool, input_schema: weatherSchema }];
const textOf = ({ content }: Pick<Anthropic.Message, "content">) =>
  content.map((block) => (block.type === "text" ? block.text : "")).join("");

export const anthropic: Client = {
  name: "`@anthropic-ai/sdk` (TypeScript)",
  runs: {
    async create(world) {
      const client = clientOf(world);
      const message = await client.messages.create(ask(question));
      expect(textOf(message)).toMatch(answered);
      expect(message.stop_reason).toBe("end_turn");
      const { max_tokens: _, temperature: __, ...prompt } = ask(question);
      const { input_tokens } = await client.messages.countTokens(prompt);
      const { usage } = message;
      expect(input_tokens).toBe(usage.input_tokens + (usage.cache_read_input_tokens ?? 0));
    },
    async stream(world) {
      const stream = clientOf(world).messages.stream(ask(question));
      let text = "";
      stream.on("text", (delta) => void (text += delta));
      expect(textOf(await stream.finalMessage())).toBe(text);
      expect(text).toMatch(answered);
    },
    async tools(world) {
      const client = clientOf(world);
      const forced = { ...ask(weatherQuestion), tools, tool_choice: { type: "tool" as const, name: weatherTool.name } };
      const called = expect.objectContaining({ type: "tool_use", name: "get_weather", input: { city: "Paris" } });
      const plain = await client.messages.create(forced);
      expect(plain.content).toEqual([called]);
      expect(plain.stop_reason).toBe("tool_use");
      expect((await client.messages.stream(forced).finalMessage()).content).toEqual([called]);
      const cities: string[] = [];
      const last = await client.beta.messages.toolRunner({
        ...ask(weatherQuestion),
        tools: [
          betaZodTool({
            ...weatherTool,
            inputSchema: weatherInput,
            run: ({ city }) => {
              cities.push(city);
              return "sunny, 20 degrees";
            },
          }),
        ],
      });
      expect(last.content.map((block) => block.type)).toEqual(["text"]);
      expect(cities).toEqual(["Paris"]);
    },
    async "structured output"(world) {
      const output_config = { format: zodOutputFormat(reportShape) };
      const { parsed_output } = await clientOf(world).messages.parse({ ...ask(question), output_config });
      expect(reportShape.parse(parsed_output)).toBeDefined();
    },
    async abort(world) {
      const stream = await clientOf(world).messages.create({ ...ask(longQuestion), stream: true });
      for await (const event of stream) if (event.type === "content_block_delta") break;
      stream.controller.abort();
      await world.callerGone();
    },
    async errors(world) {
      const refused = (more: object, as = world) => thrown(clientOf(as).messages.create({ ...ask(question), ...more }));
      const wrong = await refused({}, { ...world, apiKey: "eigeninference-wrong" });
      expect(wrong).toBeInstanceOf(Anthropic.AuthenticationError);
      expect(wrong).toMatchObject({ type: "authentication_error" });
      expect(await refused({ model: "nothing" })).toBeInstanceOf(Anthropic.NotFoundError);
      const bad = await refused({ temperature: 3 });
      expect(bad).toBeInstanceOf(Anthropic.BadRequestError);
      expect(bad).toMatchObject({ type: "invalid_request_error", message: expect.stringContaining("temperature") });
    },
    retry: (world) => retries(world, 503, (at, maxRetries) => clientOf(at, maxRetries).messages.create(ask(question))),
    async usage(world) {
      const { usage } = await clientOf(world).messages.create(ask(question));
      const streamed = await clientOf(world).messages.stream(ask(question)).finalMessage();
      expect(usage.output_tokens).toBeGreaterThan(10);
      expect(streamed.usage.output_tokens).toBe(usage.output_tokens);
    },
    async reasoning(world) {
      const client = clientOf(world);
      const hidden = await client.messages.create(ask(question, thinkingSystem));
      expect(hidden.content.map((block) => block.type)).toEqual(["text"]);
      expect(hidden.usage.output_tokens_details?.thinking_tokens).toBeGreaterThan(5);
      const asked = {
        ...ask(question, thinkingSystem),
        thinking: { type: "enabled" as const, budget_tokens: 1024 },
      };
      const shown = await client.messages.create(asked);
      expect(shown.content).toEqual([
        expect.objectContaining({ type: "thinking", thinking: expect.stringMatching(thought) }),
        expect.objectContaining({ type: "text", text: textOf(hidden) }),
      ]);
      const streamed = await client.messages.stream(asked).finalMessage();
      expect(streamed.content.map((block) => block.type)).toEqual(["thinking", "text"]);
    },
    async models(world) {
      const { models } = clientOf(world);
      const ids = await Array.fromAsync(models.list({ limit: 1, lifecycle: ["active"] }), ({ id }) => id);
      expect(ids).toEqual([model]);
      expect((await models.list({ after_id: model })).hasNextPage()).toBe(false);
      expect(await models.retrieve(model)).toMatchObject({ id: model, type: "model", max_input_tokens: 2048 });
      expect(await thrown(models.retrieve("nothing"))).toBeInstanceOf(Anthropic.NotFoundError);
      expect(await thrown(models.list({ limit: 0 }))).toBeInstanceOf(Anthropic.BadRequestError);
      expect(await thrown(clientOf(world).messages.batches.list())).toMatchObject({
        status: 404,
        type: "not_found_error",
      });
    },
  },
};
