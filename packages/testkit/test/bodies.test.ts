import { endpoints, type Endpoint } from "@darkbloom/protocol/dialects";
import * as fc from "fast-check";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HttpNetwork, questionFor, type Answered } from "../src/http-network.ts";
import { entry } from "../src/network.ts";
import { valuesOf, type JsonSchema } from "./schema-values.ts";

/**
 * Goal: every body is answered by a machine or refused in the dialect's own form, naming a field and quoting
 * nothing. Method: bodies that are valid by the published description, such bodies with one place changed, and
 * bytes of other kinds, over HTTP to a provider with a scripted engine.
 */
const SEED = 20_261_125;
const MARK = "canary-7c2e";

let made: HttpNetwork;
let paths: Record<string, { post: { requestBody: { content: { "application/json": { schema: JsonSchema } } } } }>;
beforeAll(async () => {
  made = await HttpNetwork.open();
  for (let n = 0; n < 10; n++) await made.credit();
  made.provider(() => ({ pieces: ["<think>", "hm", "</think>", "Ra", "in \u2028", "."] }), {
    slots: 16,
    delayMs: () => 0,
  });
  await made.clock.advance(1_000);
  const described = await made.send("/openapi.json", { method: "GET" });
  ({ paths } = JSON.parse(described.body.toString()) as { paths: typeof paths });
});
afterAll(async () => {
  expect(made.bugs).toEqual([]);
  expect(made.running).toBe(0);
  expect(await made.ledger.check()).toEqual([]);
  await made[Symbol.asyncDispose]();
});

const schemaOf = (endpoint: Endpoint): JsonSchema => {
  const schema = paths[endpoint]?.post.requestBody.content["application/json"].schema;
  if (!schema) throw new Error("the description has no such body");
  return schema;
};

/** Fields that exclude each other, or that a conversation must suit: of many at random, two always meet. */
const excluding =
  /^(guided_|json_schema$|structured_outputs$|continue_final_message$|add_generation_prompt$|reasoning|thinking$)/;

const without = (body: object, names: RegExp): object =>
  Object.fromEntries(Object.keys(body).flatMap((name) => (names.test(name) ? [[name, undefined]] : [])));

/**
 * For the model that is there, on any machine; else every body would end at the same two gates. Half of them have a
 * plain question and no tools, so that the other fields reach a machine too.
 */
const bodiesOf = (endpoint: Endpoint): fc.Arbitrary<object> =>
  fc.tuple(valuesOf(schemaOf(endpoint), MARK), fc.boolean()).map(([body, isPlain]) => ({
    ...(body as object),
    ...(isPlain && { ...without(body as object, excluding), ...questionFor(endpoint), tools: null, tool_choice: null }),
    model: entry.id,
    provider_serial: null,
    provider_serials: null,
  }));

/** @returns whether a machine answered */
function expectUnderstood(endpoint: Endpoint, { status, headers, body }: Answered): boolean {
  const text = body.toString();
  if (status === 200) {
    if (String(headers["content-type"]).startsWith("text/event-stream"))
      expect(text).toMatch(/\n\n: darkbloom-receipt [\w-]+\n\n$/);
    else expect(JSON.parse(text)).toBeTypeOf("object");
    return true;
  }
  // A machine that is not there may be asked for by its serial.
  const isPinned = status === 503 && /(is|are) not the pinned machine/.test(text);
  expect([isPinned || [400, 404, 413].includes(status), status, text]).toEqual([true, status, text]);
  expect(text).not.toContain(MARK);
  const told = JSON.parse(text) as { type?: string; error: { message: string; param?: string | null } };
  const { message, param } = told.error;
  expect(message).toMatch(/^[A-Z'].*\.$/);
  if (endpoint.startsWith("/v1/messages")) expect(Object.keys(told)).toEqual(["type", "error", "request_id"]);
  else {
    expect(Object.keys(told.error)).toEqual(["message", "type", "code", "param"]);
    // The sentence names the field that `param` names, or speaks of the body or of what the field means.
    if (message.startsWith("'")) expect(message.startsWith(`'${param}'`)).toBe(true);
  }
  if (!isPinned)
    expect(message).toMatch(/^'[\w.-]+' is not |^The request body is not valid|^The prompt and|^This model is/);
  return false;
}

const post = (endpoint: Endpoint, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  made.during(made.send(endpoint, { body, headers }));

describe.each(endpoints)("%s", (endpoint) => {
  it("answers what is valid by its description, or says which field it cannot follow", async () => {
    let answered = 0;
    await fc.assert(
      fc.asyncProperty(bodiesOf(endpoint), async (body) => {
        if (expectUnderstood(endpoint, await post(endpoint, JSON.stringify(body)))) answered++;
      }),
      { seed: SEED, numRuns: 300 },
    );
    expect(answered).toBeGreaterThan(50);
  });

  it("understands or refuses what is valid but for one place", async () => {
    const odd = fc.oneof(
      fc.constantFrom<unknown>(MARK, [MARK], { [MARK]: MARK }, -1, 1e308, 2 ** 60, 0.5, true, null, [], {}, "\ud800"),
      fc.constantFrom<unknown>(
        { type: MARK },
        { role: MARK, content: MARK },
        JSON.parse('{"__proto__":{"type":"text"}}'),
      ),
      fc.jsonValue({ maxDepth: 2 }),
    );
    const bodies = fc.tuple(bodiesOf(endpoint), fc.nat(), odd).map(changed);
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        expectUnderstood(endpoint, await post(endpoint, JSON.stringify(body)));
      }),
      { seed: SEED, numRuns: 300 },
    );
  });

  const good = (more: object = {}) => JSON.stringify(questionFor(endpoint, more));
  const depth = (open: string, close: string, levels: number) => open.repeat(levels) + close.repeat(levels);
  const table: [name: string, body: () => string | Uint8Array, headers: Record<string, string>, status: number][] = [
    ["nothing", () => "", {}, 400],
    ["no JSON", () => MARK, {}, 400],
    ["half of it", () => good().slice(0, -5), {}, 400],
    ["two bodies", () => good() + good(), {}, 400],
    ["a byte order mark", () => `\ufeff${good()}`, {}, 200],
    ["two byte order marks", () => `\ufeff\ufeff${good()}`, {}, 400],
    ["a byte order mark in the middle", () => good().replace(",", ",\ufeff"), {}, 400],
    ["bytes that are no UTF-8", () => Buffer.concat([Buffer.from(good()), Buffer.from([0xff])]), {}, 400],
    ["UTF-16", () => Buffer.from(good(), "utf16le"), {}, 400],
    ["a list", () => `[${good()}]`, {}, 400],
    ["null", () => "null", {}, 400],
    ["a number", () => "1e999", {}, 400],
    ["a compressed body", () => gzipSync(good()), { "content-encoding": "gzip" }, 400],
    ["another content type", () => good(), { "content-type": "text/plain" }, 200],
    ["a form's content type", () => good(), { "content-type": "multipart/form-data; boundary=x" }, 400],
    ["no content type", () => good(), { "content-type": "" }, 200],
    ["a content type that is none", () => good(), { "content-type": MARK }, 400],
    ["the last of two equal names", () => `{"model":"${MARK}",${good().slice(1)}`, {}, 200],
    ["the last of two equal names, a wrong one", () => `${good().slice(0, -1)},"model":"${MARK}"}`, {}, 404],
    ["a prototype of its own", () => `{"__proto__":{"model":"${MARK}"},"constructor":1,${good().slice(1)}`, {}, 200],
    ["a prototype in place of its fields", () => `{"__proto__":${good()}}`, {}, 400],
    ["names of other scripts", () => good({ "\u{1F4A7}\u202e\u0000": MARK, модель: MARK }), {}, 200],
    ["half a pair", () => good({ user: "\ud800" }), {}, 200],
    ["unknown nesting", () => good().replace(/\}$/, `,"unknown":${depth("[", "]", 50_000)}}`), {}, 200],
    [
      "nesting in place of a field",
      () => good({ stop: 0, top_k: 0, system: 0, dimensions: 0 }).replace(/:0/g, `:${depth("[", "]", 20_000)}`),
      {},
      400,
    ],
    [
      "a million nulls",
      () =>
        good({ [endpoint === "/v1/embeddings" ? "input" : "tools"]: Array.from({ length: 1_000_000 }, () => null) }),
      {},
      400,
    ],
    [
      "a number without end",
      () => good({ top_p: 0 }).replace('"top_p":0', `"top_p":${"9".repeat(100_000)}`),
      {},
      endpoint.endsWith("count_tokens") || endpoint === "/v1/embeddings" ? 200 : 400,
    ],
  ];
  it.each(table)("%s", async (_, body, headers, status) => {
    const answered = await post(endpoint, body(), headers);
    expectUnderstood(endpoint, answered);
    expect(answered.status).toBe(status);
  });
});

/** The body with one of its places, anywhere in it, changed to another value. */
function changed([body, seed, value]: [object, number, unknown]): unknown {
  const places: [holder: Record<string, unknown>, name: string][] = [];
  const visit = (holder: Record<string, unknown>): void => {
    for (const [name, inner] of Object.entries(holder)) {
      places.push([holder, name]);
      if (typeof inner === "object" && inner !== null) visit(inner as Record<string, unknown>);
    }
  };
  const copy = structuredClone(body) as Record<string, unknown>;
  visit(copy);
  const [holder, name] = places[seed % places.length] ?? [copy, "model"];
  Object.defineProperty(holder, name, { value, enumerable: true, configurable: true, writable: true });
  return copy;
}
