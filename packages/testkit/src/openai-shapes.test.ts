import OpenAI from "openai";
import type * as z from "zod";
import { describe, expect, expectTypeOf, it } from "vitest";
import {
  chatChunkSchema,
  type chatRequestSchema,
  chatResponseSchema,
  openaiChat,
  type OpenModelField,
} from "@darkbloom/protocol/dialects";
import type { Failure } from "@darkbloom/protocol/failures";
import type { ProviderId, RequestId } from "@darkbloom/protocol/ids";

type CreateParams = OpenAI.Chat.Completions.ChatCompletionCreateParams;

const usage = { promptTokens: 7, cachedTokens: 3, completionTokens: 5, reasoningTokens: 2 };
const requestId = "r" as RequestId;
const gone: Failure = { code: "provider_gone", providerId: "p" as ProviderId, phase: "after_content" };

/** The official client, with our dialect where the network would be: decode, render, answer. */
function clientOf(answer: (body: unknown) => Response): OpenAI {
  return new OpenAI({
    apiKey: "any",
    baseURL: "http://localhost/v1",
    maxRetries: 0,
    fetch: async (url, init) => answer(await new Request(url, init).json()),
  });
}

const headersOf = (stream: boolean) => ({ "content-type": stream ? "text/event-stream" : "application/json" });

function answering(body: unknown): Response {
  const { job, renderer: rendererOf } = openaiChat.decode(body);
  const renderer = rendererOf({ jobId: "j", createdSec: 1, nowSec: () => 1 });
  const bytes = [
    renderer.begin({ promptTokens: 1, cachedTokens: 0 }),
    renderer.delta({ kind: "thought", text: "hm" }, 0),
    renderer.delta({ kind: "said", text: "Hel" }, 0),
    renderer.delta({ kind: "said", text: "lo\n\u2028" }, 0),
    renderer.finish({ reason: "length" }, 0),
    renderer.end(usage),
  ].join("");
  return new Response(bytes, { headers: headersOf(job.stream) });
}

const ask = { model: "m", messages: [{ role: "user" as const, content: "hi" }] };

describe("the official client's types", () => {
  it("hold our answers", () => {
    expectTypeOf<z.infer<typeof chatResponseSchema>>().toExtend<OpenAI.Chat.Completions.ChatCompletion>();
    expectTypeOf<z.infer<typeof chatChunkSchema>>().toExtend<OpenAI.Chat.Completions.ChatCompletionChunk>();
  });

  it("hold every field of our requests that is OpenAI's", () => {
    type Ours = z.input<typeof chatRequestSchema>;
    expectTypeOf<Exclude<keyof Ours, keyof CreateParams>>().toEqualTypeOf<
      | OpenModelField
      | "max_output_tokens"
      | "top_k"
      | "include_reasoning"
      | "provider_serial"
      | "provider_serials"
      | "best_of"
      | "echo"
      | "suffix"
      | "stop_sequences"
      | "reasoning"
    >();
  });
});

describe("the official client", () => {
  it("reads a plain answer", async () => {
    const completion = await clientOf(answering).chat.completions.create(ask);
    expect(chatResponseSchema.parse(completion).choices[0]?.message.content).toBe("Hello\n\u2028");
    expect(completion.choices[0]?.finish_reason).toBe("length");
    expect(completion.usage?.completion_tokens_details?.reasoning_tokens).toBe(2);
  });

  it("reads a stream", async () => {
    const stream = await clientOf(answering).chat.completions.create({
      ...ask,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await Array.fromAsync(stream);
    for (const chunk of chunks) chatChunkSchema.parse(chunk);
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("")).toBe("Hello\n\u2028");
    expect(chunks.at(-1)?.usage?.total_tokens).toBe(12);
  });

  it("puts a stream together by its own helper", async () => {
    const final = await clientOf(answering).chat.completions.stream(ask).finalChatCompletion();
    expect(final.choices[0]?.message.content).toBe("Hello\n\u2028");
    expect(final.choices[0]?.finish_reason).toBe("length");
  });

  it("throws what our error says", async () => {
    const client = clientOf(
      () => new Response(openaiChat.errorBody(gone, requestId), { status: 502, headers: headersOf(false) }),
    );
    await expect(client.chat.completions.create(ask)).rejects.toMatchObject({
      status: 502,
      code: "provider_gone",
      type: "server_error",
    });
  });

  it("throws when a stream ends in our error event", async () => {
    const client = clientOf(
      () => new Response(openaiChat.errorEvent(gone, requestId, 0), { headers: headersOf(true) }),
    );
    const stream = await client.chat.completions.create({ ...ask, stream: true });
    await expect(Array.fromAsync(stream)).rejects.toMatchObject({ code: "provider_gone" });
  });
});
