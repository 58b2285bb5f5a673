import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { bundledModel } from "../src/model.ts";
import { darkbloom, Running, temporaryFolder, type Line } from "./binary.ts";

const TRAINED_TOKENS = 16_384;
const ASKED_TOKENS = 8_704;

/** The bundled weights in a file that says they were trained for more. */
function modelForMore(folder: string): string {
  const bytes = readFileSync(bundledModel.path);
  const key = Buffer.from("llama.context_length");
  const at = bytes.indexOf(key) + key.length;
  const isNumber = bytes.readUInt32LE(at) === 4;
  expect([isNumber, bytes.readUInt32LE(at + 4)]).toEqual([true, 2048]);
  bytes.writeUInt32LE(TRAINED_TOKENS, at + 4);
  const path = join(folder, "Wide.gguf");
  writeFileSync(path, bytes);
  return path;
}

const ask = (ready: Line, content: string): Promise<Response> =>
  fetch(`${ready.base_url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${ready.api_key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: ready.model, messages: [{ role: "user", content }], max_tokens: 8 }),
  });

const listed = async ({ base_url, api_key, model }: Line): Promise<unknown> => {
  const response = await fetch(`${base_url}/v1/models`, { headers: { authorization: `Bearer ${api_key}` } });
  const { data } = (await response.json()) as { data: { id: string }[] };
  return data.find(({ id }) => id === model);
};

/**
 * Goal: what the flag says is what `/v1/models` promises and what the engine has: a machine that has less is not counted.
 * Method: a model for 16,384 tokens, with 8,704 of them asked for; it answers, and refuses a prompt of more.
 */
it("offers as much context as it was started with, above what is usual", { timeout: 300_000 }, async () => {
  using folder = temporaryFolder();
  const path = modelForMore(folder.path);
  const usual = await darkbloom(["provider", "models", "--model", path, "--json"]);
  expect(JSON.parse(usual.stdout)).toMatchObject({ context_tokens: 8_192 });

  const flags = ["--model", path, "--context", String(ASKED_TOKENS), "--slots", "1"];
  await using running = new Running(["up", "--json", "--port", "0", "--data", join(folder.path, "net"), ...flags]);
  const ready = await running.ready;
  expect(await listed(ready)).toMatchObject({ context_length: ASKED_TOKENS, metadata: { provider_count: 1 } });
  expect((await ask(ready, "Hello")).status).toBe(200);
  const refused = await ask(ready, "word ".repeat(4 * ASKED_TOKENS));
  expect(refused.status).toBe(400);
  const { error } = (await refused.json()) as { error: { code: string; message: string } };
  expect(error.code).toBe("context_length_exceeded");
  expect(error.message.replaceAll(",", "")).toContain(String(ASKED_TOKENS));
});
