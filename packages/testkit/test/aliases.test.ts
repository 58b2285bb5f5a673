import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { binary, Folder, post, Program, run, type Ready } from "./running.ts";

/** Names that agents ask for of their own accord, with the official clients against the running program. */
const folder = new Folder();
let program: Program;
let ready: Ready;
let openai: OpenAI;
let anthropic: Anthropic;
beforeAll(async () => {
  const aliases = ["--alias", "claude-sonnet-5=darkbloom-tiny", "--alias", "gpt-5=darkbloom-tiny"];
  program = new Program(["up", "--port", "0", "--data", folder.path, ...aliases]);
  ready = await program.ready;
  openai = new OpenAI({ baseURL: `${ready.base_url}/v1`, apiKey: ready.api_key, maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: ready.base_url, apiKey: ready.api_key, maxRetries: 0 });
}, 180_000);
afterAll(async () => {
  await program[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const messages = [{ role: "user" as const, content: "What is rain?" }];

describe("an alias of the operator's", () => {
  it("is answered by the model that it stands for, and the answer names that", async () => {
    const chat = await openai.chat.completions.create({ model: "gpt-5", messages, temperature: 0 });
    expect(chat.model).toBe("darkbloom-tiny");
    expect(chat.choices[0]?.message.content).toMatch(/^Rain is water/);
    const models = new Set<string>();
    for await (const chunk of await openai.chat.completions.create({ model: "gpt-5", messages, stream: true }))
      models.add(chunk.model);
    expect([...models]).toEqual(["darkbloom-tiny"]);
    expect((await openai.responses.create({ model: "gpt-5", input: "Hello" })).model).toBe("darkbloom-tiny");
    const message = await anthropic.messages.create({ model: "claude-sonnet-5", max_tokens: 20, messages });
    expect(message.model).toBe("darkbloom-tiny");
    const counted = await anthropic.messages.countTokens({ model: "claude-sonnet-5", messages });
    expect(counted.input_tokens).toBeGreaterThan(5);
  });

  it("is listed as what it is", async () => {
    const { data } = await openai.models.list();
    expect(data.map((one) => [one.id, Reflect.get(one, "alias_of")])).toEqual([
      ["darkbloom-tiny", undefined],
      ["claude-sonnet-5", "darkbloom-tiny"],
      ["gpt-5", "darkbloom-tiny"],
    ]);
    expect(Reflect.get(await openai.models.retrieve("gpt-5"), "alias_of")).toBe("darkbloom-tiny");
    const claude = await anthropic.models.retrieve("claude-sonnet-5");
    expect([claude.id, claude.display_name]).toEqual(["claude-sonnet-5", "Darkbloom Tiny"]);
    const ids: string[] = [];
    for await (const one of anthropic.models.list({ limit: 1 })) ids.push(one.id);
    expect(ids).toEqual(["darkbloom-tiny", "claude-sonnet-5", "gpt-5"]);
  });

  it("stands in no receipt, which binds the caller's own body", async () => {
    const response = await post(ready, { model: "gpt-5", messages, temperature: 0 });
    const line = response.headers.get("x-darkbloom-receipt") ?? "";
    await response.arrayBuffer();
    const text = Buffer.from(line, "base64").toString();
    expect(text).toContain('"model":"darkbloom-tiny"');
    expect(text).not.toContain("gpt-5");
  });

  it("ends the start with a sentence where it cannot be meant", async () => {
    using another = new Folder();
    const start = (alias: string) =>
      run(process.execPath, [binary, "coordinator", "--port", "0", "--data", another.path, "--alias", alias]).catch(
        (error: unknown) => error as { code: number; stderr: string },
      );
    expect(await start("gpt-5=nowhere")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("The alias gpt-5 stands for nowhere, which is no model of the catalog"),
    });
    expect(await start("gpt-5")).toMatchObject({ code: 2, stderr: expect.stringContaining("--alias must be") });
  });
});
