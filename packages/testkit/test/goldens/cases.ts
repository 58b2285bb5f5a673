/** What is asked for the recorded answers: each dialect, what it can tell, streamed and plain. */
export interface GoldenCase {
  /** Also the name of its file. */
  readonly name: string;
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

const common = { model: "darkbloom-tiny", temperature: 0 };
const rain = "What is rain?";
const user = (content: string) => [{ role: "user", content }];
const thinking = "Think step by step.";
const weather = "What is the weather in Paris?";
const description = "The weather in a city.";
const parameters = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const schema = {
  type: "object",
  properties: { topic: { type: "string", maxLength: 12 }, wet: { type: "boolean" } },
  required: ["topic", "wet"],
  additionalProperties: false,
};

const chat = { ...common, seed: 7, max_tokens: 100 };
const responses = { ...common, seed: 7, max_output_tokens: 100 };
const messages = { ...common, max_tokens: 100 };

const asks: Readonly<Record<string, Readonly<Record<string, object>>>> = {
  "/v1/chat/completions": {
    text: { ...chat, messages: user(rain), stream_options: { include_usage: true } },
    "tool-call": {
      ...chat,
      messages: user(weather),
      tools: [{ type: "function", function: { name: "get_weather", description, parameters } }],
    },
    structured: {
      ...chat,
      messages: user(rain),
      response_format: { type: "json_schema", json_schema: { name: "rain", schema, strict: true } },
    },
    thinking: {
      ...chat,
      messages: [{ role: "system", content: thinking }, ...user(rain)],
      include_reasoning: true,
    },
    logprobs: { ...chat, messages: user("Hello!"), logprobs: true, top_logprobs: 2 },
  },
  "/v1/responses": {
    text: { ...responses, input: rain },
    "tool-call": {
      ...responses,
      input: weather,
      tools: [{ type: "function", name: "get_weather", description, parameters }],
    },
    structured: {
      ...responses,
      input: rain,
      text: { format: { type: "json_schema", name: "rain", schema, strict: true } },
    },
    thinking: { ...responses, instructions: thinking, input: rain, reasoning: { summary: "auto" } },
    logprobs: { ...responses, input: "Hello!", top_logprobs: 2 },
  },
  "/v1/completions": {
    text: { ...chat, max_tokens: 24, prompt: "Rain is", stream_options: { include_usage: true } },
    echo: { ...chat, max_tokens: 12, prompt: "<|im_start|>Snow is", echo: true },
    logprobs: { ...chat, max_tokens: 8, prompt: "Hello!", logprobs: 2 },
  },
  "/v1/messages": {
    text: { ...messages, messages: user(rain) },
    "tool-call": {
      ...messages,
      messages: user(weather),
      tools: [{ name: "get_weather", description, input_schema: parameters }],
    },
    structured: { ...messages, messages: user(rain), output_config: { format: { type: "json_schema", schema } } },
    thinking: { ...messages, system: thinking, messages: user(rain), thinking: { type: "adaptive" } },
    stopped: { ...messages, messages: user(rain), stop_sequences: ["water"] },
  },
};

export const goldenCases: readonly GoldenCase[] = Object.entries(asks).flatMap(([path, bodies]) =>
  Object.entries(bodies).flatMap(([what, body]) =>
    [true, false].map((stream) => ({
      name: `${path.slice("/v1/".length).replace("/", "-")}.${what}.${stream ? "stream" : "plain"}`,
      path,
      body: stream ? { ...body, stream } : { ...body, stream, stream_options: undefined },
    })),
  ),
);
