import * as fc from "fast-check";
import { utf8 } from "@darkbloom/protocol/bytes";
import { dialects, endpoints, type Delta, type Endpoint } from "@darkbloom/protocol/dialects";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { closing, entry, facts, KEY, openEdge } from "../../test/http-kit.ts";

/**
 * Goal: no body makes the coordinator fail, hang or quote what was sent; what is accepted is rendered.
 * Method: bodies that are nearly right, and bytes that are nothing, against the real HTTP edge. What is
 * accepted is rendered by its dialect with thoughts, words and calls, since nothing else of a request
 * reaches the provider.
 */

const SECRET = "canary-5b1d";
const usage = { promptTokens: 3, cachedTokens: 1, completionTokens: 5, reasoningTokens: 1 };
const deltas: readonly Delta[] = [
  { kind: "thought", text: "hm" },
  { kind: "said", text: "Hello\u2028" },
  { kind: "call", id: "call_1", name: "f" },
  { kind: "arguments", text: '{"a":' },
  { kind: "arguments", text: "1}" },
];

let edge: Awaited<ReturnType<typeof openEdge>>;
let accepted = 0;
/** The body that was posted last. */
let sent: string | Uint8Array<ArrayBuffer> = "";
beforeAll(async () => {
  edge = await openEdge({
    serve: async (ask, reply) => {
      accepted++;
      const { job, renderer } = dialects[ask.terms.endpoint].decode(JSON.parse(String(Buffer.from(sent))));
      const render = renderer({ jobId: "job_1", createdSec: 1, nowSec: () => 1 });
      reply.begin(facts);
      let body = render.begin(usage);
      for (let choice = 0; choice < job.choices; choice++)
        body += deltas.map((delta) => render.delta(delta, choice)).join("") + render.finish({ reason: "stop" }, choice);
      await reply.write(utf8(body + render.end(usage)));
      await reply.end(closing);
    },
    settings: {
      corsOrigins: [],
      trustProxy: false,
      version: "0.1.0",
      minTrustDefault: "self_signed",
      requestsPerSec: 1_000_000,
      requestsBurst: 1_000_000,
    },
  });
});
afterAll(() => edge[Symbol.asyncDispose]());

const tool = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const sampling = { temperature: 0.5, top_p: 0.9, seed: 1, stop: ["x"], stream: false };
const plainOnly: readonly Endpoint[] = ["/v1/messages/count_tokens", "/v1/embeddings", "/v1/responses/compact"];
/** One body for each endpoint that uses much of it, and is accepted. */
const good: Record<Endpoint, Record<string, unknown>> = {
  "/v1/chat/completions": {
    model: entry.id,
    messages: [
      { role: "system", content: "s" },
      { role: "user", content: [{ type: "text", text: SECRET }] },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }],
      },
      { role: "tool", tool_call_id: "c", content: "ok" },
    ],
    tools: [{ type: "function", function: { name: "f", parameters: tool, strict: false } }],
    tool_choice: "auto",
    n: 2,
    logprobs: true,
    top_logprobs: 2,
    logit_bias: { "5": 1 },
    stream_options: null,
    max_completion_tokens: 5,
    metadata: { a: SECRET },
    ...sampling,
  },
  "/v1/responses": {
    model: entry.id,
    instructions: "i",
    input: [
      { role: "user", content: [{ type: "input_text", text: SECRET }] },
      { type: "reasoning", id: "rs", summary: [{ type: "summary_text", text: "t" }] },
      { type: "function_call", call_id: "c", name: "f", arguments: "{}" },
      { type: "function_call_output", call_id: "c", output: "ok" },
    ],
    tools: [{ type: "function", name: "f", parameters: tool }],
    tool_choice: "auto",
    reasoning: { summary: "auto" },
    max_output_tokens: 5,
    temperature: 0.5,
    stream: false,
  },
  "/v1/completions": { model: entry.id, prompt: SECRET, max_tokens: 5, n: 2, logprobs: 2, ...sampling },
  "/v1/messages": {
    model: entry.id,
    max_tokens: 5,
    system: [{ type: "text", text: "s" }],
    messages: [
      { role: "user", content: SECRET },
      { role: "assistant", content: [{ type: "tool_use", id: "c", name: "f", input: {} }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "c", content: "ok" }] },
    ],
    tools: [{ name: "f", input_schema: tool }],
    tool_choice: { type: "auto" },
    stop_sequences: ["x"],
    temperature: 0.5,
    top_k: 3,
    stream: false,
  },
  "/v1/responses/compact": {
    model: entry.id,
    instructions: "s",
    input: [
      { role: "user", content: SECRET },
      { type: "compaction", encrypted_content: "ZGFya2Jsb29tLXN1bW1hcnk6eA==" },
    ],
    prompt_cache_key: SECRET,
  },
  "/v1/messages/count_tokens": { model: entry.id, messages: [{ role: "user", content: SECRET }] },
  "/v1/embeddings": {
    model: entry.id,
    input: [SECRET, [1, 2]],
    dimensions: 4,
    encoding_format: "base64",
    user: SECRET,
  },
};

/** Values where another was expected; strings carry the mark, so that a quote of them is seen. */
const odd: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, -1, 0, 1.5, 1e308, 2 ** 53, "", [], {}, [[]], [null], [{}], { type: SECRET }),
  fc.constantFrom<unknown>(SECRET, `${SECRET}\ud800`, { [SECRET]: SECRET }, [SECRET], {
    role: SECRET,
    content: SECRET,
  }),
  fc.jsonValue({ maxDepth: 3 }),
  fc.integer({ min: 40, max: 200 }).map((depth) => nested(depth)),
  fc
    .constantFrom(["__proto__", "constructor", "toString"])
    .map((names) => Object.fromEntries(names.map((name) => [name, SECRET]))),
);

function nested(depth: number): unknown {
  let value: unknown = SECRET;
  for (let n = 0; n < depth; n++) value = n % 2 === 0 ? [value] : { type: "object", properties: { a: value } };
  return value;
}

/** A body with one place changed, anywhere in it: another value, nothing, or a field beside it. */
const mutated = (body: unknown): fc.Arbitrary<unknown> =>
  fc.tuple(fc.nat(), odd, fc.constantFrom("change", "remove", "add", "repeat")).map(([seed, value, way]) => {
    const copy = structuredClone(body) as object;
    const places: [holder: Record<string, unknown>, key: string][] = [];
    const visit = (holder: object) => {
      for (const [key, inner] of Object.entries(holder)) {
        places.push([holder as Record<string, unknown>, key]);
        if (typeof inner === "object" && inner !== null) visit(inner);
      }
    };
    visit(copy);
    const [holder, key] = places[seed % places.length] ?? [{}, ""];
    if (way === "change") holder[key] = value;
    else if (way === "remove") delete holder[key];
    else if (way === "repeat" && Array.isArray(holder)) holder.push(...Array.from({ length: 3_000 }, () => value));
    else holder[`${key}_${SECRET}`] = value;
    return copy;
  });

async function post(
  endpoint: Endpoint,
  body: string | Uint8Array<ArrayBuffer>,
  type = "application/json",
): Promise<Response> {
  sent = body;
  return fetch(edge.origin + endpoint, { method: "POST", body, headers: { "x-api-key": KEY, "content-type": type } });
}

async function expectUnderstood(endpoint: Endpoint, response: Response): Promise<void> {
  const text = await response.text();
  if (response.status === 200) return;
  expect([response.status, text]).toEqual([expect.toBeOneOf([400, 404, 413, 415]), text]);
  expect(text).not.toContain(SECRET);
  const { type, error } = JSON.parse(text) as { type?: string; error: { type: string; message: string } };
  expect(type === "error").toBe(endpoint.startsWith("/v1/messages"));
  expect(error.message).toMatch(/[a-z].*\.$/);
}

describe.each(endpoints)("%s", (endpoint) => {
  it("accepts the body that is changed here", async () => {
    const before = accepted;
    for (const stream of plainOnly.includes(endpoint) ? [{}] : [{}, { stream: true }]) {
      const response = await post(endpoint, JSON.stringify({ ...good[endpoint], ...stream }));
      expect([response.status, await response.text()]).toEqual([200, expect.any(String)]);
    }
    expect(accepted).toBeGreaterThan(before);
  });

  it("understands or refuses every body that is nearly right", async () => {
    await fc.assert(
      fc.asyncProperty(mutated(good[endpoint]), async (body) => {
        await expectUnderstood(endpoint, await post(endpoint, JSON.stringify(body)));
      }),
      { numRuns: 300 },
    );
  });

  it("understands or refuses bytes of any kind", async () => {
    const whole = utf8(JSON.stringify(good[endpoint]));
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 64 }).map((junk) => new Uint8Array(junk)),
      fc.nat(whole.length).map((length) => whole.slice(0, length)),
      fc.tuple(fc.nat(whole.length - 1), fc.nat(255)).map(([at, byte]) => whole.with(at, byte)),
      fc.constantFrom(utf8("\ufeff{}"), utf8("[]"), utf8('{"model":"a","model":"b"}'), utf8("[".repeat(100_000))),
    );
    await fc.assert(
      fc.asyncProperty(bytes, async (body) => {
        await expectUnderstood(endpoint, await post(endpoint, body));
      }),
      { numRuns: 100 },
    );
  });
});

it("wrote nothing that was sent into its log", () => {
  expect(edge.lines.join("")).not.toContain(SECRET);
  expect(edge.lines.filter((line) => line.includes('"event":"bug"'))).toEqual([]);
});
