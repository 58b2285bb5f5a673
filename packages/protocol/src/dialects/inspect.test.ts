import { describe, expect, it } from "vitest";
import { inspect, type Inspected } from "./inspect.ts";
import { endpoints, type Endpoint } from "./job.ts";
import { dialects } from "./registry.ts";

const SECRET = "the owl flies at nine";
const message = { role: "user", content: SECRET };
/** A body of each endpoint whose words nobody but a machine needs. */
const bodies: Record<Endpoint, Record<string, unknown>> = {
  "/v1/chat/completions": {
    messages: [message],
    stop: [SECRET],
    tools: [{ type: "function", function: { name: "f", description: SECRET, parameters: { title: SECRET } } }],
    response_format: { type: "json_schema", json_schema: { name: "x", schema: { const: SECRET } } },
    chat_template_kwargs: { custom: SECRET },
    logit_bias: { 7: 1, 8: -1 },
  },
  "/v1/responses": { input: SECRET, instructions: SECRET },
  "/v1/responses/compact": { input: SECRET },
  "/v1/completions": { prompt: [SECRET, SECRET], echo: true, max_tokens: 5 },
  "/v1/messages": { messages: [message], system: SECRET, stop_sequences: [SECRET], max_tokens: 5 },
  "/v1/messages/count_tokens": { messages: [message] },
  "/v1/embeddings": { input: [SECRET, "b", "c"], dimensions: 4 },
};
const inspectAt = (endpoint: Endpoint, more: object = {}): Inspected =>
  inspect(dialects[endpoint], { model: "m", ...bodies[endpoint], ...more });

/** Goal: whoever routes a request holds no word of it. Method: a body of each endpoint, full of one sentence; look for it. */
it.each(endpoints)("keeps no words of %s", (endpoint) => {
  const told = JSON.stringify(inspectAt(endpoint));
  expect(told).toContain(endpoint);
  expect(told).not.toContain("owl");
});

describe("what is said in the clear", () => {
  it.each<[endpoint: Endpoint, more: object, terms: object]>([
    [
      "/v1/chat/completions",
      { stream: true, n: 2, max_tokens: 9, provider_serial: "S1" },
      {
        model: "m",
        task: "generate",
        stream: true,
        generates: true,
        maxTokens: 9,
        choices: 2,
        features: ["tools"],
        pins: ["S1"],
      },
    ],
    ["/v1/chat/completions", { tools: [] }, { features: [], stream: false }],
    ["/v1/completions", {}, { task: "complete", generates: true, texts: 2, maxTokens: 5 }],
    ["/v1/embeddings", {}, { task: "embed", generates: false, texts: 3 }],
    ["/v1/messages/count_tokens", {}, { task: "generate", generates: false }],
  ])("of %s with %j", (endpoint, more, terms) => {
    const inspected = inspectAt(endpoint, more);
    expect(inspected.terms).toMatchObject({ endpoint, ...terms });
    expect(Object.hasOwn(inspected.terms, "texts")).toBe("texts" in terms);
  });
});

describe("figures", () => {
  const schema = { type: "object", properties: {} };
  const guided = { response_format: null, tools: [], guided_json: schema };
  const begun = { messages: [message, { role: "assistant", content: "An" }], response_format: null };

  it.each<[endpoint: Endpoint, more: object, figures: object]>([
    [
      "/v1/chat/completions",
      { seed: 7, top_p: 0.5 },
      {
        asLines: false,
        hasFormat: true,
        hasTokens: false,
        continues: false,
        thinksOrRefuses: false,
        prompt: { bytes: SECRET.length, tokens: 0 },
        sampling: { logitBias: 2, stop: 1, seed: 7, topP: 0.5 },
      },
    ],
    ["/v1/chat/completions", { response_format: null }, { hasFormat: false }],
    ["/v1/chat/completions", guided, { hasFormat: true, formatParam: "guided_json" }],
    ["/v1/chat/completions", { ...begun, continue_final_message: true }, { continues: true }],
    ["/v1/chat/completions", { ...begun, add_generation_prompt: true }, { continues: false }],
    ["/v1/chat/completions", { thinking: { type: "enabled" } }, { thinksOrRefuses: true }],
    ["/v1/responses", { type: "response.create", stream: true }, { asLines: true }],
    ["/v1/completions", { prompt: [[1, 2], "abc"] }, { hasTokens: true, prompt: { bytes: 3, tokens: 2 } }],
    ["/v1/embeddings", {}, { hasTokens: false, embed: { inputs: 3, encoding: "float", dimensions: 4 } }],
    ["/v1/embeddings", { input: [[1, 2, 3]] }, { hasTokens: true, prompt: { bytes: 0, tokens: 3 } }],
  ])("of %s with %j", (endpoint, more, figures) => {
    expect(inspectAt(endpoint, more).figures).toMatchObject(figures);
  });

  it("refuse what the dialect refuses, by the same name", () => {
    expect(() => inspectAt("/v1/chat/completions", { temperature: 9 })).toThrow(
      expect.objectContaining({ failure: expect.objectContaining({ code: "body_invalid", param: "temperature" }) }),
    );
  });
});
