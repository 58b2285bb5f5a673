import { utf8 } from "@darkbloom/protocol/bytes";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { AccountId, KeyId } from "@darkbloom/protocol/ids";
import { NONCE_CHARS_MAX } from "@darkbloom/protocol/limits";
import { receiptDocument, encodeReceipt, type ReceiptDocument } from "@darkbloom/protocol/receipts";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { request } from "node:http";
import { connect, Socket } from "node:net";
import { expect, it, vi } from "vitest";
import { chatBody, closing, facts, KEY, openEdge, PROVIDER, rawChat } from "../../test/http-kit.ts";
import { hashOfKey } from "../accounts/keys.ts";
import { PLAIN_ANSWER_BYTES_MAX } from "../inference/relay.ts";
import { ANSWERS_BYTES_MAX } from "../limits/budget.ts";

/** What clients take of a response's headers, all together: Node's own bound, the smallest of those in use. */
const CLIENT_HEADERS_BYTES_MAX = 16 * 1024;

/** Goal: what is known of the machine's attestation is told as it is. Method: both, and every level, plain and streaming. */
it.each([
  [true, "hardware"],
  [false, "self_signed"],
  [false, "none"],
] as const)("tells whether the machine was attested: %s, %s", async (attested, trustLevel) => {
  await using edge = await openEdge({
    serve: async (_ask, reply) => {
      reply.begin({ ...facts, attested, trustLevel });
      await reply.end(closing);
    },
  });
  for (const stream of [false, true]) {
    const { headers } = await edge.chat(chatBody({ stream }));
    expect(headers.get("x-provider-attested")).toBe(String(attested));
    expect(headers.get("x-provider-trust-level")).toBe(trustLevel);
  }
});

/** The longest receipt that the bounds of its parts allow. */
function longestReceipt(): ReceiptDocument {
  const { receipt } = closing.receipt;
  const word = "x".repeat(128);
  const most = Number.MAX_SAFE_INTEGER;
  return receiptDocument.parse({
    ...closing.receipt,
    receipt: {
      ...receipt,
      job_id: `job_${"f".repeat(32)}`,
      request_id: word,
      nonce: "\\".repeat(NONCE_CHARS_MAX),
      privacy: "transparent",
      model: word,
      build: word,
      engine: { name: word, version: word },
      sampling: {
        temperature: 1.2345678901234567,
        top_p: 0.1234567890123456,
        top_k: most,
        frequency_penalty: -1.234567890123456,
        presence_penalty: -1.234567890123456,
        logit_bias: most,
        seed: most,
        stop: most,
        max_tokens: most,
        n: most,
      },
      usage: { prompt_tokens: most, cached_tokens: most, completion_tokens: most, reasoning_tokens: most },
      provider_id: word,
      identity_key: "A".repeat(88),
    },
    provider_signature: "A".repeat(96),
    coordinator_signature: "A".repeat(88),
  });
}

/** Goal: no receipt is too long for a client's headers. Method: the longest there can be, to Node's client with its own bound. */
it("sends the longest receipt within what clients take", async () => {
  const receipt = longestReceipt();
  await using edge = await openEdge({
    serve: async (_ask, reply) => {
      reply.begin({ ...facts, chip: "x".repeat(128), serial: "S".repeat(128) as typeof facts.serial });
      await reply.write(utf8("{}"));
      await reply.end({ ...closing, receipt });
    },
  });
  const body = chatBody();
  const rawHeaders = await new Promise<string[]>((resolve, reject) => {
    const asked = request(`${edge.origin}/v1/chat/completions`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${KEY}`,
        "content-length": Buffer.byteLength(body),
        "x-request-id": "r".repeat(128),
      },
      maxHeaderSize: CLIENT_HEADERS_BYTES_MAX,
    });
    asked.on("response", (response) => {
      response.resume();
      response.once("end", () => resolve(response.rawHeaders));
    });
    asked.once("error", reject);
    asked.end(body);
  });
  expect(rawHeaders).toContain(encodeReceipt(receipt));
  // Room for what a proxy adds.
  expect(rawHeaders.join(": \r\n").length).toBeLessThan(CLIENT_HEADERS_BYTES_MAX / 2);
});

/**
 * Goal: plain answers that are held open never hold more than their bound, and those of one account no more than they leave to all
 * others; one more is told so at once, and what ended gives its room back. Method: 32 answers that fill an account's part exactly, a
 * machine that begins anew, one answer more, one of another account, then all ended and one more again.
 */
it("holds no more of all plain answers than its bound", async () => {
  const held = 32;
  const piece = new Uint8Array(ANSWERS_BYTES_MAX / 2 / held);
  const open = Promise.withResolvers<void>();
  const filled = Promise.withResolvers<void>();
  let full = 0;
  await using edge = await openEdge({
    serve: async (_ask, reply) => {
      reply.begin(facts);
      // What a machine before said is forgotten, and its room is free.
      await reply.write(piece.subarray(1));
      reply.begin(facts);
      await reply.write(piece);
      if (++full === held) filled.resolve();
      await open.promise;
      throw new NetworkError({ code: "provider_gone", providerId: PROVIDER, phase: "after_content" });
    },
  });
  const answers = Array.from({ length: held }, () => edge.chat(chatBody()));
  await filled.promise;
  const refused = await edge.chat(chatBody());
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
  expect(await refused.json()).toMatchObject({ error: { code: "overloaded" } });
  const other = KEY.replace("eigeninference-test", "eigeninference-more");
  const record = await edge.accounts.find(hashOfKey(nodeCrypto, KEY));
  if (record)
    await edge.accounts.add(hashOfKey(nodeCrypto, other), {
      ...record,
      keyId: "key_2" as KeyId,
      account: "acct_2" as AccountId,
    });
  const others = edge.chat(chatBody(), { authorization: `Bearer ${other}` });
  await expect.poll(() => full, { timeout: 5_000 }).toBe(held + 1);
  open.resolve();
  expect((await others).status).toBe(502);
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(held).fill(502));
  expect((await edge.chat(chatBody())).status).toBe(502);
});

/** Goal: an answer takes its room for as long as its caller does not read it. Method: callers who read nothing of answers that fill an account's part; one more; then they are gone. */
it("counts what callers have not read yet", async () => {
  const unread = ANSWERS_BYTES_MAX / 2 / PLAIN_ANSWER_BYTES_MAX;
  const answer = new Uint8Array(PLAIN_ANSWER_BYTES_MAX);
  let ended = 0;
  await using edge = await openEdge({
    serve: async (_ask, reply) => {
      reply.begin(facts);
      await reply.write(answer);
      await reply.end(closing);
      ended++;
    },
  });
  const silent = Array.from({ length: unread }, () => connect(edge.port, "127.0.0.1"));
  for (const socket of silent) socket.on("error", () => undefined).write(rawChat(chatBody()));
  await expect.poll(() => ended, { timeout: 10_000 }).toBe(unread);
  expect((await edge.chat(chatBody())).status).toBe(503);
  for (const socket of silent) socket.destroy();
  await expect.poll(async () => (await edge.chat(chatBody())).status, { timeout: 10_000 }).toBe(200);
});

/** Goal: who takes nothing of an answer is not waited for without end. Method: how long sockets may be silent, of a plain answer and of a stream that is longer than they hold. */
it.each([
  [false, 1],
  [true, 2],
])("gives a caller a minute for what is sent, in a stream: %s", async (stream, times) => {
  const waits: number[] = [];
  const wait = Socket.prototype.setTimeout;
  const spied = vi.spyOn(Socket.prototype, "setTimeout").mockImplementation(function (this: Socket, ms, late) {
    waits.push(ms);
    return wait.call(this, ms, late);
  });
  await using edge = await openEdge({
    serve: async (_ask, reply) => {
      reply.begin(facts);
      await reply.write(new Uint8Array(8 * 1024 * 1024));
      await reply.end(closing);
    },
  });
  await (await edge.chat(chatBody({ stream }))).arrayBuffer();
  spied.mockRestore();
  expect(waits.filter((ms) => ms === 60_000 || ms > 1_000_000)).toEqual(Array(times).fill(60_000));
});
