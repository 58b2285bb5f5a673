import { describe, expect, it } from "vitest";
import { type Failure, NetworkError } from "../failures.ts";
import { GUIDED_CHOICES_MAX, TEMPLATE_SETTINGS_MAX, unservedShape } from "./open-model-fields.ts";
import { endpoints, type Endpoint, type Job } from "./job.ts";
import { LOGIT_BIASES_MAX } from "../limits.ts";
import { failureOfRefusal } from "./engine-refusals.ts";
import { dialects } from "./registry.ts";

const say = [{ role: "user", content: "hi" }];
const least: Readonly<Record<Endpoint, object>> = {
  "/v1/chat/completions": { model: "m", messages: say },
  "/v1/responses": { model: "m", input: "hi" },
  "/v1/responses/compact": { model: "m", input: "hi" },
  "/v1/completions": { model: "m", prompt: "hi" },
  "/v1/messages": { model: "m", messages: say },
  "/v1/messages/count_tokens": { model: "m", messages: say },
  "/v1/embeddings": { model: "m", input: "hi" },
};
const silent: readonly Endpoint[] = ["/v1/messages/count_tokens", "/v1/embeddings", "/v1/responses/compact"];
const answering = endpoints.filter((endpoint) => !silent.includes(endpoint));
const conversing = answering.filter((endpoint) => endpoint !== "/v1/completions");
const parameters = { type: "object", properties: {} };
const tools: Readonly<Partial<Record<Endpoint, object>>> = {
  "/v1/chat/completions": { type: "function", function: { name: "add", parameters } },
  "/v1/responses": { type: "function", name: "add", parameters },
  "/v1/messages": { name: "add", input_schema: parameters },
};

const jobOf = (endpoint: Endpoint, fields: object): Job =>
  dialects[endpoint].decode({ ...least[endpoint], ...fields }).job;

function failureOf(endpoint: Endpoint, fields: object): Failure {
  try {
    jobOf(endpoint, fields);
  } catch (error) {
    if (error instanceof NetworkError) return error.failure;
    throw error;
  }
  throw new Error("it was taken");
}

describe.each(answering)("samplers by %s", (endpoint) => {
  it.each<[string, object, Partial<Job["sampling"]>]>([
    ["none", {}, { minP: 0, repetitionPenalty: 1 }],
    ["null", { min_p: null, repetition_penalty: null, repeat_penalty: null }, { minP: 0, repetitionPenalty: 1 }],
    ["min_p", { min_p: 0.1 }, { minP: 0.1 }],
    ["repetition_penalty", { repetition_penalty: 1.2 }, { repetitionPenalty: 1.2 }],
    ["llama.cpp's name", { repeat_penalty: 0.5 }, { repetitionPenalty: 0.5 }],
    ["the first of both", { repetition_penalty: 2, repeat_penalty: 0.5 }, { repetitionPenalty: 2 }],
  ])("%s", (_, fields, sampling) => expect(jobOf(endpoint, fields).sampling).toMatchObject(sampling));

  it.each<[string, unknown]>([
    ["min_p", 1.1],
    ["min_p", -0.1],
    ["repetition_penalty", 0],
    ["repetition_penalty", 2.1],
    ["repeat_penalty", "1"],
  ])("not %s of %j", (param, value) =>
    expect(failureOf(endpoint, { [param]: value })).toMatchObject({ code: "body_invalid", param }),
  );
});

/** Goal: no field that would change the answer is passed over. Method: each of them, with a value that asks for something. */
describe.each(answering)("what %s does not serve", (endpoint) => {
  const neutral: Readonly<Record<string, unknown>> = { typical_p: 1, tfs_z: 1, length_penalty: 1, repeat_last_n: -1 };
  for (const name of Object.keys(unservedShape)) {
    it(`is refused by name: ${name}`, () => {
      for (const value of [0.5, "x", ["x"], { x: 1 }])
        expect(failureOf(endpoint, { [name]: value })).toMatchObject({ code: "unsupported", param: name });
    });
    it(`is taken where it asks for nothing: ${name}`, () => {
      expect(jobOf(endpoint, { [name]: null, ...(name in neutral && { [name]: neutral[name] }) })).toEqual(
        jobOf(endpoint, {}),
      );
    });
  }

  it.each<[string, unknown]>([
    ["top_a", 0],
    ["ignore_eos", false],
    ["skip_special_tokens", true],
    ["stop_token_ids", []],
    ["grammar", ""],
  ])("%s of %j asks for nothing", (name, value) =>
    expect(jobOf(endpoint, { [name]: value })).toEqual(jobOf(endpoint, {})),
  );
});

describe.each(answering)("a form by %s", (endpoint) => {
  const json = { root: { kind: "null" }, defs: new Map() };
  const choice = { root: { kind: "literal", texts: ['"yes"', '"no"'] }, defs: new Map() };
  it.each<[string, object, Partial<Job>]>([
    ["guided_json", { guided_json: { type: "null" } }, { format: json as Job["format"] & object }],
    ["guided_json as text", { guided_json: '{"type": "null"}' }, { format: json as Job["format"] & object }],
    ["json_schema", { json_schema: { type: "null" } }, { format: json as Job["format"] & object }],
    [
      "structured_outputs",
      { structured_outputs: { json: { type: "null" } } },
      { format: json as Job["format"] & object },
    ],
    [
      "guided_choice",
      { guided_choice: ["yes", "no"] },
      { format: choice as Job["format"] & object, formatIsText: true },
    ],
    [
      "structured_outputs of a choice",
      { structured_outputs: { choice: ["yes", "no"], grammar: null } },
      { format: choice as Job["format"] & object, formatIsText: true },
    ],
    ["none", { structured_outputs: { json_object: false }, guided_json: null }, {}],
  ])("%s", (_, fields, job) => {
    const { format, formatIsText } = jobOf(endpoint, fields);
    expect({ ...(format && { format }), ...(formatIsText && { formatIsText }) }).toEqual(job);
  });

  it("guided_regex, which the whole answer is of", () =>
    expect(jobOf(endpoint, { guided_regex: "a|b" })).toMatchObject({
      formatIsText: true,
      format: { root: { kind: "text" } },
    }));

  /** Goal: a model that cannot be held to a form is said of the field that asked for it. Method: each of them, refused by a machine. */
  it.each<[string, object]>([
    ["guided_json", { guided_json: { type: "null" } }],
    ["json_schema", { json_schema: { type: "null" } }],
    ["guided_regex", { guided_regex: "a" }],
    ["guided_choice", { guided_choice: ["a"] }],
    ["structured_outputs.json", { structured_outputs: { json: { type: "null" } } }],
    ["structured_outputs.choice", { structured_outputs: { choice: ["a"] } }],
  ])("is refused by a machine as %s", (param, fields) =>
    expect(
      failureOfRefusal("schema_refused", jobOf(endpoint, fields), { contextTokens: 1, promptTokens: 1 }),
    ).toMatchObject({ code: "unsupported", param }),
  );

  it.each<[string, string, object]>([
    ["guided_json", "unsupported", { guided_json: { not: {} } }],
    ["guided_json", "body_invalid", { guided_json: "{" }],
    ["guided_json", "body_invalid", { guided_json: [] }],
    ["guided_regex", "unsupported", { guided_regex: "(?=secret)" }],
    ["guided_regex", "body_invalid", { guided_regex: 7 }],
    ["guided_regex", "unsupported", { guided_regex: "secret)(" }],
    ["guided_regex", "unsupported", { guided_regex: "secret)$|^(?:.*" }],
    ["guided_choice", "body_invalid", { guided_choice: [] }],
    ["guided_choice", "body_invalid", { guided_choice: Array.from({ length: GUIDED_CHOICES_MAX + 1 }, String) }],
    ["structured_outputs.grammar", "unsupported", { structured_outputs: { grammar: "root ::= secret" } }],
    ["structured_outputs.structural_tag", "unsupported", { structured_outputs: { structural_tag: "{}" } }],
    ["guided_choice", "body_invalid", { guided_json: { type: "null" }, guided_choice: ["secret"] }],
  ])("not %s: %s", (param, code, fields) => {
    const failure = failureOf(endpoint, fields);
    expect(failure).toMatchObject({ code, param });
    expect(JSON.stringify(failure)).not.toContain("secret");
  });
});

/** Goal: who sent a regular expression and no schema reads of that, and of bounds that help. Method: each way in which one cannot be kept to. */
it.each<[string, RegExp]>([
  ["a{1001}", /at most 1000/],
  ["(?=a)", /look-around/],
  ["\\bfoo", /word boundary/],
  ["(((a{99}){99}){99})", /smaller repetitions/],
  ["a^b", /no text is of it/],
])("says of guided_regex %s what fits it", (given, words) => {
  for (const fields of [{ guided_regex: given }, { structured_outputs: { regex: given } }]) {
    const failure = failureOf("/v1/chat/completions", fields);
    expect(failure).toMatchObject({ code: "unsupported", reason: expect.stringMatching(words) });
    expect(JSON.stringify(failure)).not.toMatch(/schema|strict/);
  }
});

/** Goal: a body of millions of members costs no more than counting them. Method: members that cannot be read. */
describe("too many members are refused unread", () => {
  const unreadable = (names: string, count: number): object => {
    const into = {};
    const get = (): never => {
      throw new TypeError("it was read");
    };
    for (let at = 0; at < count; at++) Object.defineProperty(into, `${names}${at}`, { enumerable: true, get });
    return into;
  };
  it.each<[string, object, readonly Endpoint[]]>([
    [
      "logit_bias",
      { logit_bias: unreadable("", LOGIT_BIASES_MAX + 1) },
      ["/v1/chat/completions", "/v1/completions", "/v1/responses"],
    ],
    ["chat_template_kwargs", { chat_template_kwargs: unreadable("a", TEMPLATE_SETTINGS_MAX + 1) }, conversing],
  ])("%s", (param, fields, takers) => {
    for (const endpoint of takers) expect(failureOf(endpoint, fields)).toMatchObject({ code: "body_invalid", param });
  });
});

describe.each(conversing)("a conversation by %s", (endpoint) => {
  it("has no text form beside tools that may be called, and any form of JSON", () => {
    const more = { tools: [tools[endpoint]] };
    expect(failureOf(endpoint, { ...more, guided_choice: ["a"] })).toMatchObject({ param: "guided_choice" });
    const none = endpoint === "/v1/messages" ? { type: "none" } : "none";
    expect(jobOf(endpoint, { ...more, guided_choice: ["a"], tool_choice: none }).formatIsText).toBe(true);
    expect(jobOf(endpoint, { ...more, guided_json: { type: "null" } }).format).toBeDefined();
  });

  it.each<[string, object, Pick<Job, "settings" | "thinks">]>([
    ["nothing", { chat_template_kwargs: {} }, {}],
    ["null", { chat_template_kwargs: null }, {}],
    [
      "settings",
      { chat_template_kwargs: { a: "b", c: 1, d: true, e: null } },
      {
        settings: [
          ["a", "b"],
          ["c", 1],
          ["d", true],
          ["e", null],
        ],
      },
    ],
    [
      "thinking off",
      { chat_template_kwargs: { enable_thinking: false } },
      { settings: [["enable_thinking", false]], thinks: false },
    ],
    [
      "thinking on by another name",
      { chat_template_kwargs: { thinking: true } },
      { settings: [["thinking", true]], thinks: true },
    ],
    ["thinking off, outside of the settings", { enable_thinking: false }, { thinks: false }],
  ])("tells a template %s", (_, fields, expected) => {
    const { settings, thinks } = jobOf(endpoint, fields);
    expect({ ...(settings && { settings }), ...(thinks !== undefined && { thinks }) }).toEqual(expected);
  });

  it.each<[string, unknown]>([
    ["the messages", { messages: "x" }],
    ["the tools", { tools: "x" }],
    ["a text that is too long", { a: "x".repeat(1025) }],
    ["a name that is none", { "a b": 1 }],
    ["a name that is too long", { ["a".repeat(65)]: 1 }],
    ["lists", { a: [] }],
    ["too many", Object.fromEntries(Array.from({ length: TEMPLATE_SETTINGS_MAX + 1 }, (_, at) => [`a${at}`, 1]))],
    ["a text", "enable_thinking"],
  ])("tells a template nothing of %s", (_, given) =>
    expect(failureOf(endpoint, { chat_template_kwargs: given })).toMatchObject({
      code: "body_invalid",
      param: "chat_template_kwargs",
    }),
  );

  it.each<[string, unknown]>([
    ["chat_template", "{{ messages }}"],
    ["documents", [{}]],
  ])("takes no %s", (param, value) =>
    expect(failureOf(endpoint, { [param]: value })).toMatchObject({ code: "unsupported", param }),
  );

  it("tells a template the effort, in words that templates know", () => {
    const effort = (word: string) =>
      endpoint === "/v1/chat/completions"
        ? { reasoning_effort: word }
        : endpoint === "/v1/responses"
          ? { reasoning: { effort: word } }
          : { output_config: { effort: word } };
    for (const [word, told] of [
      ["low", "low"],
      ["xhigh", "high"],
    ] as const)
      expect(jobOf(endpoint, effort(word)).settings).toEqual([["reasoning_effort", told]]);
    const own = { ...effort("low"), chat_template_kwargs: { reasoning_effort: "high" } };
    expect(jobOf(endpoint, own).settings?.at(-1)).toEqual(["reasoning_effort", "high"]);
  });
});

/** Goal: who asks for a stream's options and forgot the stream is told. Method: each dialect that has them, with any of them. */
it.each<Endpoint>(["/v1/chat/completions", "/v1/completions", "/v1/responses"])(
  "takes no options of a stream without one by %s",
  (endpoint) => {
    for (const stream_options of [{}, { include_obfuscation: false }, { include_usage: true }]) {
      for (const stream of [undefined, false, null])
        expect(failureOf(endpoint, { stream_options, stream })).toMatchObject({
          code: "body_invalid",
          param: "stream_options",
        });
      expect(jobOf(endpoint, { stream_options, stream: true }).stream).toBe(true);
    }
    expect(jobOf(endpoint, { stream_options: null }).stream).toBe(false);
  },
);

it("takes no settings where there is no template", () => {
  expect(failureOf("/v1/completions", { chat_template_kwargs: { a: 1 } })).toMatchObject({
    code: "unsupported",
    param: "chat_template_kwargs",
  });
  expect(failureOf("/v1/completions", { continue_final_message: true })).toMatchObject({ code: "unsupported" });
});

/** Goal: DeepSeek's member is served or refused, in whatever company. Method: each word, alone and beside what says the same or otherwise. */
describe.each(["/v1/chat/completions", "/v1/responses"] as const)("'thinking' by %s", (endpoint) => {
  it.each<[string, object, Pick<Job, "thinks" | "thinksOrRefuses">]>([
    ["on", { thinking: { type: "enabled" } }, { thinks: true, thinksOrRefuses: true }],
    ["off", { thinking: { type: "disabled" } }, { thinks: false, thinksOrRefuses: true }],
    ["as the model has it", { thinking: { type: "auto" } }, {}],
    ["as the model has it, by another name", { thinking: { type: "adaptive" } }, {}],
    ["nothing", { thinking: null }, {}],
    [
      "twice the same",
      { thinking: { type: "disabled" }, enable_thinking: false },
      { thinks: false, thinksOrRefuses: true },
    ],
    ["what another field says", { thinking: { type: "auto" }, enable_thinking: false }, { thinks: false }],
  ])("says %s", (_, fields, expected) => {
    const { thinks, thinksOrRefuses } = jobOf(endpoint, fields);
    expect({ ...(thinks !== undefined && { thinks }), ...(thinksOrRefuses && { thinksOrRefuses }) }).toEqual(expected);
  });

  it.each<[code: string, param: string, fields: object]>([
    ["body_invalid", "thinking", { thinking: true }],
    ["body_invalid", "thinking.type", { thinking: { type: "much" } }],
    ["body_invalid", "thinking.type", { thinking: {} }],
    ["unsupported", "thinking.budget_tokens", { thinking: { type: "enabled", budget_tokens: 1024 } }],
    ["unsupported", "thinking.clear_thinking", { thinking: { type: "enabled", clear_thinking: true } }],
    ["body_invalid", "thinking", { thinking: { type: "enabled" }, enable_thinking: false }],
    ["body_invalid", "thinking", { thinking: { type: "disabled" }, chat_template_kwargs: { thinking: true } }],
    [
      "body_invalid",
      "thinking",
      {
        thinking: { type: "enabled" },
        ...(endpoint === "/v1/responses" ? { reasoning: { effort: "none" } } : { reasoning_effort: "none" }),
      },
    ],
  ])("is a 400 (%s) at %s: %j", (code, param, fields) => {
    expect(failureOf(endpoint, fields)).toMatchObject({ code, param });
  });
});

it("'thinking' is no word of a prompt without a template", () => {
  expect(failureOf("/v1/completions", { thinking: { type: "enabled" } })).toMatchObject({ param: "thinking" });
});
