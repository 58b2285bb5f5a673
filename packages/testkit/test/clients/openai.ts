import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { expect } from "vitest";
import type * as z from "zod";
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
  new OpenAI({ baseURL: `${world.url}/v1`, apiKey: world.apiKey, maxRetries, ...askingBy(world) });
const wrongKey = "eigeninference-wrong";

const ask = (content: string, system?: string) => ({
  model,
  temperature: 0,
  messages: [
    ...(system === undefined ? [] : [{ role: "system" as const, content: system }]),
    { role: "user" as const, content },
  ],
});
const weatherFunction = { type: "function" as const, function: { ...weatherTool, parameters: weatherSchema } };

export const openaiChat: Client = {
  name: "`openai` (TypeScript), chat",
  runs: {
    async create(world) {
      const answer = await clientOf(world).chat.completions.create(ask(question));
      expect(answer.choices[0]?.message.content).toMatch(answered);
      expect(answer.choices[0]?.finish_reason).toBe("stop");
    },
    async stream(world) {
      const stream = clientOf(world).chat.completions.stream(ask(question));
      let text = "";
      stream.on("content", (delta) => void (text += delta));
      expect((await stream.finalChatCompletion()).choices[0]?.message.content).toBe(text);
      expect(text).toMatch(answered);
    },
    async tools(world) {
      const client = clientOf(world);
      const forced = {
        ...ask(weatherQuestion),
        tools: [weatherFunction],
        tool_choice: { type: "function" as const, function: { name: weatherTool.name } },
      };
      const plain = await client.chat.completions.create(forced);
      expect(plain.choices[0]?.message.tool_calls?.[0]).toMatchObject({
        function: { name: "get_weather", arguments: expect.stringContaining("Paris") },
      });
      const streamed = await client.chat.completions.stream(forced).finalChatCompletion();
      expect(streamed.choices[0]?.message.tool_calls?.[0]).toMatchObject({
        function: { name: "get_weather", arguments: expect.stringContaining("Paris") },
      });
      const cities: string[] = [];
      const runner = client.chat.completions.runTools({
        ...ask(weatherQuestion),
        tools: [
          {
            type: "function",
            function: {
              ...weatherTool,
              parameters: weatherSchema,
              parse: (text: string) => weatherInput.parse(JSON.parse(text)),
              function: ({ city }: z.infer<typeof weatherInput>) => {
                cities.push(city);
                return "sunny, 20 degrees";
              },
            },
          },
        ],
      });
      expect(await runner.finalContent()).not.toBe("");
      expect(cities).toEqual(["Paris"]);
    },
    async "structured output"(world) {
      const response_format = zodResponseFormat(reportShape, "report");
      const answer = await clientOf(world).chat.completions.parse({ ...ask(question), response_format });
      expect(reportShape.parse(answer.choices[0]?.message.parsed)).toBeDefined();
    },
    async abort(world) {
      const stream = await clientOf(world).chat.completions.create({ ...ask(longQuestion), stream: true });
      for await (const _ of stream) break;
      stream.controller.abort();
      await world.callerGone();
    },
    async errors(world) {
      const refused = (more: object, as = world) =>
        thrown(clientOf(as).chat.completions.create({ ...ask(question), ...more }));
      expect(await refused({}, { ...world, apiKey: wrongKey })).toBeInstanceOf(OpenAI.AuthenticationError);
      expect(await refused({ model: "nothing" })).toBeInstanceOf(OpenAI.NotFoundError);
      const bad = await refused({ temperature: 3 });
      expect(bad).toBeInstanceOf(OpenAI.BadRequestError);
      expect(bad).toMatchObject({ param: "temperature" });
    },
    retry: (world) =>
      retries(world, 503, (at, maxRetries) => clientOf(at, maxRetries).chat.completions.create(ask(question))),
    async usage(world) {
      const client = clientOf(world);
      const { usage } = await client.chat.completions.create(ask(question));
      const stream = await client.chat.completions.create({
        ...ask(question),
        stream: true,
        stream_options: { include_usage: true },
      });
      const chunks = await Array.fromAsync(stream);
      expect(usage?.completion_tokens).toBeGreaterThan(10);
      expect(chunks.at(-1)?.usage?.completion_tokens).toBe(usage?.completion_tokens);
    },
    async reasoning(world) {
      const client = clientOf(world);
      const hidden = await client.chat.completions.create(ask(question, thinkingSystem));
      expect(hidden.choices[0]?.message).not.toHaveProperty("reasoning_content");
      expect(hidden.usage?.completion_tokens_details?.reasoning_tokens).toBeGreaterThan(5);
      const shown = { ...ask(question, thinkingSystem), include_reasoning: true };
      const { choices } = await client.chat.completions.create(shown);
      expect(choices[0]?.message).toHaveProperty("reasoning_content", expect.stringMatching(thought));
      expect(choices[0]?.message.content).toBe(hidden.choices[0]?.message.content);
      const chunks = await Array.fromAsync(await client.chat.completions.create({ ...shown, stream: true }));
      expect(JSON.stringify(chunks)).toContain("reasoning_content");
    },
    async models(world) {
      const { models } = clientOf(world);
      expect(await Array.fromAsync(models.list(), ({ id }) => id)).toEqual([model]);
      expect(await models.retrieve(model)).toMatchObject({ id: model, object: "model", owned_by: "darkbloom" });
      expect(await thrown(models.retrieve("nothing"))).toBeInstanceOf(OpenAI.NotFoundError);
    },
  },
};

const input = (text: string, system?: string) => ({
  model,
  temperature: 0,
  input: text,
  ...(system !== undefined && { instructions: system }),
});

export const openaiResponses: Client = {
  name: "`openai` (TypeScript), Responses",
  runs: {
    async create(world) {
      const answer = await clientOf(world).responses.create(input(question));
      expect(answer.output_text).toMatch(answered);
      expect(answer.status).toBe("completed");
    },
    async stream(world) {
      const stream = clientOf(world).responses.stream(input(question));
      let text = "";
      stream.on("response.output_text.delta", ({ delta }) => void (text += delta));
      expect((await stream.finalResponse()).output_text).toBe(text);
      expect(text).toMatch(answered);
    },
    async tools(world) {
      const client = clientOf(world);
      const tool = { type: "function" as const, ...weatherTool, parameters: weatherSchema, strict: true };
      const first = await client.responses.create({
        ...input(weatherQuestion),
        tools: [tool],
        tool_choice: { type: "function", name: tool.name },
      });
      const calls = first.output.filter((item) => item.type === "function_call");
      const [call] = calls;
      expect(call).toMatchObject({ name: "get_weather", arguments: expect.stringContaining("Paris") });
      const second = await client.responses.create({
        ...input(""),
        tools: [tool],
        input: [
          { role: "user", content: weatherQuestion },
          ...calls,
          { type: "function_call_output", call_id: call?.call_id ?? "", output: "sunny, 20 degrees" },
        ],
      });
      expect(second.output_text).not.toBe("");
      const streamed = client.responses.stream({ ...input(weatherQuestion), tools: [tool], tool_choice: "required" });
      expect((await streamed.finalResponse()).output.map((item) => item.type)).toContain("function_call");
    },
    async "structured output"(world) {
      const text = { format: zodTextFormat(reportShape, "report") };
      const answer = await clientOf(world).responses.parse({ ...input(question), text });
      expect(reportShape.parse(answer.output_parsed)).toBeDefined();
    },
    async abort(world) {
      const stream = await clientOf(world).responses.create({ ...input(longQuestion), stream: true });
      for await (const event of stream) if (event.type === "response.output_text.delta") break;
      stream.controller.abort();
      await world.callerGone();
    },
    async errors(world) {
      const refused = (more: object, as = world) =>
        thrown(clientOf(as).responses.create({ ...input(question), ...more }));
      expect(await refused({}, { ...world, apiKey: wrongKey })).toBeInstanceOf(OpenAI.AuthenticationError);
      expect(await refused({ model: "nothing" })).toBeInstanceOf(OpenAI.NotFoundError);
      const bad = await refused({ previous_response_id: "resp_1" });
      expect(bad).toBeInstanceOf(OpenAI.BadRequestError);
      expect(bad).toMatchObject({ param: "previous_response_id" });
    },
    retry: (world) =>
      retries(world, 429, (at, maxRetries) => clientOf(at, maxRetries).responses.create(input(question))),
    async usage(world) {
      const { usage } = await clientOf(world).responses.create(input(question));
      const events = await Array.fromAsync(
        await clientOf(world).responses.create({ ...input(question), stream: true }),
      );
      const last = events.at(-1);
      expect(usage?.output_tokens).toBeGreaterThan(10);
      expect(last?.type === "response.completed" && last.response.usage?.output_tokens).toBe(usage?.output_tokens);
    },
    async reasoning(world) {
      const client = clientOf(world);
      const hidden = await client.responses.create(input(question, thinkingSystem));
      expect(hidden.output.map((item) => item.type)).toEqual(["message"]);
      expect(hidden.usage?.output_tokens_details.reasoning_tokens).toBeGreaterThan(5);
      const asked = { ...input(question, thinkingSystem), reasoning: { summary: "auto" as const } };
      const shown = await client.responses.create(asked);
      const item = shown.output.find((one) => one.type === "reasoning");
      expect(item?.summary[0]?.text).toMatch(thought);
      expect(shown.output_text).toBe(hidden.output_text);
      const streamed = await client.responses.stream(asked).finalResponse();
      expect(streamed.output.map((one) => one.type)).toEqual(["reasoning", "message"]);
    },
  },
};

/** The bundled model was made for conversations: of what it goes on with, only the length is held. */
const written = "Rain is";
const prompt = { model, temperature: 0, prompt: written };
const long = { guided_regex: "[a-z ]{900}" } as object;

export const openaiCompletions: Client = {
  name: "`openai` (TypeScript), completions",
  runs: {
    async create(world) {
      const answer = await clientOf(world).completions.create(prompt);
      expect(answer.choices[0]?.text).not.toBe("");
      const several = await clientOf(world).completions.create({ ...prompt, prompt: [written, "Snow is"], echo: true });
      expect(several.choices.map(({ index }) => index)).toEqual([0, 1]);
      for (const [at, begun] of [written, "Snow is"].entries())
        expect(several.choices[at]?.text.slice(0, begun.length)).toBe(begun);
    },
    async stream(world) {
      let text = "";
      for await (const { choices } of await clientOf(world).completions.create({ ...prompt, stream: true }))
        text += choices[0]?.text ?? "";
      expect(text).toBe((await clientOf(world).completions.create(prompt)).choices[0]?.text);
    },
    async abort(world) {
      const stream = await clientOf(world).completions.create({ ...prompt, ...long, stream: true });
      for await (const _ of stream) break;
      stream.controller.abort();
      await world.callerGone();
    },
    async errors(world) {
      const refused = (more: object, as = world) => thrown(clientOf(as).completions.create({ ...prompt, ...more }));
      expect(await refused({}, { ...world, apiKey: wrongKey })).toBeInstanceOf(OpenAI.AuthenticationError);
      expect(await refused({ model: "nothing" })).toBeInstanceOf(OpenAI.NotFoundError);
      const bad = await refused({ best_of: 3 });
      expect(bad).toBeInstanceOf(OpenAI.BadRequestError);
      expect(bad).toMatchObject({ param: "best_of" });
    },
    retry: (world) => retries(world, 429, (at, maxRetries) => clientOf(at, maxRetries).completions.create(prompt)),
    async usage(world) {
      const { usage } = await clientOf(world).completions.create({ ...prompt, ...long });
      expect(usage?.completion_tokens).toBeGreaterThan(10);
    },
  },
};
