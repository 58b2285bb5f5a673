import { endpoints, type Endpoint } from "@darkbloom/protocol/dialects";
import { failures, type FailureCode } from "@darkbloom/protocol/failures";
import type { Signer } from "@darkbloom/protocol/signer";
import type { Script } from "@darkbloom/provider/testing";
import { afterEach, describe, expect, it } from "vitest";
import { HttpNetwork, KEY, questionFor, type Answered } from "./http-network.ts";
import { memorySigner } from "./memory-signer.ts";
import { account, CREDIT } from "./network.ts";
import { settle } from "./simulated-clock.ts";

const working = endpoints.filter((endpoint) => endpoint !== "/v1/messages/count_tokens");
const generating = working.filter((endpoint) => endpoint !== "/v1/embeddings" && endpoint !== "/v1/responses/compact");
/** Whether to stream, of an endpoint that can. */
const waysOf = (endpoint: Endpoint): object[] =>
  ["/v1/embeddings", "/v1/responses/compact"].includes(endpoint) ? [{}] : [{ stream: false }, { stream: true }];
const rain: Script = { pieces: ["Rain", " is", " water", "."], tokenMs: 20 };
const isAnthropic = (endpoint: Endpoint): boolean => endpoint.startsWith("/v1/messages");

const opened: HttpNetwork[] = [];
afterEach(async () => {
  for (const made of opened.splice(0)) {
    await made[Symbol.asyncDispose]();
    expect(made.bugs).toEqual([]);
  }
});

async function network(scripts: readonly Script[], more: Parameters<typeof HttpNetwork.open>[0] = {}) {
  const made = await HttpNetwork.open(more);
  opened.push(made);
  await made.credit();
  const providers = scripts.map((script) => made.provider(() => script));
  await made.clock.advance(1_000);
  return { made, providers };
}

/** The failure as this dialect's callers see it, and that it has their dialect's form and nothing more. */
function failureIn(endpoint: Endpoint, { status, headers, body }: Answered): { type: string; param?: unknown } {
  expect(headers["content-type"]).toBe("application/json; charset=utf-8");
  expect(headers["x-provider-id"]).toBeUndefined();
  return tellable(endpoint, status, JSON.parse(body.toString()), headers["x-request-id"]);
}

function tellable(endpoint: Endpoint, status: number, told: unknown, requestId: unknown) {
  const { error } = told as { error: { message: string; type: string; code?: string; param?: unknown } };
  expect(error.message).toMatch(/^(?:[A-Z']|prompt is too long).*\.$/);
  if (isAnthropic(endpoint)) {
    expect(told).toEqual({
      type: "error",
      error: { type: error.type, message: error.message },
      request_id: requestId,
    });
    return { status, ...error };
  }
  expect(told).toEqual({ error: { message: error.message, type: error.type, code: error.code, param: error.param } });
  return { status, ...error };
}

/** The last event of a stream that failed, without the dialect's proper end and without a receipt. */
function expectErrorEvent(endpoint: Endpoint, { status, body, headers, trailers }: Answered, code: FailureCode): void {
  expect(status).toBe(200);
  expect(trailers).toEqual({});
  const text = body.toString();
  expect(text).not.toContain("darkbloom-receipt");
  expect(text).not.toMatch(/\[DONE\]|message_stop|response\.completed/);
  const events = text
    .trimEnd()
    .split("\n\n")
    .filter((event) => !event.startsWith(":"));
  const last = events.at(-1) ?? "";
  const [, named, data = ""] = /^(event: error\n)?data: (.*)$/.exec(last) ?? [];
  const told = JSON.parse(data) as Record<string, unknown>;
  expect(named !== undefined).toBe(isAnthropic(endpoint) || endpoint === "/v1/responses");
  if (endpoint === "/v1/responses") {
    expect(told).toEqual({
      type: "error",
      code,
      message: expect.stringMatching(/\.$/),
      param: null,
      sequence_number: events.length - 1,
    });
    return;
  }
  const { type } = tellable(endpoint, status, told, headers["x-request-id"]);
  expect(type).toBe(failures[code][isAnthropic(endpoint) ? "anthropic" : "openai"]);
}

/** Nothing is held, nothing was charged and no slot is taken. */
async function expectUnpaid(made: HttpNetwork): Promise<void> {
  await made.clock.advance(90_000);
  expect(await made.ledger.totals(account)).toMatchObject({ balance: CREDIT, charged: 0n, held: 0n });
  expect(made.running).toBe(0);
}

const faultsOf = (made: HttpNetwork): number =>
  made.fleet.machines().reduce((sum, { conduct }) => sum + conduct.faultsAtMs.length, 0);

const schema = { type: "object", properties: { a: { type: "string" } }, required: ["a"], additionalProperties: false };
const openaiTool = { type: "function", function: { name: "look", parameters: schema } };
const asks: Record<(typeof generating)[number], { schema: object; tools: object }> = {
  "/v1/chat/completions": {
    schema: { response_format: { type: "json_schema", json_schema: { name: "a", schema } } },
    tools: { tools: [openaiTool] },
  },
  "/v1/responses": {
    schema: { text: { format: { type: "json_schema", name: "a", schema } } },
    tools: { tools: [openaiTool] },
  },
  "/v1/completions": { schema: {}, tools: {} },
  "/v1/messages": {
    schema: { output_config: { format: { type: "json_schema", schema } } },
    tools: { tools: [{ name: "look", input_schema: schema }] },
  },
};

describe("what a model refuses", () => {
  const table: [Endpoint, NonNullable<Script["refuses"]>, more: object, param: string][] = [
    ["/v1/chat/completions", "messages_refused", {}, "messages"],
    [
      "/v1/chat/completions",
      "schema_refused",
      asks["/v1/chat/completions"].schema,
      "response_format.json_schema.schema",
    ],
    ["/v1/chat/completions", "tools_refused", asks["/v1/chat/completions"].tools, "tools"],
    ["/v1/responses", "messages_refused", {}, "input"],
    ["/v1/responses", "schema_refused", asks["/v1/responses"].schema, "text.format.schema"],
    ["/v1/responses", "tools_refused", asks["/v1/responses"].tools, "tools"],
    ["/v1/responses/compact", "messages_refused", {}, "input"],
    ["/v1/completions", "messages_refused", {}, "prompt"],
    ["/v1/embeddings", "tokens_refused", { input: [[5, 6]] }, "input"],
    ["/v1/embeddings", "dimensions_refused", { dimensions: 4 }, "dimensions"],
    ["/v1/messages", "messages_refused", {}, "messages"],
    ["/v1/messages", "schema_refused", asks["/v1/messages"].schema, "output_config.format.schema"],
    ["/v1/messages", "tools_refused", asks["/v1/messages"].tools, "tools"],
  ];

  /**
   * Goal: a refusal that only a machine can make is the caller's 400, free, nobody's fault, and asked of a second machine but not of a third; not asked for
   * again elsewhere. Method: three machines of one model that all refuse, each dialect, plain and streaming.
   */
  it.each(table)("%s: %s", async (endpoint, refuses, more, param) => {
    for (const way of waysOf(endpoint)) {
      let asked = 0;
      const { made } = await network([]);
      for (let n = 0; n < 3; n++) made.provider(() => (asked++, { pieces: ["x"], refuses }));
      await made.clock.advance(1_000);
      const told = failureIn(endpoint, await made.call(endpoint, questionFor(endpoint, { ...way, ...more })));
      expect(told).toMatchObject({ status: 400, type: "invalid_request_error" });
      expect(told).toMatchObject(
        isAnthropic(endpoint)
          ? { message: expect.stringMatching(`^'${param}' is not supported here: this model`) }
          : { code: "unsupported", param },
      );
      expect(asked).toBe(2);
      expect(faultsOf(made)).toBe(0);
      await expectUnpaid(made);
    }
  });

  /** Goal: a prompt that does not fit is told with the context that the machine signed. Method: a long prompt, each dialect. */
  it.each([...endpoints])("%s: a prompt longer than the context", async (endpoint) => {
    const { made } = await network([rain, rain]);
    const long = "rain ".repeat(3_000);
    const fields: Partial<Record<Endpoint, string>> = {
      "/v1/responses": "input",
      "/v1/responses/compact": "input",
      "/v1/embeddings": "input",
      "/v1/completions": "prompt",
    };
    const field = fields[endpoint] ?? "messages";
    const prompt = field === "messages" ? [{ role: "user", content: long }] : long;
    const told = failureIn(endpoint, await made.call(endpoint, questionFor(endpoint, { [field]: prompt })));
    // Each in the words that its own clients look for.
    const words = isAnthropic(endpoint) ? "tokens > 2048 maximum" : "2048 tokens";
    expect(told).toMatchObject({ status: 400, message: expect.stringContaining(words) });
    if (!isAnthropic(endpoint)) expect(told).toMatchObject({ code: "context_length_exceeded", param: field });
    expect(faultsOf(made)).toBe(0);
    await expectUnpaid(made);
  });

  /**
   * Goal: a machine cannot talk itself out of work with a refusal of what was never sent. Method: it refuses a
   * schema, tools or the length of a short question that has none.
   */
  it.each(["schema_refused", "tools_refused", "context_exceeded"] as const)(
    "is a fault where it cannot be: %s",
    async (refuses) => {
      const { made, providers } = await network([{ pieces: ["x"], refuses }]);
      const question = questionFor("/v1/chat/completions", { provider_serial: providers[0]?.serial });
      const answered = await made.call("/v1/chat/completions", question);
      expectRefused("/v1/chat/completions", answered, 502, "provider_fault");
      expect(faultsOf(made)).toBe(1);
      await expectUnpaid(made);
    },
  );
});

type Row = [name: string, script: Script, status: number, code: FailureCode];
const rowsOf = (table: readonly Row[], asked: readonly Endpoint[]) =>
  table.flatMap(([name, script, status, code]) =>
    asked.map((endpoint) => [name, code, endpoint, script, status] as const),
  );

const long: Script = { pieces: Array.from({ length: 200 }, (_, n) => ` ${n}`), tokenMs: 50 };

/** Signs that it said something else than it did. */
function liar(): Signer {
  const honest = memorySigner();
  return {
    publicKey: honest.publicKey,
    signTagged: (tag, message) => honest.signTagged(tag, message),
    signResponseHash: () => honest.signResponseHash(new Uint8Array(32)),
  };
}

describe("before any content", () => {
  const table: Row[] = [
    ["a machine that fails", { pieces: ["x"], failAfter: 0 }, 502, "provider_fault"],
    ["a machine that is silent", { pieces: ["x"], hangAfter: 0 }, 504, "too_slow"],
    ["a machine that goes", { pieces: ["x"], firstTokenMs: 5_000 }, 502, "provider_gone"],
  ];
  const rows = rowsOf(table, working);

  /** Goal: an HTTP error in the dialect's form, streaming or not, and nothing to pay. Method: the only machine breaks down. */
  it.each(rows)("%s: %s, %s", async (_name, code, endpoint, script, status) => {
    for (const way of waysOf(endpoint)) {
      const { made, providers } = await network([script]);
      const sent = made.send(endpoint, { body: JSON.stringify(questionFor(endpoint, way)) });
      if (code === "provider_gone") {
        await made.during(until(() => made.running > 0));
        providers[0]?.cut();
      }
      expectRefused(endpoint, await made.during(sent, 100), status, code);
      await expectUnpaid(made);
    }
  });

  it.each([...endpoints])("no machine, no model, no credit and no key: %s", async (endpoint) => {
    const { made } = await network([]);
    const ask = (more: object, headers = {}) => made.call(endpoint, questionFor(endpoint, more), headers);
    expectRefused(endpoint, await ask({}), 503, "no_provider");
    expectRefused(endpoint, await ask({ model: "unheard-of" }), 404, "model_not_found");
    expectRefused(endpoint, await ask({}, { authorization: "" }), 401, "key_missing");
    expectRefused(endpoint, await ask({}, { authorization: "", "x-api-key": "wrong" }), 401, "key_invalid");
    expectRefused(endpoint, await ask({ model: 1 }), 400, "body_invalid");
    const wrongMethod = await made.during(made.send(endpoint, { method: "DELETE" }));
    expect([wrongMethod.status, wrongMethod.headers.allow]).toEqual([405, "POST, OPTIONS"]);
  });

  it.each(working)("too little credit, told before anybody is asked: %s", async (endpoint) => {
    for (const way of waysOf(endpoint)) {
      const made = await HttpNetwork.open();
      opened.push(made);
      expectRefused(endpoint, await made.call(endpoint, questionFor(endpoint, way)), 402, "insufficient_funds");
    }
  });

  it.each([...endpoints])("too many requests, with the time to wait: %s", async (endpoint) => {
    const { made } = await network([rain], { burst: 1 });
    await made.call(endpoint, questionFor(endpoint));
    const refused = await made.during(
      Promise.all([1, 2].map(() => made.send(endpoint, { body: JSON.stringify(questionFor(endpoint)) }))),
    );
    const second = refused.find(({ status }) => status === 429);
    if (!second) throw new Error("nobody was limited");
    expectRefused(endpoint, second, 429, "rate_limit_exceeded");
    expect(second.headers["retry-after"]).toMatch(/^[1-9]\d*$/);
  });

  it.each(generating)("a key that comes again while its request runs, or with another body: %s", async (endpoint) => {
    for (const stream of [false, true]) {
      const { made } = await network([{ ...rain, firstTokenMs: 5_000 }]);
      const send = (more: object = {}) =>
        made.send(endpoint, {
          headers: { "idempotency-key": "order-7" },
          body: JSON.stringify(questionFor(endpoint, { stream, ...more })),
        });
      const first = send();
      await made.during(until(() => made.running > 0));
      const second = await made.during(send(), 10);
      expectRefused(endpoint, second, 409, "idempotency_conflict");
      expect(second.headers["retry-after"]).toBe("2");
      expect((await made.during(first, 100)).status).toBe(200);
      const other = await made.during(send({ temperature: 0.25 }), 10);
      expectRefused(endpoint, other, 409, "idempotency_conflict");
      expect(other.headers["x-should-retry"]).toBe("false");
      expect((await made.during(send(), 100)).status).toBe(200);
    }
  });

  it.each(working)("every slot taken for too long: %s", async (endpoint) => {
    const { made } = await network([]);
    made.provider(() => ({ pieces: ["x"], firstTokenMs: 45_000 }), { slots: 1 });
    await made.clock.advance(1_000);
    const send = () => made.send(endpoint, { body: JSON.stringify(questionFor(endpoint)) });
    const first = send();
    await made.during(until(() => made.running > 0));
    const second = await made.during(send(), 100);
    expectRefused(endpoint, second, 429, "capacity_full");
    expect(second.headers["retry-after"]).toMatch(/^[1-9]\d*$/);
    expect((await made.during(first, 100)).status).toBe(200);
  });
});

describe("after the first content", () => {
  const table: Row[] = [
    ["a machine that fails", { ...rain, failAfter: 2 }, 502, "provider_fault"],
    ["a machine that is silent", { ...rain, hangAfter: 2 }, 504, "too_slow"],
    ["a machine that goes", long, 502, "provider_gone"],
    ["a machine that signs something else", rain, 502, "receipt_mismatch"],
    ["a coordinator that ends", long, 503, "draining"],
  ];
  const rows = rowsOf(table, generating);

  /**
   * Goal: a stream ends with its dialect's error event and without proper end, hash and receipt; a plain body,
   * of which nothing was sent, becomes an HTTP error. Method: the only machine breaks down or lies.
   */
  it.each(rows)("%s: %s, %s", async (_name, code, endpoint, script, status) => {
    for (const stream of [false, true]) {
      const made = await HttpNetwork.open();
      opened.push(made);
      await made.credit();
      const provider = made.provider(() => script, code === "receipt_mismatch" ? { signer: liar() } : {});
      await made.clock.advance(1_000);
      const sent = made.send(endpoint, { body: JSON.stringify(questionFor(endpoint, { stream })) });
      if (code === "provider_gone") {
        await made.during(until(() => provider.engine.generated > 5));
        provider.cut();
      }
      if (code === "draining") {
        await made.during(until(() => provider.engine.generated > 5));
        made.endRequests();
      }
      const answered = await made.during(sent, 10);
      if (stream) expectErrorEvent(endpoint, answered, code);
      else expectRefused(endpoint, answered, status, code);
      await expectUnpaid(made);
    }
  });
});

/** Goal: either SDK's way to say who calls is taken everywhere. Method: both headers, Anthropic's version beside them. */
it.each([...endpoints])("takes a key in either header: %s", async (endpoint) => {
  const { made } = await network([rain]);
  for (const headers of [
    { authorization: `Bearer ${KEY}` },
    { authorization: "", "x-api-key": KEY, "anthropic-version": "2023-06-01" },
    { authorization: `Bearer ${KEY}`, "x-api-key": KEY, "anthropic-version": "2023-06-01", "anthropic-beta": "a,b" },
  ]) {
    const answered = await made.call(endpoint, questionFor(endpoint), headers);
    expect(answered.status).toBe(200);
    expect(answered.headers["x-provider-id"]).toBeDefined();
  }
});

function expectRefused(endpoint: Endpoint, answered: Answered, status: number, code: FailureCode): void {
  const told = failureIn(endpoint, answered);
  expect(told).toMatchObject({ status, type: failures[code][isAnthropic(endpoint) ? "anthropic" : "openai"] });
  if (!isAnthropic(endpoint))
    expect(told).toMatchObject({ code: code === "insufficient_funds" ? "insufficient_quota" : code });
}

async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await settle();
}
