import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Endpoint } from "@darkbloom/protocol/dialects";
import { SEALED_REQUEST_TYPE } from "@darkbloom/protocol/sealing";
import { expect, it } from "vitest";
import { writeTinyEmbedder } from "../../../apps/provider/test/tiny-embedder.ts";
import { Sealer } from "../src/sealed-caller.ts";
import { childOf, escapesOf, foundIn, foundInMemory } from "./memory-search.ts";
import { Folder, Program, type Ready } from "./running.ts";

/** Of one request. No word of a model, and the same in no two runs. */
const newCanary = (): string => `canary-${randomBytes(12).toString("hex")}`;

const messages = (canary: string) => [{ role: "user", content: `Count from 1 to 30. ${canary}` }];
const bodies: Partial<Record<Endpoint, (canary: string) => object>> = {
  "/v1/chat/completions": (canary) => ({ messages: messages(canary), stream: true }),
  "/v1/responses": (canary) => ({ input: `Count from 1 to 30. ${canary}`, stream: true, max_output_tokens: 40 }),
  "/v1/responses/compact": (canary) => ({ input: canary }),
  "/v1/completions": (canary) => ({ prompt: `Once ${canary}`, echo: true, stream: true, max_tokens: 40 }),
  "/v1/messages": (canary) => ({ messages: messages(canary), stream: true, max_tokens: 40 }),
  "/v1/messages/count_tokens": (canary) => ({ messages: messages(canary) }),
};

async function send(at: Ready, path: string, type: string, body: string | Uint8Array<ArrayBuffer>): Promise<Response> {
  return fetch(at.base_url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${at.api_key}`, "content-type": type },
    body,
  });
}

/** Reads an answer's first bytes, lets something happen, and reads on to the end. */
async function midway(response: Response, act: () => void): Promise<Buffer> {
  const reader = response.body?.getReader();
  const pieces: Uint8Array[] = [];
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
    if (pieces.length === 0) act();
    pieces.push(next.value);
  }
  return Buffer.concat(pieces);
}

const sealerAt = (at: Ready): Sealer =>
  new Sealer({ get: async (path) => (await fetch(at.base_url + path)).text(), now: () => Date.now() }, at.model);

/** What was sealed is answered, and lies nowhere in the coordinator: while it answers, and afterwards. */
async function expectUnread(
  at: Ready,
  pid: number,
  endpoint: Endpoint,
  said: (canary: string) => object,
): Promise<string> {
  const canary = newCanary();
  const sealer = sealerAt(at);
  const sealed = await sealer.seal(endpoint, { model: at.model, ...said(canary) });
  const response = await send(at, endpoint, SEALED_REQUEST_TYPE, new Uint8Array(sealed.bytes));
  const body = await midway(response, () => {
    const { spellings, searchedBytes } = foundInMemory(pid, canary);
    expect([endpoint, spellings]).toEqual([endpoint, []]);
    expect(searchedBytes).toBeGreaterThan(32 * 1024 * 1024);
  });
  expect([endpoint, response.status]).toEqual([endpoint, 200]);
  const headers = { "x-provider-id": response.headers.get("x-provider-id") ?? "" };
  const opened = sealer.open(sealed, { headers, body });
  expect([endpoint, opened.document?.receipt.privacy]).toEqual([endpoint, "sealed"]);
  if (endpoint === "/v1/completions") expect(opened.body).toContain(canary);
  expect(foundInMemory(pid, canary).spellings).toEqual([]);
  return canary;
}

/**
 * Goal: the coordinator cannot read what a caller sealed. Method: coordinator and provider in processes of their own; on every endpoint a
 * request with a word that is nowhere else; all of the coordinator's memory, files and logs searched for it in every spelling, while the answer
 * comes and afterwards. That the search finds what is there is shown by the same request in the clear, and by the machine's own memory.
 */
it.skipIf(process.platform !== "linux")(
  "a coordinator holds nothing of what was sealed (needs Linux)",
  { timeout: 240_000 },
  async () => {
    using folder = new Folder();
    const start = (...args: string[]) =>
      new Program([
        "up",
        "--port",
        "0",
        "--data",
        join(folder.path, `up-${args.length}`),
        "--log-level",
        "debug",
        ...args,
      ]);
    const canaries: string[] = [];
    await using talking = start();
    const at = await talking.ready;
    const pid = childOf(talking.child.pid ?? 0, "coordinator");
    for (const [endpoint, said] of Object.entries(bodies))
      canaries.push(await expectUnread(at, pid, endpoint as Endpoint, said));

    const clear = newCanary();
    const body = JSON.stringify({ model: at.model, messages: messages(clear), stream: true });
    const seen: string[] = [];
    await midway(await send(at, "/v1/chat/completions", "application/json", body), () => {
      seen.push(...foundInMemory(pid, clear).spellings);
    });
    expect(seen).toContain("UTF-8");

    const embedder = join(folder.path, "tiny-embedder.gguf");
    writeTinyEmbedder(embedder, "mean");
    await using embedding = start("--model", embedder);
    const other = await embedding.ready;
    const otherPid = childOf(embedding.child.pid ?? 0, "coordinator");
    canaries.push(
      await expectUnread(other, otherPid, "/v1/embeddings", (canary) => ({ input: [`the rain ${canary}`] })),
    );

    const written = Buffer.concat([folder.contents(), Buffer.from(talking.printed + embedding.printed)]);
    for (const canary of canaries) expect(foundIn(written, canary)).toEqual([]);
  },
);

it("finds a word in every spelling, wherever it stands", () => {
  const word = newCanary();
  for (const before of ["", "a", "ab", "abc"]) {
    const text = `${before}${word} and more`;
    const spelled = [
      Buffer.from(text),
      Buffer.from(text, "utf16le"),
      Buffer.from(Buffer.from(text).toString("base64")),
      Buffer.from(Buffer.from(text).toString("base64url")),
      Buffer.from(Buffer.from(text).toString("hex")),
      Buffer.from(escapesOf(text)),
    ];
    for (const bytes of spelled) expect(foundIn(bytes, word)).not.toEqual([]);
  }
  expect(foundIn(Buffer.from("nothing"), word)).toEqual([]);
});
