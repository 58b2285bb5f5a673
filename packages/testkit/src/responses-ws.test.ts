import { createHash } from "node:crypto";
import OpenAI from "openai";
import { ResponsesWS } from "openai/resources/responses/ws";
import { expect, it } from "vitest";
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

  const ends = texts.flatMap((text, at) => (text.includes('"darkbloom.receipt"') ? [at] : []));
  const hashes = [0, (ends[0] ?? 0) + 1].map((from, turn) =>
    createHash("sha256").update(texts.slice(from, ends[turn]).join("")).digest("hex"),
  );
  expect(ends.map((at) => (JSON.parse(texts[at] ?? "") as { response_hash: string }).response_hash)).toEqual(hashes);
  ws.close();
  await made.clock.advance(10);
  expect(made.bugs).toEqual([]);
});
