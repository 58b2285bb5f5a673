import { toHex, utf8 } from "@darkbloom/protocol/bytes";
import { NetworkError, type Failure } from "@darkbloom/protocol/failures";
import { IDEMPOTENCY_KEY_CHARS_MAX } from "@darkbloom/protocol/limits";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { expect, it } from "vitest";
import { chatBody, closing, dial, facts, keepingAsks, openEdge, rawChat } from "../../test/http-kit.ts";

/** Goal: of a key nothing but its hash goes on, and requests without one have none. Method: what serve is asked, with the shortest and longest key and without. */
it("hands on a key's hash", async () => {
  const { asks, serve } = keepingAsks();
  await using edge = await openEdge({ serve });
  const keys = ["k", "~!".repeat(127) + "x"];
  for (const key of keys) expect((await edge.chat(chatBody(), { "idempotency-key": key })).status).toBe(200);
  await edge.chat(chatBody());
  expect(asks.map((ask) => ask.terms.idempotencyKeySha256)).toEqual([
    ...keys.map((key) => toHex(nodeCrypto.sha256(utf8(key)))),
    undefined,
  ]);
  expect(JSON.stringify(asks)).not.toContain("~!");
});

/** Goal: a key that is no key is refused by its field and goes no further. Method: empty, too long, a space, not ASCII, and two of them. */
it.each<[what: string, lines: string]>([
  ["empty", "idempotency-key:\r\n"],
  ["too long", `idempotency-key: ${"x".repeat(IDEMPOTENCY_KEY_CHARS_MAX + 1)}\r\n`],
  ["with a space", "idempotency-key: a b\r\n"],
  ["not ASCII", "idempotency-key: \u00fc\r\n"],
  ["sent twice", "idempotency-key: a\r\nidempotency-key: b\r\n"],
])("refuses a key that is %s", async (_what, lines) => {
  await using edge = await openEdge({ serve: async () => expect.unreachable("it was served") });
  using caller = await dial(edge.port);
  caller.socket.write(rawChat(chatBody(), { headers: lines }), "latin1");
  const heard = await caller.until(/\}\}/);
  expect(heard).toContain("HTTP/1.1 400");
  expect(heard).toContain('"code":"body_invalid"');
  expect(heard).toContain('"param":"idempotency-key"');
});

/** Goal: programs know whether to try again: while the first runs, after the time that is told; with another body, never. Method: both, and their headers. */
it.each<[Failure, status: number, retryAfter: string | null, shouldRetry: string | null]>([
  [{ code: "idempotency_conflict", conflict: "running", retryAfterSec: 2 }, 409, "2", null],
  [{ code: "idempotency_conflict", conflict: "other_body" }, 409, null, "false"],
])("tells a conflict: %o", async (failure, status, retryAfter, shouldRetry) => {
  await using edge = await openEdge({
    serve: async () => {
      throw new NetworkError(failure);
    },
  });
  const response = await edge.chat(chatBody());
  expect(response.status).toBe(status);
  expect(response.headers.get("retry-after")).toBe(retryAfter);
  expect(response.headers.get("x-should-retry")).toBe(shouldRetry);
});

/**
 * Goal: an answer counts as delivered once its last byte has left this program, and not before. Method: the answer to a second,
 * pipelined request is whole while the first one's goes on; then the first one's ends, or the caller leaves.
 */
it.each([
  [false, false],
  [false, true],
  [true, false],
  [true, true],
])("says when an answer was delivered: stream %s, leaves %s", async (stream, leaves) => {
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  let delivered = 0;
  let asked = 0;
  await using edge = await openEdge({
    serve: async (ask, reply) => {
      reply.begin(facts);
      if (asked++ === 0) {
        await reply.write(utf8("data: 1\n\n"));
        await first.promise;
        return ask.hangUp.aborted ? undefined : reply.end(closing);
      }
      ask.hangUp.addEventListener("abort", () => gone.resolve());
      await reply.write(utf8(stream ? "data: [DONE]\n\n" : "{}"));
      await reply.end(closing, () => void delivered++);
      second.resolve();
    },
  });
  using caller = await dial(edge.port);
  caller.socket.write(rawChat(chatBody({ stream: true })) + rawChat(chatBody({ stream })));
  await second.promise;
  expect(delivered).toBe(0);
  if (leaves) {
    caller.socket.destroy();
    await gone.promise;
    first.resolve();
    expect(delivered).toBe(0);
  } else {
    first.resolve();
    await expect.poll(() => delivered).toBe(1);
  }
});
