import { createHash } from "node:crypto";
import { decodeReceipt, splitProof } from "@darkbloom/protocol/receipts";
import OpenAI from "openai";
import { ResponsesWS } from "openai/resources/responses/ws";
import { describe, expect, it } from "vitest";
import { HttpNetwork, KEY } from "./http-network.ts";
import { entry } from "./network.ts";

/** Goal: the official client's WebSocket works as it is, from turn to turn. Method: two turns, the second with what is new alone. */
it("openai (TypeScript) asks over a WebSocket, goes on, and is told of errors", async () => {
  await using made = await HttpNetwork.open();
  await made.credit();
  const asked: number[] = [];
  made.provider((messages) => {
    asked.push(messages.length);
    return { pieces: ["Rain is", " water."], tokenMs: 5 };
  });
  await made.clock.advance(1_000);
  const ws = new ResponsesWS(new OpenAI({ baseURL: `http://${made.address}/v1`, apiKey: KEY }));
  const errors: unknown[] = [];
  ws.on("error", (error) => void errors.push(error.error));
  const texts: string[] = [];
  ws.socket.platformSocket.on("message", (data: Buffer) => void texts.push(data.toString()));
  const completed = () =>
    new Promise<OpenAI.Responses.Response>((resolve) =>
      ws.once("response.completed", ({ response }) => resolve(response)),
    );
  await new Promise((resolve) => ws.socket.platformSocket.once("open", resolve));

  ws.send({ type: "response.create", model: entry.id, input: "What is rain?" });
  const first = await made.during(completed());
  expect(first.output).toMatchObject([{ content: [{ text: "Rain is water." }] }]);
  ws.send({ type: "response.create", model: entry.id, input: "And snow?", previous_response_id: first.id });
  await made.during(completed());
  expect(asked).toEqual([1, 3]);
  ws.send({ type: "response.create", model: entry.id, input: "x", previous_response_id: first.id });
  while (errors.length === 0) await made.clock.advance(1);
  expect(errors).toMatchObject([{ status: 400, error: { code: "previous_response_not_found" } }]);

  const ends = texts.flatMap((text, at) => (splitProof(text) ? [at] : []));
  const proofs = ends.map((at) => splitProof(texts[at] ?? ""));
  const hashes = [0, (ends[0] ?? 0) + 1].map((from, turn) =>
    createHash("sha256")
      .update(texts.slice(from, ends[turn]).join(""))
      .update(proofs[turn]?.line ?? "")
      .digest("hex"),
  );
  expect(proofs.map((found) => found?.proof.responseHash)).toEqual(hashes);
  ws.close();
  await made.clock.advance(10);
  expect(made.bugs).toEqual([]);
});

/** The cases of the openresponses suite about compaction, by the official client. */
describe("a conversation that is compacted", () => {
  async function network() {
    const made = await HttpNetwork.open();
    await made.credit();
    const asked: string[] = [];
    made.provider((messages) => {
      asked.push(messages.map(({ text }) => text).join("\n"));
      return { pieces: ["They launch", " on Tuesday."], tokenMs: 5 };
    });
    await made.clock.advance(1_000);
    const client = new OpenAI({ baseURL: `http://${made.address}/v1`, apiKey: KEY, maxRetries: 0 });
    return { made, asked, client };
  }
  const input: OpenAI.Responses.ResponseInput = [
    { type: "message", role: "user", content: "We agreed to launch on Tuesday." },
    { type: "message", role: "assistant", content: "Understood." },
  ];

  it("becomes its user's messages and an item, is paid, and has a receipt", async () => {
    const { made, client } = await network();
    const call = client.responses.compact({ model: entry.id, input, prompt_cache_key: "k" });
    const { data, response } = await made.during(call.withResponse());
    expect(data.object).toBe("response.compaction");
    expect(data.output.map(({ type }) => type)).toEqual(["message", "compaction"]);
    expect(data.usage.output_tokens).toBe(3);
    const document = decodeReceipt(response.headers.get("x-darkbloom-receipt") ?? "");
    expect(document?.receipt).toMatchObject({ endpoint: "/v1/responses/compact", usage: { completion_tokens: 3 } });
    await made[Symbol.asyncDispose]();
  });

  it("is refused without a model", async () => {
    const { made } = await network();
    expect((await made.call("/v1/responses/compact", { input })).status).toBe(400);
    await made[Symbol.asyncDispose]();
  });

  it("is gone on with over a WebSocket, without the response before", async () => {
    const { made, asked, client } = await network();
    const { output } = await made.during(client.responses.compact({ model: entry.id, input }));
    const ws = new ResponsesWS(client);
    await new Promise((resolve) => ws.socket.platformSocket.once("open", resolve));
    const next = [...output, { type: "message", role: "user", content: "Go on." }] as OpenAI.Responses.ResponseInput;
    ws.send({ type: "response.create", model: entry.id, store: false, input: next, tools: [] });
    const told = new Promise<OpenAI.Responses.Response>((resolve) =>
      ws.once("response.completed", ({ response }) => resolve(response)),
    );
    expect((await made.during(told)).status).toBe("completed");
    expect(asked.at(-1)).toContain("Summary of the conversation up to here:\n\nThey launch on Tuesday.");
    ws.close();
    await made[Symbol.asyncDispose]();
  });
});
