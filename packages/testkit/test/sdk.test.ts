import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { binary, Folder, get, Program, run, until, type Ready } from "./running.ts";

/** The official clients against the running program, as the README says. */
const folder = new Folder();
let program: Program;
let ready: Ready;
let client: OpenAI;
beforeAll(async () => {
  program = new Program(["up", "--port", "0", "--data", folder.path]);
  ready = await program.ready;
  client = new OpenAI({ baseURL: `${ready.base_url}/v1`, apiKey: ready.api_key, maxRetries: 0 });
}, 60_000);
afterAll(async () => {
  await program[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const model = "darkbloom-tiny";
const ask = (content: string, system?: string): OpenAI.ChatCompletionMessageParam[] => [
  ...(system === undefined ? [] : [{ role: "system" as const, content: system }]),
  { role: "user", content },
];

describe("the official TypeScript client", () => {
  it("creates", async () => {
    const { data, response } = await client.chat.completions
      .create({ model, temperature: 0, messages: ask("What is rain?") })
      .withResponse();
    expect(data.choices[0]?.message.content).toMatch(/^Rain is water that falls/);
    expect(data.choices[0]?.finish_reason).toBe("stop");
    expect(data.usage?.completion_tokens).toBeGreaterThan(10);
    expect(response.headers.get("x-provider-serial")).toBe(ready.provider_serial);
    expect(response.headers.get("x-provider-trust-level")).toBe("self_signed");
    expect(response.headers.get("x-provider-attested")).toBe("true");
    expect(response.headers.get("x-provider-chip")).not.toBe("");
  });

  it("streams, with usage where it is asked for", async () => {
    const stream = await client.chat.completions.create({
      model,
      temperature: 0,
      messages: ask("What is rain?"),
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let usage: OpenAI.CompletionUsage | null | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      usage = chunk.usage;
    }
    expect(text).toMatch(/^Rain is water that falls/);
    expect(usage?.total_tokens).toBeGreaterThan(20);
  });

  /** Goal: thoughts are removed in both modes and given where asked. Method: a model that was told to think. */
  it("keeps thoughts out unless they are asked for", async () => {
    const thinking = { model, temperature: 0, messages: ask("What is rain?", "Think step by step.") };
    const plain = await client.chat.completions.create(thinking);
    expect(plain.choices[0]?.message.content).toMatch(/^Rain is water/);
    expect(plain.usage?.completion_tokens_details?.reasoning_tokens).toBeGreaterThan(5);
    let streamed = "";
    for await (const chunk of await client.chat.completions.create({ ...thinking, stream: true }))
      streamed += chunk.choices[0]?.delta.content ?? "";
    expect(streamed).toBe(plain.choices[0]?.message.content);
    const asked = await client.chat.completions.create({ ...thinking, include_reasoning: true } as typeof thinking);
    expect(asked.choices[0]?.message).toHaveProperty("reasoning_content", expect.stringContaining("The user asks"));
  });

  it("repeats itself for the same seed, and stops where it is told to", async () => {
    const seeded = { model, seed: 11, temperature: 1, messages: ask("Tell me a short story.") };
    const answers = await Promise.all([1, 2].map(() => client.chat.completions.create(seeded)));
    expect(answers[0]?.choices[0]?.message.content).toBe(answers[1]?.choices[0]?.message.content);
    const stopped = await client.chat.completions.create({
      model,
      temperature: 0,
      stop: ["falls"],
      messages: ask("What is rain?"),
    });
    expect(stopped.choices[0]?.message.content).toBe("Rain is water that ");
    const short = await client.chat.completions.create({
      model,
      temperature: 0,
      max_tokens: 3,
      messages: ask("What is rain?"),
    });
    expect(short.choices[0]?.finish_reason).toBe("length");
    expect(short.usage?.completion_tokens).toBe(3);
  });

  it("lists and finds models", async () => {
    const ids: string[] = [];
    for await (const { id } of client.models.list()) ids.push(id);
    expect(ids).toEqual([model]);
    expect((await client.models.retrieve(model)).id).toBe(model);
  });

  it("answers only from the pinned machine", async () => {
    const pinned = (serial: string) =>
      client.chat.completions.create({ model, messages: ask("Hello!"), provider_serial: serial } as never);
    await expect(pinned(ready.provider_serial)).resolves.toBeDefined();
    await expect(pinned("SW-NOBODY")).rejects.toMatchObject({
      status: 503,
      code: "no_provider",
      message: expect.stringContaining("not the pinned machine"),
    });
  });

  /** Goal: each error arrives as the class that the client has for it. Method: a table. */
  it("raises its own errors", async () => {
    const wrong = new OpenAI({ baseURL: `${ready.base_url}/v1`, apiKey: "eigeninference-wrong", maxRetries: 0 });
    await expect(wrong.chat.completions.create({ model, messages: ask("x") })).rejects.toBeInstanceOf(
      OpenAI.AuthenticationError,
    );
    await expect(client.chat.completions.create({ model: "nothing", messages: ask("x") })).rejects.toBeInstanceOf(
      OpenAI.NotFoundError,
    );
    await expect(client.chat.completions.create({ model, temperature: 3, messages: ask("x") })).rejects.toMatchObject({
      status: 400,
      param: "temperature",
    });
    await expect(client.chat.completions.create({ model, messages: ask("word ".repeat(3_000)) })).rejects.toMatchObject(
      {
        status: 400,
        code: "context_length_exceeded",
      },
    );
  });

  it("is refused with the figures when the balance is short", async () => {
    const key = await run(process.execPath, [
      binary,
      "keys",
      "create",
      "--data",
      folder.path,
      "--credit",
      "0.000001",
      "--json",
    ]);
    const { api_key: apiKey } = JSON.parse(key.stdout) as { api_key: string };
    const poor = new OpenAI({ baseURL: `${ready.base_url}/v1`, apiKey, maxRetries: 0 });
    await expect(poor.chat.completions.create({ model, messages: ask("x") })).rejects.toMatchObject({
      status: 402,
      message: expect.stringMatching(/may cost up to \d\.\d{6} USD and the balance that can be spent is 0\.000001 USD/),
    });
  });

  /** Goal: a caller who hangs up frees model and slot within a second, and pays for what was made. Method: abort a long stream. */
  it("frees model and slot when a stream is aborted", async () => {
    const before = (await get(ready, "/v1/payments/balance"))["balance_micro_usd"] as number;
    const stream = await client.chat.completions.create({
      model,
      stream: true,
      temperature: 0,
      messages: ask("Count from 1 to 100."),
    });
    for await (const _ of stream) break;
    stream.controller.abort();
    await until(async () => {
      const { usage } = (await get(ready, "/v1/payments/usage?limit=1")) as { usage: { outcome: string }[] };
      return usage[0]?.outcome === "caller_gone";
    }, 1_000);
    const after = await get(ready, "/v1/payments/balance");
    expect(after["held_micro_usd"]).toBe(0);
    expect(after["balance_micro_usd"]).toBeLessThan(before);
  });
});

const python = process.env["DARKBLOOM_TEST_PYTHON"];
describe("the official Python client", () => {
  it.skipIf(python === undefined)(
    "creates, streams and raises its own errors (needs DARKBLOOM_TEST_PYTHON)",
    async () => {
      const script = `
import openai, sys
client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key=sys.argv[2], max_retries=0)
ask = dict(model="darkbloom-tiny", temperature=0, messages=[{"role": "user", "content": "What is rain?"}])
raw = client.chat.completions.with_raw_response.create(**ask)
assert len(raw.headers["x-response-hash"]) == 64
assert raw.parse().choices[0].message.content.startswith("Rain is water")
text = "".join(chunk.choices[0].delta.content or "" for chunk in client.chat.completions.create(stream=True, **ask))
assert text == raw.parse().choices[0].message.content
for wrong, kind in (({"model": "nothing"}, openai.NotFoundError), ({"temperature": 3}, openai.BadRequestError)):
    try:
        client.chat.completions.create(**{**ask, **wrong})
        raise SystemExit("not refused")
    except kind:
        pass
print("good")
`;
      const { stdout } = await run(python ?? "", ["-c", script, ready.base_url, ready.api_key]);
      expect(stdout).toBe("good\n");
    },
  );
});
