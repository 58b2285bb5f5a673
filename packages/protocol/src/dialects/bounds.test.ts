import { describe, expect, it } from "vitest";
import * as z from "zod";
import { TOKEN_ID_MAX } from "./text-input.ts";
import { NetworkError } from "../failures.ts";
import {
  CHOICES_MAX,
  EMBED_INPUT_TOKENS_MAX,
  EMBED_INPUTS_MAX,
  LOGIT_BIASES_MAX,
  MESSAGES_MAX,
  PINNED_SERIALS_MAX,
  STOP_STRING_CHARS_MAX,
  STOP_STRINGS_MAX,
  TOOL_NAME_CHARS_MAX,
  TOOLS_MAX,
  TOP_LOGPROBS_MAX,
} from "../limits.ts";
import { CONTENT_PARTS_MAX, MODEL_CHARS_MAX, OUTPUT_TOKENS_MAX, SERIAL_CHARS_MAX, TOP_K_MAX } from "./fields.ts";
import { endpoints, type Endpoint } from "./job.ts";
import {
  GUIDED_CHOICE_CHARS_MAX,
  GUIDED_CHOICES_MAX,
  GUIDED_TEXT_CHARS_MAX,
  TEMPLATE_SETTING_CHARS_MAX,
  TEMPLATE_SETTING_NAME_CHARS_MAX,
  TEMPLATE_SETTINGS_MAX,
} from "./open-model-fields.ts";
import { messagesRequestSchema } from "./anthropic-messages/request-schema.ts";
import { chatRequestSchema } from "./openai-chat/request-schema.ts";
import { COMPLETION_LOGPROBS_MAX, completionRequestSchema } from "./openai-completions/request-schema.ts";
import { DIMENSIONS_MAX, embeddingsRequestSchema } from "./openai-embeddings/request-schema.ts";
import {
  ECHOED_CHARS_MAX,
  INCLUDES_MAX,
  METADATA_PAIRS_MAX,
  responsesRequestSchema,
} from "./openai-responses/request-schema.ts";
import { dialects } from "./registry.ts";

type Body = Record<string, unknown>;
const [chat, responses, compact, completions, messages, count, embeddings] = endpoints;
const user = (content: unknown) => ({ role: "user", content });
const least: Readonly<Record<Endpoint, Body>> = {
  [chat]: { messages: [user("hi")] },
  [responses]: { input: "hi" },
  [compact]: { input: "hi" },
  [completions]: { prompt: "hi" },
  [messages]: { max_tokens: 9, messages: [user("hi")] },
  [count]: { messages: [user("hi")] },
  [embeddings]: { input: "hi" },
};

const many = <Item>(length: number, item: (at: number) => Item): Item[] => Array.from({ length }, (_, at) => item(at));
const chars = (length: number) => "x".repeat(length);
const pairs = (length: number, value: unknown) => Object.fromEntries(many(length, (at) => [`${at}`, value]));
const settings = (length: number) => Object.fromEntries(many(length, (at) => [`s${at}`, true]));
const noParameters = { type: "object", properties: {} };
const chatTool = (name: string) => ({ type: "function", function: { name, parameters: noParameters } });
const responsesTool = (name: string) => ({ type: "function", name, parameters: noParameters, strict: false });
const messagesTool = (name: string) => ({ name, input_schema: noParameters });
const chatCall = (id: string) => ({ id, type: "function", function: { name: "t", arguments: "{}" } });
const parts = (length: number) => many(length, () => ({ type: "text", text: "a" }));
const openModels = [chat, responses, completions] as const;

/** What takes so many of what is counted, and the most that it takes. */
const rows: readonly (readonly [
  what: string,
  body: (count: number) => Body,
  max: number,
  endpoints: readonly Endpoint[],
])[] = [
  ["characters of a model", (n) => ({ model: chars(n) }), MODEL_CHARS_MAX, endpoints],
  ["machines", (n) => ({ provider_serial: many(n, (at) => `S${at}`) }), PINNED_SERIALS_MAX, endpoints],
  ["further machines", (n) => ({ provider_serials: many(n, (at) => `S${at}`) }), PINNED_SERIALS_MAX, endpoints],
  [
    "machines of both fields",
    (n) => ({ provider_serial: "S", provider_serials: many(n - 1, (at) => `S${at}`) }),
    PINNED_SERIALS_MAX,
    endpoints,
  ],
  ["characters of a machine", (n) => ({ provider_serial: chars(n) }), SERIAL_CHARS_MAX, endpoints],
  ["messages", (n) => ({ messages: many(n, () => user("a")) }), MESSAGES_MAX, [chat, messages, count]],
  ["messages", (n) => ({ input: many(n, () => user("a")) }), MESSAGES_MAX, [responses]],
  [
    "parts",
    (n) => ({ messages: [user("a"), user(parts(1)), user(parts(n - 1))] }),
    CONTENT_PARTS_MAX,
    [chat, messages, count],
  ],
  ["parts of a system's words", (n) => ({ system: parts(n) }), CONTENT_PARTS_MAX, [messages, count]],
  [
    "parts",
    (n) => ({
      input: [
        user("a"),
        user([{ type: "input_text", text: "a" }]),
        user(many(n - 1, () => ({ type: "input_text", text: "a" }))),
      ],
    }),
    CONTENT_PARTS_MAX,
    [responses],
  ],
  ["stop strings", (n) => ({ stop: many(n, (at) => `s${at}`) }), STOP_STRINGS_MAX, openModels],
  ["stop strings", (n) => ({ stop_sequences: many(n, (at) => `s${at}`) }), STOP_STRINGS_MAX, [messages]],
  ["characters of a stop string", (n) => ({ stop: chars(n) }), STOP_STRING_CHARS_MAX, openModels],
  ["characters of a stop string", (n) => ({ stop_sequences: [chars(n)] }), STOP_STRING_CHARS_MAX, [messages]],
  ["likeliest tokens", (n) => ({ top_k: n }), TOP_K_MAX, [...openModels, messages]],
  ["tools", (n) => ({ tools: many(n, (at) => chatTool(`t${at}`)) }), TOOLS_MAX, [chat]],
  ["tools", (n) => ({ tools: many(n, (at) => responsesTool(`t${at}`)) }), TOOLS_MAX, [responses]],
  ["tools", (n) => ({ tools: many(n, (at) => messagesTool(`t${at}`)) }), TOOLS_MAX, [messages, count]],
  ["characters of a tool's name", (n) => ({ tools: [chatTool(chars(n))] }), TOOL_NAME_CHARS_MAX, [chat]],
  ["characters of a tool's name", (n) => ({ tools: [responsesTool(chars(n))] }), TOOL_NAME_CHARS_MAX, [responses]],
  ["characters of a tool's name", (n) => ({ tools: [messagesTool(chars(n))] }), TOOL_NAME_CHARS_MAX, [messages, count]],
  ["biases", (n) => ({ logit_bias: pairs(n, 1) }), LOGIT_BIASES_MAX, openModels],
  ["choices", (n) => ({ n }), CHOICES_MAX, [chat, completions]],
  [
    "calls of one message",
    (n) => ({ messages: [user("a"), { role: "assistant", tool_calls: many(n, (at) => chatCall(`c${at}`)) }] }),
    TOOLS_MAX,
    [chat],
  ],
  [
    "tools to choose from",
    (n) => ({
      tools: [responsesTool("t")],
      tool_choice: { type: "allowed_tools", mode: "auto", tools: many(n, () => ({ type: "function", name: "t" })) },
    }),
    TOOLS_MAX,
    [responses],
  ],
  ["characters that are told back", (n) => ({ safety_identifier: chars(n) }), ECHOED_CHARS_MAX, [responses]],
  ["characters that are told back", (n) => ({ prompt_cache_key: chars(n) }), ECHOED_CHARS_MAX, [responses]],
  ["hundredths of a repeat penalty", (n) => ({ repeat_penalty: n / 100 }), 200, openModels],
  ["other tokens", (n) => ({ logprobs: true, top_logprobs: n }), TOP_LOGPROBS_MAX, [chat]],
  [
    "other tokens",
    (n) => ({ include: ["message.output_text.logprobs"], top_logprobs: n }),
    TOP_LOGPROBS_MAX,
    [responses],
  ],
  ["other tokens", (n) => ({ logprobs: n }), COMPLETION_LOGPROBS_MAX, [completions]],
  [
    "settings of a template",
    (n) => ({ chat_template_kwargs: settings(n) }),
    TEMPLATE_SETTINGS_MAX,
    [chat, responses, messages],
  ],
  [
    "characters of a setting's name",
    (n) => ({ chat_template_kwargs: { [chars(n)]: true } }),
    TEMPLATE_SETTING_NAME_CHARS_MAX,
    [chat, responses, messages],
  ],
  [
    "characters of a setting",
    (n) => ({ chat_template_kwargs: { name: chars(n) } }),
    TEMPLATE_SETTING_CHARS_MAX,
    [chat, responses, messages],
  ],
  ["guided choices", (n) => ({ guided_choice: many(n, (at) => `c${at}`) }), GUIDED_CHOICES_MAX, [chat, completions]],
  ["characters of a guided choice", (n) => ({ guided_choice: [chars(n)] }), GUIDED_CHOICE_CHARS_MAX, [chat]],
  [
    "characters of a guided form",
    (n) => ({ guided_json: `{"type":"object"}${" ".repeat(n - 17)}` }),
    GUIDED_TEXT_CHARS_MAX,
    [chat],
  ],
  ["hundredths of a repetition penalty", (n) => ({ repetition_penalty: n / 100 }), 200, openModels],
  ["pairs of metadata", (n) => ({ metadata: pairs(n, "a") }), METADATA_PAIRS_MAX, [responses]],
  [
    "names of what to include",
    (n) => ({ include: many(n, () => "reasoning.encrypted_content") }),
    INCLUDES_MAX,
    [responses],
  ],
  ["inputs", (n) => ({ input: many(n, () => "a") }), EMBED_INPUTS_MAX, [embeddings]],
  ["tokens of an input", (n) => ({ input: many(n, () => 1) }), EMBED_INPUT_TOKENS_MAX, [embeddings]],
  ["the highest token", (n) => ({ input: [n] }), TOKEN_ID_MAX, [embeddings]],
  ["numbers of a vector", (n) => ({ dimensions: n }), DIMENSIONS_MAX, [embeddings]],
];

/** Goal: what a body may hold ends where LIMITS.md says. Method: every endpoint that has it, at the bound and one above. */
describe.each(rows)("a body's %s", (_, body, max, where) => {
  it.each(where)(`are bounded at ${max} by %s`, (endpoint) => {
    const decode = (amount: number) => dialects[endpoint].decode({ model: "m", ...least[endpoint], ...body(amount) });
    expect(() => decode(max)).not.toThrow();
    expect(() => decode(max + 1)).toThrow(NetworkError);
  });
});

/** Lists, and how many there may be in each. */
const counted: readonly (readonly [field: string, max: number, endpoints: readonly Endpoint[]])[] = [
  ["provider_serial", PINNED_SERIALS_MAX, endpoints],
  ["provider_serials", PINNED_SERIALS_MAX, endpoints],
  ["messages", MESSAGES_MAX, [chat, messages, count]],
  ["input", MESSAGES_MAX, [responses, compact]],
  ["tools", TOOLS_MAX, [chat, responses, messages, count]],
  ["stop", STOP_STRINGS_MAX, openModels],
  ["stop_sequences", STOP_STRINGS_MAX, [messages]],
  ["include", INCLUDES_MAX, [responses]],
  ["prompt", CHOICES_MAX, [completions]],
];

/** Goal: a list that is too long is told as that, whatever is in it. Method: items that are all wrong, at the bound, where the first is named, and one above, where the list is. */
describe.each(counted)("a body's %s of more than %i", (field, max, where) => {
  it.each(where)("are refused as too many by %s", (endpoint) => {
    const refused = (length: number) => {
      try {
        dialects[endpoint].decode({ model: "m", ...least[endpoint], [field]: many(length, () => ({})) });
      } catch (error) {
        return error instanceof NetworkError && "param" in error.failure ? error.failure.param : undefined;
      }
      return undefined;
    };
    expect(refused(max)).toMatch(new RegExp(`^${field}\\.0`));
    expect(refused(max + 1)).toBe(field);
  });
});

it("names the namespace that has more tools than a request may have", () => {
  const namespace = (length: number) => ({
    tools: [{ type: "namespace", name: "n", tools: many(length, (at) => responsesTool(`t${at}`)) }],
  });
  const decode = (length: number) => dialects[responses].decode({ model: "m", input: "a", ...namespace(length) });
  expect(() => decode(TOOLS_MAX)).not.toThrow();
  expect(() => decode(TOOLS_MAX + 1)).toThrow(
    expect.objectContaining({ failure: expect.objectContaining({ param: "tools.0.tools" }) }),
  );
});

interface Described {
  readonly maxItems?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly anyOf?: readonly Described[];
}
const forms = (one: Described): readonly Described[] => [one, ...(one.anyOf ?? []).flatMap(forms)];
const bound = (described: Described): number | undefined =>
  (["maxItems", "maximum", "maxLength"] as const)
    .flatMap((name) => forms(described).map((form) => form[name]))
    .find((found) => found !== undefined);

const serials = { provider_serial: PINNED_SERIALS_MAX, provider_serials: PINNED_SERIALS_MAX };
const ofOpenAi = { stop: STOP_STRINGS_MAX, top_k: TOP_K_MAX, repetition_penalty: 2, repeat_penalty: 2, ...serials };

/** Goal: who reads the description of a body knows its bounds. Method: the JSON Schemas that are published, and what they say of each field. */
it.each<[string, z.ZodType, Readonly<Record<string, number>>]>([
  [
    "chat",
    chatRequestSchema,
    { messages: MESSAGES_MAX, tools: TOOLS_MAX, n: CHOICES_MAX, top_logprobs: TOP_LOGPROBS_MAX, ...ofOpenAi },
  ],
  [
    "responses",
    responsesRequestSchema,
    {
      input: MESSAGES_MAX,
      tools: TOOLS_MAX,
      include: INCLUDES_MAX,
      top_logprobs: TOP_LOGPROBS_MAX,
      safety_identifier: ECHOED_CHARS_MAX,
      prompt_cache_key: ECHOED_CHARS_MAX,
      ...ofOpenAi,
    },
  ],
  [
    "completions",
    completionRequestSchema,
    { prompt: CHOICES_MAX, n: CHOICES_MAX, best_of: CHOICES_MAX, logprobs: COMPLETION_LOGPROBS_MAX, ...ofOpenAi },
  ],
  [
    "messages",
    messagesRequestSchema,
    { messages: MESSAGES_MAX, tools: TOOLS_MAX, stop_sequences: STOP_STRINGS_MAX, top_k: TOP_K_MAX, ...serials },
  ],
  ["embeddings", embeddingsRequestSchema, { input: EMBED_INPUTS_MAX, dimensions: DIMENSIONS_MAX, ...serials }],
])("the description of %s tells its bounds", (_, schema, bounds) => {
  const { properties = {} } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as {
    properties?: Readonly<Record<string, Described>>;
  };
  const told = Object.keys(bounds).map((field) => [field, bound(properties[field] ?? {})]);
  expect(Object.fromEntries(told)).toEqual(bounds);
});

/** Goal: the same of what is read by hand. Method: the forms of a prompt and of an input, with their numbers. */
it.each([
  [completionRequestSchema.shape.prompt, CHOICES_MAX],
  [embeddingsRequestSchema.shape.input, EMBED_INPUTS_MAX],
])("the description of texts tells their bounds", (schema, listMax) => {
  const token = { type: "integer", minimum: 0, maximum: TOKEN_ID_MAX };
  const tokens = { type: "array", minItems: 1, maxItems: EMBED_INPUT_TOKENS_MAX, items: token };
  const list = { type: "array", minItems: 1, maxItems: listMax };
  const { anyOf = [] } = z.toJSONSchema(schema, { io: "input" });
  expect(anyOf[1]).toMatchObject(list);
  expect(anyOf.slice(2)).toEqual([tokens, { ...list, items: tokens }]);
});

/** Goal: "as many as there may be" is a bound that can be counted with. Method: each name of it, at the bound and above. */
it.each([
  [chat, "max_tokens"],
  [chat, "max_completion_tokens"],
  [responses, "max_output_tokens"],
  [completions, "max_tokens"],
  [messages, "max_tokens"],
] as const)("%s reads a %s of more than can be as the most", (endpoint, field) => {
  for (const asked of [
    OUTPUT_TOKENS_MAX - 1,
    OUTPUT_TOKENS_MAX,
    OUTPUT_TOKENS_MAX + 1,
    Number.MAX_SAFE_INTEGER,
    1e300,
  ]) {
    const { job } = dialects[endpoint].decode({ model: "m", ...least[endpoint], [field]: asked });
    expect(job.maxTokens).toBe(Math.min(asked, OUTPUT_TOKENS_MAX));
  }
});
