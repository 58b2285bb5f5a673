import { utf8 } from "@darkbloom/protocol/bytes";
import { joinTurns } from "@darkbloom/protocol/dialects";
import { splitProof, verifyReceipt } from "@darkbloom/protocol/receipts";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { account, CREDIT, entry, HttpNetwork, KEY } from "@darkbloom/testkit";
import type { Script } from "@darkbloom/provider/testing";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import {
  CONVERSATION_BYTES_MAX,
  SOCKET_IDLE_MS_MAX,
  SOCKET_LIFE_MS_MAX,
  SOCKET_PING_EVERY_MS,
  SOCKET_WAITING_MAX,
} from "./caller-socket.ts";
import { CALLER_STALL_MS_MAX } from "./reply.ts";
import { SOCKETS_PER_ACCOUNT_MAX } from "./sockets.ts";

const ends = new Set(["response.completed", "response.incomplete"]);
const rain: Script = { pieces: ["Ra", "in is", " water", "."], tokenMs: 5 };
const MIB = 1024 * 1024;

interface Message {
  readonly type: string;
  readonly [name: string]: unknown;
}
interface ErrorMessage extends Message {
  readonly status: number;
  readonly error: { readonly code: string; readonly param: string | null; readonly headers: Record<string, string> };
}

/** One client's connection, and every message that came over it. */
class Talk {
  readonly ws: WebSocket;
  readonly texts: string[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  #heard: (() => void) | undefined;
  #read = 0;

  constructor(made: HttpNetwork, headers: Record<string, string> = { authorization: `Bearer ${KEY}` }) {
    this.ws = new WebSocket(`ws://${made.address}/v1/responses`, { headers });
    this.ws.on("error", () => {});
    this.ws.on("message", (data: Buffer) => {
      this.texts.push(data.toString("utf8"));
      this.#heard?.();
    });
    this.closed = new Promise((resolve) =>
      this.ws.on("close", (code, reason) => resolve({ code, reason: reason.toString() })),
    );
  }

  send(more: object = {}): string {
    const text = JSON.stringify({ type: "response.create", model: entry.id, input: "What is rain?", ...more });
    this.ws.send(text);
    return text;
  }

  /** The messages of the next response, up to its end or its error. */
  async turn(): Promise<Message[]> {
    for (;;) {
      const all = this.texts.slice(this.#read).map((text) => JSON.parse(text) as Message);
      const end = all.findIndex(({ type }) => type === "error" || ends.has(type));
      if (end >= 0) {
        this.#read += end + 1;
        return all.slice(0, end + 1);
      }
      await new Promise<void>((resolve) => (this.#heard = resolve));
    }
  }
}

const opened: HttpNetwork[] = [];
const talks: Talk[] = [];
afterEach(async () => {
  for (const { ws } of talks.splice(0)) ws.terminate();
  for (const made of opened.splice(0)) {
    await made.clock.advance(100);
    await made[Symbol.asyncDispose]();
    expect(made.bugs).toEqual([]);
    expect(await made.ledger.check()).toEqual([]);
  }
});

async function network(script: (text: string) => Script = () => rain) {
  const made = await HttpNetwork.open();
  opened.push(made);
  await made.credit();
  const asked: string[] = [];
  made.provider((messages) => {
    asked.push(messages.map(({ role, text }) => `${role}: ${text}`).join("\n"));
    return script(messages.at(-1)?.text ?? "");
  });
  await made.clock.advance(1_000);
  const talk = async (headers?: Record<string, string>): Promise<Talk> => {
    const one = new Talk(made, headers);
    talks.push(one);
    await once(one.ws, "open");
    return one;
  };
  const turn = (one: Talk): Promise<Message[]> => made.during(one.turn());
  const ask = async (one: Talk, more?: object): Promise<Message[]> => {
    one.send(more);
    return turn(one);
  };
  const spent = async () => CREDIT - (await made.ledger.totals(account)).balance;
  return { made, asked, talk, turn, ask, spent };
}

const sha256 = (bytes: string | Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const errorIn = (messages: readonly Message[]) => {
  const last = messages.at(-1) as ErrorMessage;
  return { type: last.type, status: last.status, code: last.error.code, param: last.error.param };
};
const proofIn = (text = "") => {
  const found = splitProof(text);
  if (!found) throw new Error("no proof");
  return found;
};
const idIn = (messages: readonly Message[]): string => {
  const completed = messages.find(({ type }) => type === "response.completed");
  return (completed?.["response"] as { readonly id: string } | undefined)?.id ?? "";
};

describe("a response over a WebSocket", () => {
  /** Goal: it proves itself. Method: the texts as they came and were sent, checked offline. */
  it("is the events of a stream as messages, which put together are what was signed", async () => {
    const { made, talk, turn, spent } = await network();
    const one = await talk({ authorization: `Bearer ${KEY}`, "x-darkbloom-nonce": "n 1" });
    const sent = one.send();
    const messages = await turn(one);
    expect(messages.map(({ type }) => type)).toEqual([
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
      ...rain.pieces.map(() => "response.output_text.delta"),
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed",
    ]);
    expect(messages.map(({ sequence_number: number }) => number)).toEqual([...messages.keys()]);
    const { line, proof } = proofIn(one.texts.at(-1));
    const responseSha256 = sha256(one.texts.slice(0, -1).join("") + line);
    expect(proof.responseHash).toBe(responseSha256);
    const document = proof.receipt;
    const { keyId, publicKey } = made.net.countersigner;
    const checks = await verifyReceipt(nodeCrypto, document, {
      coordinatorKeys: new Map([[keyId, publicKey]]),
      requestSha256: sha256(sent),
      responseSha256,
      nonce: "n 1",
      responseSignature: proof.responseSignature,
      identityKey: document.receipt.identity_key,
    });
    expect(checks.map(({ id, status }) => [id, status])).toEqual(checks.map(({ id }) => [id, "pass"]));
    expect(proof.headers).toMatchObject({ "x-inference-job-id": document.receipt.job_id });
    expect(await spent()).toBeGreaterThan(0n);
  });

  it("comes after the one before it, also where both were sent at once", async () => {
    const { talk, turn } = await network((text) => ({ pieces: [text], tokenMs: 5 }));
    const one = await talk();
    for (const input of ["first", "second", "third"]) one.send({ input });
    for (const input of ["first", "second", "third"])
      expect((await turn(one)).find(({ type }) => type === "response.output_text.done")).toMatchObject({ text: input });
  });

  it("takes calls and forms, and is cut where it must be", async () => {
    const { talk, ask } = await network();
    const one = await talk();
    const messages = await ask(one, { max_output_tokens: 2 });
    expect(messages.at(-1)).toMatchObject({
      type: "response.incomplete",
      response: { status: "incomplete", incomplete_details: { reason: "max_output_tokens" } },
    });
  });
});

describe("a response that goes on with the one before", () => {
  it("sees all that was said, and its request is proved by the texts that went over the connection", async () => {
    const { talk, turn, ask, asked } = await network();
    const one = await talk();
    const first = one.send({ input: "one", instructions: "Be brief." });
    const answered = await turn(one);
    const ended = proofIn(one.texts.at(-1)).line;
    const second = one.send({ input: [{ role: "user", content: "two" }], previous_response_id: idIn(answered) });
    const messages = await turn(one);
    expect(asked.at(-1)).toBe("user: one\nassistant: Rain is water.\nuser: two");
    const { receipt } = proofIn(one.texts.at(-1)).proof.receipt;
    expect(receipt.request_sha256).toBe(sha256(joinTurns([utf8(first), utf8(ended), utf8(second)])));
    await ask(one, { input: "three", previous_response_id: idIn(messages) });
    expect(asked.at(-1)).toBe(
      "user: one\nassistant: Rain is water.\nuser: two\nassistant: Rain is water.\nuser: three",
    );
  });

  const missing = { type: "error", status: 400, code: "previous_response_not_found", param: "previous_response_id" };

  it("is refused by name where another is named, and where another connection has it", async () => {
    const { talk, ask, spent } = await network();
    const one = await talk();
    expect(errorIn(await ask(one, { previous_response_id: "resp_missing" }))).toEqual(missing);
    expect(await spent()).toBe(0n);
    const first = idIn(await ask(one));
    const again = await talk();
    expect(errorIn(await ask(again, { previous_response_id: first }))).toEqual(missing);
    expect((await ask(again)).at(-1)?.type).toBe("response.completed");
    await ask(one);
    expect(errorIn(await ask(one, { previous_response_id: first }))).toEqual(missing);
  });

  it("is forgotten where going on with it failed", async () => {
    const { talk, ask } = await network();
    const one = await talk();
    const previous_response_id = idIn(await ask(one));
    const output = { type: "function_call_output", call_id: "call_none", output: "x" };
    expect(errorIn(await ask(one, { previous_response_id, input: [output] }))).toMatchObject({ status: 400 });
    expect(errorIn(await ask(one, { previous_response_id }))).toEqual(missing);
  });

  it("is not kept above the bound, and stays where a request that names none fails", async () => {
    const { talk, ask } = await network();
    const one = await talk();
    const kept = idIn(await ask(one));
    expect(errorIn(await ask(one, { temperature: 9 })).param).toBe("temperature");
    expect((await ask(one, { previous_response_id: kept })).at(-1)?.type).toBe("response.completed");
    const some = idIn(await ask(one, { metadata_of_ours: "x".repeat(MIB) }));
    const most = await ask(one, { previous_response_id: some, metadata_of_ours: "x".repeat(15.5 * MIB) });
    expect(errorIn(most)).toMatchObject({ status: 413, code: "payload_too_large" });
    expect(JSON.stringify(most)).toMatch(new RegExp(`\\b${16 * MIB}\\b`));
    const long = idIn(await ask(one, { metadata_of_ours: "x".repeat(CONVERSATION_BYTES_MAX) }));
    expect(errorIn(await ask(one, { previous_response_id: long }))).toEqual(missing);
  });
});

describe("what is refused", () => {
  it.each<[what: string, headers: Record<string, string>, status: number]>([
    ["no key", {}, 401],
    ["a wrong key", { authorization: "Bearer eigeninference-wrong" }, 401],
    ["a nonce of other signs", { authorization: `Bearer ${KEY}`, "x-darkbloom-nonce": "\t" }, 400],
    ["an envelope", { "x-api-key": KEY, "content-type": "application/vnd.darkbloom.sealed" }, 400],
    ["a key for one request", { "x-api-key": KEY, "idempotency-key": "k" }, 400],
  ])("at the door: %s", async (_, headers, status) => {
    const { made } = await network();
    const one = new Talk(made, headers);
    const [, response] = (await once(one.ws, "unexpected-response")) as [unknown, { statusCode: number }];
    expect(response.statusCode).toBe(status);
    one.ws.terminate();
  });

  it.each<[what: string, text: string, code: string, param: string | null]>([
    ["no JSON", "{", "body_invalid", null],
    ["nothing", "", "body_invalid", null],
    ["no object", "[]", "body_invalid", null],
    ["turns that it made up", "\u001e{}\u001e{}\u001e{}", "body_invalid", null],
    ["no type", JSON.stringify({ model: entry.id, input: "x" }), "body_invalid", "type"],
    ["another type", JSON.stringify({ type: "response.cancel", model: entry.id, input: "x" }), "body_invalid", "type"],
    ["chat", JSON.stringify({ type: "response.create", model: entry.id, messages: [] }), "body_invalid", "input"],
    [
      "no events",
      JSON.stringify({ type: "response.create", model: entry.id, input: "x", stream: false }),
      "unsupported",
      "stream",
    ],
    [
      "nothing made",
      JSON.stringify({ type: "response.create", model: entry.id, input: "x", generate: false }),
      "unsupported",
      "generate",
    ],
    [
      "a lane",
      JSON.stringify({ type: "response.create", model: entry.id, input: "x", stream_id: "s" }),
      "unsupported",
      "stream_id",
    ],
    [
      "no such model",
      JSON.stringify({ type: "response.create", model: "none", input: "x" }),
      "model_not_found",
      "model",
    ],
  ])("by a message, after which another is answered: %s", async (_, text, code, param) => {
    const { talk, turn, ask, spent } = await network();
    const one = await talk();
    one.ws.send(text);
    expect(errorIn(await turn(one))).toMatchObject({ type: "error", code, param });
    expect(await spent()).toBe(0n);
    expect((await ask(one)).at(-1)?.type).toBe("response.completed");
  });

  it("over HTTP: a message's type", async () => {
    const { made } = await network();
    const answered = await made.call("/v1/responses", { type: "response.create", model: entry.id, input: "x" });
    expect([answered.status, JSON.parse(answered.body.toString())]).toMatchObject([400, { error: { param: "type" } }]);
  });

  it.each<[what: string, send: (one: Talk) => void, code: number]>([
    ["bytes", (one) => one.ws.send(Buffer.from("{}")), 1003],
    ["a message above 16 MiB", (one) => one.ws.send("x".repeat(16 * MIB + 1)), 1009],
    [
      "more requests than may wait",
      (one) => {
        for (let n = 0; n < SOCKET_WAITING_MAX + 2; n++) one.send();
      },
      1008,
    ],
  ])("by closing: %s", async (_, send, code) => {
    const { made, talk } = await network(() => ({ ...rain, firstTokenMs: 1_000 }));
    const one = await talk();
    send(one);
    expect((await one.closed).code).toBe(code);
    await made.clock.advance(5_000);
    expect(made.running).toBe(0);
    expect((await made.ledger.totals(account)).held).toBe(0n);
  });

  it("every message once the key was revoked, and not the response that runs", async () => {
    const { made, talk, turn, ask } = await network();
    const one = await talk();
    const first = idIn(await ask(one));
    one.send();
    while (made.running === 0) await made.clock.advance(1);
    await made.revoke();
    expect((await turn(one)).at(-1)?.type).toBe("response.completed");
    for (const more of [{}, { previous_response_id: first }])
      expect(errorIn(await ask(one, more))).toMatchObject({ status: 401, code: "key_invalid" });
  });

  it("half a message, and one whose parts are bytes", async () => {
    const { made, talk, ask } = await network();
    const one = await talk();
    one.ws.send('{"type":"resp', { fin: false });
    one.ws.send('onse.create"}', { fin: true });
    expect(errorIn(await made.during(one.turn()))).toMatchObject({ code: "body_invalid" });
    expect((await ask(one)).at(-1)?.type).toBe("response.completed");
    const half = await talk();
    half.ws.send('{"type":', { fin: false });
    half.ws.terminate();
    await half.closed;
    const bytes = await talk();
    bytes.ws.send(Buffer.from("{"), { fin: false });
    bytes.ws.send("}", { fin: true });
    expect((await bytes.closed).code).toBe(1003);
  });

  it("more connections of an account than there may be", async () => {
    const { made, talk, ask } = await network();
    const all = await Promise.all(Array.from({ length: SOCKETS_PER_ACCOUNT_MAX }, () => talk()));
    const one = new Talk(made);
    const [, response] = (await once(one.ws, "unexpected-response")) as [unknown, { statusCode: number }];
    expect(response.statusCode).toBe(429);
    one.ws.terminate();
    all[0]?.ws.close();
    await all[0]?.closed;
    const again = await talk();
    expect((await ask(again)).at(-1)?.type).toBe("response.completed");
  });
});

describe("a connection", () => {
  it("that closes is a caller who hangs up", async () => {
    const { made, talk, spent } = await network(() => ({ pieces: rain.pieces, firstTokenMs: 10, tokenMs: 60_000 }));
    const one = await talk();
    one.send();
    while (made.running === 0) await made.clock.advance(1);
    await made.clock.advance(100);
    one.ws.close();
    await one.closed;
    for (let n = 0; made.running > 0 && n < 1_000; n++) await made.clock.advance(10);
    expect(made.running).toBe(0);
    expect((await made.ledger.totals(account)).held).toBe(0n);
    expect(await spent()).toBeLessThan(50n);
  });

  it("is told of a fault as of any other, and goes on", async () => {
    let failing = true;
    const { talk, ask, spent } = await network(() => (failing ? { ...rain, failAfter: 2 } : rain));
    const one = await talk();
    const messages = await ask(one);
    expect(messages.at(-2)?.type).toBe("response.output_text.delta");
    expect(errorIn(messages)).toMatchObject({ status: 502, code: "provider_fault" });
    expect(await spent()).toBe(0n);
    failing = false;
    expect((await ask(one)).at(-1)?.type).toBe("response.completed");
  });

  /** Lets so much time pass, with time for signs of life. */
  const passing = async (made: HttpNetwork, ms: number): Promise<void> => {
    for (let passedMs = 0; passedMs < ms; passedMs += SOCKET_PING_EVERY_MS / 2) {
      await made.clock.advance(SOCKET_PING_EVERY_MS / 2);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  it("is closed when nothing was asked for too long, and not before", async () => {
    const { made, talk, ask } = await network();
    const one = await talk();
    await passing(made, SOCKET_IDLE_MS_MAX - 2 * SOCKET_PING_EVERY_MS);
    expect((await ask(one)).at(-1)?.type).toBe("response.completed");
    await passing(made, SOCKET_IDLE_MS_MAX + 2 * SOCKET_PING_EVERY_MS);
    expect(await one.closed).toMatchObject({ code: 1000, reason: expect.stringContaining("nothing was asked") });
  });

  it("is told that it was open for too long, and closed", async () => {
    const { made, talk, turn, ask } = await network();
    const one = await talk();
    const openedMs = made.clock.monotonicMs();
    while (made.clock.monotonicMs() - openedMs < SOCKET_LIFE_MS_MAX - SOCKET_IDLE_MS_MAX) {
      await passing(made, SOCKET_IDLE_MS_MAX - 2 * SOCKET_PING_EVERY_MS);
      expect((await ask(one)).at(-1)?.type).toBe("response.completed");
    }
    await passing(made, SOCKET_IDLE_MS_MAX - 2 * SOCKET_PING_EVERY_MS);
    const told = await turn(one);
    expect(errorIn(told)).toMatchObject({ status: 400, code: "websocket_connection_limit_reached" });
    expect(JSON.stringify(told)).toContain("60 min");
    expect((await one.closed).code).toBe(1000);
  });

  /** A peer that has opened a connection and does nothing of what the protocol asks for. */
  const deaf = async (made: HttpNetwork) => {
    const socket = connect(Number(made.address.split(":")[1]), "127.0.0.1");
    socket.write(
      `GET /v1/responses HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${Buffer.alloc(16).toString("base64")}\r\nx-api-key: ${KEY}\r\n\r\n`,
    );
    const [head] = (await once(socket, "data")) as [Buffer];
    expect(head.toString()).toContain("101");
    socket.resume();
    return { socket, closed: once(socket, "close") };
  };

  it("of a peer that gives no sign of life is dropped", async () => {
    const { made } = await network();
    const { socket, closed } = await deaf(made);
    const beganMs = made.clock.monotonicMs();
    await made.during(closed, SOCKET_PING_EVERY_MS);
    expect(made.clock.monotonicMs() - beganMs).toBeLessThan(SOCKET_IDLE_MS_MAX / 2);
    socket.destroy();
  });

  it("whose close is not answered is dropped", async () => {
    const { made } = await network();
    const { socket, closed } = await deaf(made);
    const emptyBinaryFrame = Uint8Array.of(0x82, 0x80, 0, 0, 0, 0);
    socket.write(emptyBinaryFrame);
    await closed;
  });

  it("of a caller who takes nothing is dropped, and what it said waits no further", async () => {
    const long = "x".repeat(64 * 1024);
    const { made, talk } = await network(() => ({ pieces: Array.from({ length: 200 }, () => long), tokenMs: 1 }));
    const one = await talk();
    one.ws.pause();
    one.send();
    while (made.running === 0) await made.clock.advance(1);
    const beganMs = made.clock.monotonicMs();
    while (made.running > 0 && made.clock.monotonicMs() - beganMs < 10 * CALLER_STALL_MS_MAX)
      await made.during(new Promise((resolve) => setTimeout(resolve, 1)), 100);
    expect(made.running).toBe(0);
  });

  it("is told that this coordinator ends, and takes no further requests", async () => {
    const { made, talk, ask } = await network();
    const one = await talk();
    await made.core.drain(0);
    expect(errorIn(await ask(one))).toMatchObject({ status: 503, code: "draining" });
    expect((await one.closed).code).toBe(1001);
  });
});
