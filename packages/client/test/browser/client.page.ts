import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { describe, expect, inject, it } from "vitest";
import { createDarkbloom, type DarkbloomOptions, type Verification } from "../../src/index.ts";

const { baseURL, apiKey, serial } = inject("network");
const model = "darkbloom-tiny";
const messages = [{ role: "user" as const, content: "What is rain?" }];
const answered = /^Rain is water that falls/;

/**
 * Goal: in a page the official SDKs do through the client what they do in Node. Method: both of them, plain and streamed, in both
 * modes, against a network on another origin; each answer's document, and one that is refused.
 */
describe.each(["sealed", "transparent"] as const)("in a page, %s", (mode) => {
  const open = (more: Partial<DarkbloomOptions> = {}) => {
    const verifications: Verification[] = [];
    const onVerified = (verification: Verification) => void verifications.push(verification);
    const darkbloom = createDarkbloom({ baseURL, apiKey, policy: { mode, pins: [serial] }, onVerified, ...more });
    return { darkbloom, verifications };
  };

  it("answers OpenAI's SDK", async () => {
    const { darkbloom, verifications } = open();
    const client = new OpenAI({ ...darkbloom.openai, dangerouslyAllowBrowser: true, maxRetries: 0 });
    const ask = { model, temperature: 0, messages };
    const { data, response } = await client.chat.completions.create(ask).withResponse();
    expect(data.choices[0]?.message.content).toMatch(answered);
    expect(await darkbloom.verificationOf(response)).toMatchObject({ outcome: "verified", mode, machine: { serial } });
    let text = "";
    for await (const chunk of await client.chat.completions.create({ ...ask, stream: true }))
      text += chunk.choices[0]?.delta.content ?? "";
    expect(text).toBe(data.choices[0]?.message.content);
    const { output_text } = await client.responses.create({ model, temperature: 0, input: "What is rain?" });
    expect(output_text).toMatch(answered);
    expect((await client.models.list()).data.map(({ id }) => id)).toEqual([model]);
    await expect(client.chat.completions.create({ ...ask, temperature: 3 })).rejects.toMatchObject({
      status: 400,
      param: "temperature",
    });
    expect(verifications.map(({ outcome }) => outcome)).toEqual(["verified", "verified", "verified", "failed"]);
    expect(verifications.flatMap(({ steps }) => steps).filter(({ status }) => status === "fail")).toEqual([]);
  });

  it("answers Anthropic's SDK", async () => {
    const { darkbloom, verifications } = open();
    const client = new Anthropic({ ...darkbloom.anthropic, dangerouslyAllowBrowser: true, maxRetries: 0 });
    const ask = { model, max_tokens: 200, temperature: 0, messages };
    const plain = await client.messages.create(ask);
    const stream = await client.messages.stream(ask).finalMessage();
    expect(stream.content).toEqual(plain.content);
    expect(plain.content[0]).toMatchObject({ type: "text", text: expect.stringMatching(answered) });
    expect(verifications.map(({ outcome }) => outcome)).toEqual(["verified", "verified"]);
  });

  it("sends nothing to a machine that shows too little", async () => {
    const { darkbloom } = open({ policy: { mode } });
    const client = new OpenAI({ ...darkbloom.openai, dangerouslyAllowBrowser: true });
    await expect(client.chat.completions.create({ model, messages })).rejects.toMatchObject({
      status: 403,
      code: "policy_unmet",
    });
  });
});
