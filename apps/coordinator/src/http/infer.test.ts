import { toHex, utf8 } from "@darkbloom/protocol/bytes";
import { failures, NetworkError, type Failure, type FailureCode } from "@darkbloom/protocol/failures";
import {
  ourWords,
  type JobId,
  type KeyId,
  type ModelId,
  type OurWords,
  type ParamPath,
  type Sha256Hex,
} from "@darkbloom/protocol/ids";
import { BODY_BYTES_MAX, SEALED_BODY_BYTES_MAX } from "@darkbloom/protocol/limits";
import { decodeReceipt } from "@darkbloom/protocol/receipts";
import { nodeCrypto, systemClock } from "@darkbloom/protocol/node";
import { SEALED_REQUEST_TYPE } from "@darkbloom/protocol/sealing";
import { describe, expect, it } from "vitest";
import {
  ACCOUNT,
  chatBody,
  closing,
  dial,
  facts,
  fleetOf,
  keepingAsks,
  KEY,
  openEdge,
  PROVIDER,
  machineView,
  rawChat,
} from "../../test/http-kit.ts";
import type { Ask } from "../inference/ask.ts";
import { UNOPENED_BURST, Unopened } from "../limits/unopened.ts";
import { unbound } from "../accounts/key-terms.ts";

const STREAM = chatBody({ stream: true });
const receiptLine = /: darkbloom-receipt (?<word>[\w-]+)\n\n$/;
const errorSchemaOf = (body: unknown) =>
  (body as { error: { message: string; code: string; param: string | null } }).error;

/** The chunks of a chunked body (RFC 9112 §7.1), the trailer section, and what came after. */
function dechunk(text: string): { body: string; trailers: string; rest: string } {
  let body = "";
  let at = text.indexOf("\r\n\r\n") + 4;
  for (;;) {
    const lineEnd = text.indexOf("\r\n", at);
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    if (size === 0) {
      const end = text.indexOf("\r\n\r\n", lineEnd);
      return { body, trailers: text.slice(lineEnd + 2, end), rest: text.slice(end + 4) };
    }
    body += text.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 2 + size + 2;
  }
}

describe("an answer on the wire", () => {
  /**
   * Goal: every header of the wire contract, the provider's bytes untouched, the receipt comment last, hash and
   * signature as trailers, and the connection good for another request. Method: a raw socket, twice.
   */
  it("streams with headers, receipt comment and trailers, and keeps the connection", async () => {
    await using edge = await openEdge({
      serve: async (_ask, reply) => {
        reply.begin(facts);
        await reply.write(utf8("data: é\n\n"));
        await reply.write(utf8("data: [DONE]\n\n"));
        await reply.end(closing);
      },
    });
    using line = await dial(edge.port);
    for (const requestId of ["mine-1", "mine-2"]) {
      line.forget();
      line.socket.write(rawChat(STREAM, { headers: `x-request-id: ${requestId}\r\n` }));
      const text = await line.until(/\r\n0\r\n[^]*\r\n\r\n$/);
      const head = text.slice(0, text.indexOf("\r\n\r\n")).toLowerCase();
      expect(head).toMatch(/^http\/1\.1 200 ok/);
      for (const header of [
        "x-provider-attested: true",
        "x-provider-trust-level: self_signed",
        "x-provider-chip: m3 ultra",
        "x-provider-serial: sw-1234",
        "x-provider-id: prov_1",
        "x-inference-job-id: job_1",
        "x-darkbloom-privacy: transparent",
        "x-darkbloom-timing: hold;dur=0.25, queue;dur=0, seal;dur=1.5, first_content;dur=12",
        `x-request-id: ${requestId}`,
        `request-id: ${requestId}`,
        "x-ratelimit-limit-requests: 120",
        "x-ratelimit-remaining-requests: ",
        "x-ratelimit-reset-requests: ",
        "cache-control: no-store",
        "content-type: text/event-stream; charset=utf-8",
        "x-accel-buffering: no",
        "trailer: x-response-hash, x-se-signature",
        "transfer-encoding: chunked",
      ])
        expect(head).toContain(`\r\n${header}`);
      expect(head).not.toContain("x-response-hash:");
      const { body, trailers, rest } = dechunk(text);
      const said = Buffer.from(body, "latin1").toString();
      expect(said).toMatch(/^data: é\n\ndata: \[DONE\]\n\n: darkbloom-receipt [\w-]+\n\n$/);
      expect(decodeReceipt(receiptLine.exec(said)?.groups?.["word"] ?? "")).toEqual(closing.receipt);
      expect(trailers.toLowerCase().split("\r\n")).toEqual([
        `x-response-hash: ${closing.responseHash}`,
        `x-se-signature: ${closing.responseSignature}`,
      ]);
      expect(rest).toBe("");
    }
  });

  it("streams to HTTP/1.0 without chunks and trailers, receipt last", async () => {
    await using edge = await openEdge();
    using line = await dial(edge.port);
    line.socket.write(rawChat(STREAM, { version: "1.0" }));
    await line.closed;
    expect(line.heard()).not.toMatch(/^trailer:|^transfer-encoding:/im);
    expect(line.heard()).toMatch(/\r\n\r\ndata: \[DONE\]\n\n: darkbloom-receipt [\w-]+\n\n$/);
  });

  it("sends a plain answer whole, with hash, signature and receipt as headers", async () => {
    await using edge = await openEdge({
      serve: async (_ask, reply) => {
        reply.begin(facts);
        await reply.write(utf8("of a machine that failed"));
        reply.begin(facts);
        await reply.write(utf8('{"a":'));
        await reply.write(utf8("1}"));
        await reply.end(closing);
      },
    });
    const response = await edge.chat(chatBody());
    expect(await response.text()).toBe('{"a":1}');
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-length": "7",
      "content-type": "application/json; charset=utf-8",
      "x-response-hash": closing.responseHash,
      "x-se-signature": closing.responseSignature,
      "x-provider-serial": "SW-1234",
    });
    expect(decodeReceipt(response.headers.get("x-darkbloom-receipt") ?? "")).toEqual(closing.receipt);
  });

  it("lets no provider break a header", async () => {
    await using edge = await openEdge({
      serve: async (_ask, reply) => {
        reply.begin({ ...facts, chip: "M3\r\nx-evil: 1", serial: "\u0000" as typeof facts.serial });
        await reply.end(closing);
      },
    });
    const { headers } = await edge.chat(chatBody());
    expect(headers.get("x-evil")).toBeNull();
    expect(headers.get("x-provider-chip")).toBe("M3??x-evil: 1");
    expect(headers.get("x-provider-serial")).toBe("?");
  });
});

/** Goal: a caller is told no serial where none is disclosed. Method: an answer without one, and a machine without one in the list. */
it("leaves a serial out that is not disclosed", async () => {
  const machine = machineView("self_signed", { toldSerial: undefined });
  await using edge = await openEdge({
    fleet: fleetOf(machine),
    serve: async (_ask, reply) => {
      reply.begin({ ...facts, serial: undefined });
      await reply.end(closing);
    },
  });
  const { status, headers } = await edge.chat(chatBody());
  expect([status, headers.has("x-provider-serial"), headers.has("x-provider-id")]).toEqual([200, false, true]);
  expect(await (await edge.get("/v1/providers/attestation")).json()).toMatchObject({
    providers: [{ provider_id: machine.providerId, provider_serial: null }],
  });
});

/** Goal: what is not known yet is not told. Method: a stream that begins while its prompt is read. */
it("leaves out how long the first content took where a stream begins before it", async () => {
  await using edge = await openEdge({
    serve: async (_ask, reply) => {
      reply.begin({ ...facts, timing: { ...facts.timing, firstContentMs: undefined } });
      await reply.end(closing);
    },
  });
  const { headers } = await edge.chat(chatBody({ stream: true }));
  expect(headers.get("x-darkbloom-timing")).toBe("hold;dur=0.25, queue;dur=0, seal;dur=1.5");
});

describe("what serve is asked", () => {
  it("gets the exact bytes, their hash, the caller, the nonce and the trust floor", async () => {
    const { asks, serve } = keepingAsks();
    await using edge = await openEdge({ serve });
    const body = `  ${chatBody({ temperature: 0.5 })}\n`;
    await edge.chat(body, {
      "x-darkbloom-nonce": "n 1",
      "x-darkbloom-min-trust": "hardware",
      "x-darkbloom-receipt": "required",
      "content-type": "text/plain",
    });
    await edge.chat(chatBody());
    const bytes = utf8(body);
    expect(asks[0]?.terms).toMatchObject({ bodyBytes: bytes.length, bodySha256: toHex(nodeCrypto.sha256(bytes)) });
    expect(asks[0]?.terms).toMatchObject({ nonce: "n 1", minTrust: "hardware", account: "acct_test", keyId: "key_1" });
    expect(asks[1]?.terms).toMatchObject({ minTrust: "self_signed" });
    expect(asks[1]?.terms).not.toHaveProperty("nonce");
  });
});

/** One failure of every code, so that a new code cannot be forgotten here. */
const examples: { [Code in FailureCode]: Extract<Failure, { code: Code }> } = {
  key_missing: { code: "key_missing" },
  key_invalid: { code: "key_invalid" },
  key_disabled: { code: "key_disabled" },
  key_expired: { code: "key_expired" },
  model_not_allowed: { code: "model_not_allowed", models: 2 },
  sealing_needed: { code: "sealing_needed" },
  not_allowed: { code: "not_allowed" },
  machine_not_found: { code: "machine_not_found" },
  erasure_refused: { code: "erasure_refused", obstacle: "holds", microUsd: 5n },
  session_missing: { code: "session_missing" },
  session_invalid: { code: "session_invalid" },
  session_needed: { code: "session_needed" },
  role_needed: { code: "role_needed" },
  origin_foreign: { code: "origin_foreign" },
  session_not_found: { code: "session_not_found" },
  passkey_not_found: { code: "passkey_not_found" },
  passkey_refused: { code: "passkey_refused", why: "unfit" },
  key_not_found: { code: "key_not_found" },
  key_revoked: { code: "key_revoked" },
  keys_too_many: { code: "keys_too_many", most: 1_000 },
  account_not_found: { code: "account_not_found" },
  token_invalid: { code: "token_invalid" },
  scope_needed: { code: "scope_needed" },
  team_not_found: { code: "team_not_found" },
  team_role_needed: { code: "team_role_needed" },
  member_not_found: { code: "member_not_found" },
  invite_not_found: { code: "invite_not_found" },
  last_owner: { code: "last_owner" },
  team_not_empty: { code: "team_not_empty", keys: 1, microUsd: 5n },
  teams_too_many: { code: "teams_too_many", most: 50 },
  members_too_many: { code: "members_too_many", most: 500 },
  body_invalid: { code: "body_invalid", param: "messages" as ParamPath, expected: ourWords`it must be a list` },
  unsupported: { code: "unsupported", param: "n" as ParamPath, reason: ourWords`one answer only` },
  previous_response_not_found: { code: "previous_response_not_found" },
  websocket_connection_limit_reached: { code: "websocket_connection_limit_reached", lifeMs: 60_000 },
  context_length_exceeded: { code: "context_length_exceeded", contextTokens: 4096, promptTokens: 5000 },
  insufficient_funds: { code: "insufficient_funds", neededMicroUsd: 2n, availableMicroUsd: 1n },
  deposit_not_found: { code: "deposit_not_found" },
  withdrawal_not_found: { code: "withdrawal_not_found" },
  withdrawal_not_open: { code: "withdrawal_not_open" },
  withdrawals_too_many: { code: "withdrawals_too_many", most: 10 },
  not_withdrawable: { code: "not_withdrawable", availableMicroUsd: 5n },
  payouts_off: { code: "payouts_off" },
  webhook_invalid: { code: "webhook_invalid" },
  payments_off: { code: "payments_off" },
  payments_unavailable: { code: "payments_unavailable", retryAfterSec: 2 },
  account_in_debt: { code: "account_in_debt", owedMicroUsd: 1n },
  key_limit_reached: {
    code: "key_limit_reached",
    limit: "usd",
    needed: 2n,
    remaining: 1n,
    reset: "daily",
    resetsAt: 86_400_000,
  },
  model_not_found: { code: "model_not_found", knownModels: 1 },
  receipt_not_found: { code: "receipt_not_found" },
  tile_not_found: { code: "tile_not_found" },
  route_not_found: { code: "route_not_found" },
  upgrade_needed: { code: "upgrade_needed" },
  method_not_allowed: { code: "method_not_allowed", allow: "POST, OPTIONS" as OurWords },
  no_candidate: { code: "no_candidate", model: "m" as ModelId, others: 1 },
  cannot_open: { code: "cannot_open", providerId: PROVIDER },
  request_refused: { code: "request_refused" },
  idempotency_conflict: { code: "idempotency_conflict", conflict: "running", retryAfterSec: 2 },
  payload_too_large: { code: "payload_too_large", maxBytes: 1 },
  rate_limit_exceeded: { code: "rate_limit_exceeded", retryAfterSec: 2 },
  capacity_full: { code: "capacity_full", model: "m" as ModelId, retryAfterSec: 2, waitedMs: 1 },
  caller_gone: { code: "caller_gone", phase: "before_content" },
  internal_error: { code: "internal_error" },
  provider_fault: { code: "provider_fault", providerId: PROVIDER, phase: "after_content", fault: "internal" },
  provider_gone: { code: "provider_gone", providerId: PROVIDER, phase: "after_content" },
  provider_silent: { code: "provider_silent", providerId: PROVIDER, phase: "after_content" },
  engine_ended: { code: "engine_ended", providerId: PROVIDER, phase: "after_content" },
  provider_busy: { code: "provider_busy", providerId: PROVIDER },
  receipt_mismatch: {
    code: "receipt_mismatch",
    providerId: PROVIDER,
    phase: "after_content",
    mismatch: "response_hash",
  },
  no_provider: { code: "no_provider", model: "m" as ModelId, connected: 1, gates: { draining: 1 } },
  overloaded: { code: "overloaded", retryAfterSec: 2 },
  storage_unavailable: { code: "storage_unavailable", fault: "disk_full", retryAfterSec: 2 },
  draining: { code: "draining", retryAfterSec: 2 },
  too_slow: { code: "too_slow", providerId: PROVIDER, phase: "before_content", waitedMs: 1 },
};

describe("the trust floor", () => {
  it("is the operator's, and a caller may only raise it", async () => {
    const floors: string[] = [];
    const settings = { corsOrigins: [], trustProxy: false, version: "0", minTrustDefault: "hardware" } as const;
    await using edge = await openEdge({
      settings,
      serve: async (ask, reply) => {
        floors.push(ask.terms.minTrust);
        reply.begin(facts);
        await reply.end(closing);
      },
    });
    await edge.chat(chatBody(), { "x-darkbloom-min-trust": "self_signed" });
    await edge.chat(chatBody());
    expect(floors).toEqual(["hardware", "hardware"]);
  });
});

describe("a failure on the wire", () => {
  /**
   * Goal: each failure is told as the table says, whatever the state of the answer. Method: every code, thrown
   * before begin and, for a plain body, also after it, when still nothing was sent.
   */
  it.each(Object.values(examples))("$code before anything was sent", async (failure) => {
    await using edge = await openEdge({
      serve: async (ask, reply) => {
        if (!ask.terms.stream) {
          reply.begin(facts);
          await reply.write(utf8("half an answer"));
        }
        throw new NetworkError(failure);
      },
    });
    for (const body of [STREAM, chatBody()]) {
      const response = await edge.chat(body);
      expect(response.status).toBe(failures[failure.code].status);
      expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
      expect(response.headers.get("x-request-id")).toMatch(/^req_[0-9a-f]{24}$/);
      expect(response.headers.get("request-id")).toBe(response.headers.get("x-request-id"));
      expect(response.headers.get("retry-after")).toBe("retryAfterSec" in failure ? "2" : null);
      expect(response.headers.get("www-authenticate") !== null).toBe(response.status === 401);
      expect(response.headers.get("allow")).toBe(failure.code === "method_not_allowed" ? "POST, OPTIONS" : null);
      expect(response.headers.get("x-response-hash")).toBeNull();
      const error = errorSchemaOf(await response.json());
      expect(error).toMatchObject({ type: failures[failure.code].openai, message: expect.stringMatching(/\.$/) });
      expect(error.code).toBe(failure.code === "insufficient_funds" ? "insufficient_quota" : failure.code);
    }
    expect(edge.lines.filter((line) => line.includes('"event":"request_failed"'))).toHaveLength(2);
  });

  it("ends a stream that has begun with the error event, without hash and receipt, and keeps the connection", async () => {
    await using edge = await openEdge({
      serve: async (_ask, reply) => {
        reply.begin(facts);
        await reply.write(utf8("data: 1\n\n"));
        throw new NetworkError(examples.receipt_mismatch);
      },
    });
    using line = await dial(edge.port);
    for (let n = 0; n < 2; n++) {
      line.forget();
      line.socket.write(rawChat(STREAM));
      const { body, trailers } = dechunk(await line.until(/\r\n0\r\n\r\n$/));
      expect(trailers).toBe("");
      expect(body).toMatch(/^data: 1\n\ndata: \{"error":\{.*"code":"receipt_mismatch".*\}\}\n\n$/);
    }
  });

  it("tells a bug as internal_error and never its words", async () => {
    await using edge = await openEdge({
      serve: async () => {
        throw new TypeError("SECRET words\n    at SECRET (file:///SECRET:1:1)");
      },
    });
    const response = await edge.chat(STREAM);
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(errorSchemaOf(JSON.parse(text)).code).toBe("internal_error");
    expect(text + edge.lines.join("")).not.toContain("SECRET");
    expect(edge.lines.join("")).toContain('"error":"TypeError"');
  });

  it("takes a serve that forgot the end for a bug, and ends the response", async () => {
    await using edge = await openEdge({ serve: async (_ask, reply) => reply.begin(facts) });
    expect(await (await edge.chat(STREAM)).text()).toContain('"code":"internal_error"');
    expect((await edge.chat(chatBody())).status).toBe(500);
  });
});

describe("who may ask", () => {
  it("refuses callers without a good key, and takes both headers", async () => {
    await using edge = await openEdge();
    await edge.accounts.add("e".repeat(64) as never, {
      keyId: "key_2" as KeyId,
      account: "acct_2" as never,
      ...unbound,
      name: "",
      label: "eigeninference-Ab3…x9Q2",
      createdAt: 0,
      createdBy: null,
      lastUsedAt: null,
      revokedAt: null,
    });
    const table: [headers: Record<string, string>, status: number, code?: string][] = [
      [{ authorization: "" }, 401, "key_missing"],
      [{ authorization: "Bearer" }, 401, "key_missing"],
      [{ authorization: `Basic ${KEY}` }, 401, "key_missing"],
      [{ authorization: "Bearer wrong" }, 401, "key_invalid"],
      [{ authorization: "", "x-api-key": "wrong" }, 401, "key_invalid"],
      [{ authorization: `bEARER ${KEY}` }, 200],
      [{ authorization: "", "x-api-key": KEY }, 200],
    ];
    for (const [headers, status, code] of table) {
      const response = await edge.chat(chatBody(), headers);
      expect([response.status, code]).toEqual([status, code]);
      const text = await response.text();
      if (code) expect(errorSchemaOf(JSON.parse(text)).code).toBe(code);
    }
    await edge.accounts.revoke("key_1" as KeyId, 1);
    expect((await edge.chat(chatBody())).status).toBe(401);
  });

  /** Goal: a key's bounds and a request's hold together, and neither loosens the other or the operator's floor. Method: a row for each combination. */
  it.each<[bound: object, body: object, header: string | undefined, expected: object | number]>([
    [{}, {}, undefined, { minTrust: "self_signed", pins: [] }],
    [{ minTrust: "hardware" }, {}, undefined, { minTrust: "hardware" }],
    [{ minTrust: "hardware" }, {}, "self_signed", { minTrust: "hardware" }],
    [{ minTrust: "none" }, {}, undefined, { minTrust: "self_signed" }],
    [{ minTrust: "self_signed" }, {}, "hardware", { minTrust: "hardware" }],
    [{ pins: ["A", "B"] }, {}, undefined, { pins: ["A", "B"] }],
    [{}, { provider_serials: ["B", "C"] }, undefined, { pins: ["B", "C"] }],
    [{ pins: ["A", "B"] }, { provider_serials: ["B", "C"] }, undefined, { pins: ["B"] }],
    [{ pins: ["A", "B"] }, { provider_serial: "C" }, undefined, 400],
  ])("reaches what the key %j and the request %j may, with %s", async (bound, body, header, expected) => {
    let ask: Ask | undefined;
    await using edge = await openEdge({
      serve: async (asked, reply) => {
        ask = asked;
        reply.begin(facts);
        await reply.end(closing);
      },
    });
    const [known] = await edge.accounts.list();
    if (!known) throw new Error("the edge has a key");
    const key = "eigeninference-boundboundboundboundboundboundboundbound123";
    const hash = toHex(nodeCrypto.sha256(utf8(key))) as Sha256Hex;
    await edge.accounts.add(hash, { ...known, keyId: "key_b" as KeyId, ...bound });
    const response = await edge.chat(chatBody(body), {
      authorization: `Bearer ${key}`,
      ...(header !== undefined && { "x-darkbloom-min-trust": header }),
    });
    if (typeof expected === "number") {
      expect(response.status).toBe(expected);
      expect(await response.text()).toContain("bound to other machines");
    } else expect(ask?.terms).toMatchObject(expected);
  });

  /** Goal: who is refused for what his key is bound to learns that. Method: the same refusal for a bound key and another. */
  it.each<[bound: object, isTold: boolean]>([
    [{ minTrust: "hardware" }, true],
    [{ pins: ["A"] }, true],
    [{}, false],
  ])("says of the key %j that it is bound: %j", async (bound, isTold) => {
    await using edge = await openEdge({
      serve: async () => {
        throw new NetworkError(examples.no_provider);
      },
    });
    const [known] = await edge.accounts.list();
    if (!known) throw new Error("the edge has a key");
    const key = "eigeninference-boundboundboundboundboundboundboundbound123";
    const hash = toHex(nodeCrypto.sha256(utf8(key))) as Sha256Hex;
    await edge.accounts.add(hash, { ...known, keyId: "key_b" as KeyId, ...bound });
    const response = await edge.chat(chatBody(), { authorization: `Bearer ${key}` });
    expect(response.status).toBe(503);
    expect((await response.text()).includes("This key is bound")).toBe(isTold);
  });

  it("limits the rate of an account, and says when to come back", async () => {
    const clock = { ...systemClock, monotonicMs: () => 0 };
    await using edge = await openEdge({ clock });
    for (let n = 0; n < 120; n++) expect((await edge.chat(chatBody())).status).toBe(200);
    const response = await edge.chat(chatBody());
    expect(response.status).toBe(429);
    expect(response.headers.get("retry-after")).toBe("1");
    expect(response.headers.get("x-ratelimit-remaining-requests")).toBe("0");
    expect(response.headers.get("x-ratelimit-reset-requests")).toBe("6s");
    expect(errorSchemaOf(await response.json()).code).toBe("rate_limit_exceeded");
  });

  /** Goal: who sends what nobody can open is slowed in that alone. Method: a body that is no envelope, one below the bound and at it; then one in the clear. */
  it("limits the rate of what an account seals and nobody opens, and says when to come back", async () => {
    const unopened = new Unopened({ monotonicMs: () => 0 });
    await using edge = await openEdge({ unopened });
    const answers = async (headers: Record<string, string> = {}) => {
      const response = await edge.chat(chatBody(), headers);
      return [response.status, response.headers.get("retry-after")];
    };
    const sealed = { "content-type": "application/vnd.darkbloom.sealed" };
    const unread = (): void => {
      using words = unopened.wordsOn(ACCOUNT);
      for (const machine of ["one", "other"]) words.said(machine);
    };
    for (let said = 1; said < UNOPENED_BURST; said++) unread();
    expect(await answers(sealed)).toEqual([400, null]);
    unread();
    expect(await answers(sealed)).toEqual([429, "3"]);
    expect(await answers()).toEqual([200, null]);
  });

  it("turns everyone away while draining, before it looks at the key", async () => {
    await using edge = await openEdge({ isDraining: () => true });
    const response = await edge.chat(chatBody(), { authorization: "Bearer wrong" });
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "3"]);
  });
});

describe("what is refused of a request", () => {
  it("names what is wrong with a body or a header", async () => {
    await using edge = await openEdge();
    const table: [body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>, param: string | null][] = [
      ["", {}, null],
      ['{"model":', {}, null],
      // What follows a byte order mark is read; two of them are one too many.
      ["\u{feff}{}", {}, "model"],
      ["\u{feff}\u{feff}{}", {}, null],
      [Uint8Array.of(0x22, 0xff, 0x22), {}, null],
      [chatBody(), { "content-encoding": "gzip" }, "content-encoding"],
      [chatBody(), { "content-type": "nonsense" }, null],
      [chatBody(), { "content-type": "application/x-www-form-urlencoded" }, null],
      [chatBody(), { "content-type": "Application/X-WWW-Form-Urlencoded; charset=UTF-8" }, null],
      [chatBody(), { "content-type": "multipart/form-data; boundary=x" }, null],
      [chatBody(), { "x-darkbloom-nonce": "n".repeat(129) }, "x-darkbloom-nonce"],
      [chatBody(), { "x-darkbloom-nonce": "\u00e9" }, "x-darkbloom-nonce"],
      [chatBody(), { "x-darkbloom-nonce": "a\tb" }, "x-darkbloom-nonce"],
      [chatBody(), { "x-darkbloom-min-trust": "none" }, "x-darkbloom-min-trust"],
      [chatBody(), { "x-darkbloom-receipt": "maybe" }, "x-darkbloom-receipt"],
      [chatBody(), { "x-darkbloom-route": "mine" }, "x-darkbloom-route"],
    ];
    for (const [body, headers, param] of table) {
      const response = await edge.chat(body, headers);
      expect([response.status, errorSchemaOf(await response.json()).param]).toEqual([400, param]);
    }
  });

  it("refuses a body that is too large by its length, without reading it, and by its chunks", async () => {
    await using edge = await openEdge();
    using byLength = await dial(edge.port);
    byLength.socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\ncontent-length: ${BODY_BYTES_MAX + 1}\r\n\r\n`,
    );
    expect(await byLength.until(/payload_too_large/)).toMatch(/^HTTP\/1\.1 413 /);

    using sealed = await dial(edge.port);
    sealed.socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\ncontent-type: ${SEALED_REQUEST_TYPE}\r\ncontent-length: ${SEALED_BODY_BYTES_MAX + 1}\r\n\r\n`,
    );
    expect(await sealed.until(/payload_too_large/)).toMatch(/^HTTP\/1\.1 413 /);

    using byChunks = await dial(edge.port);
    byChunks.socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\ntransfer-encoding: chunked\r\n\r\n`,
    );
    const mebibyte = "x".repeat(1024 * 1024);
    for (let n = 0; n < 17; n++) byChunks.socket.write(`100000\r\n${mebibyte}\r\n`);
    expect(await byChunks.until(/payload_too_large/)).toMatch(/^HTTP\/1\.1 413 /);
    // The rest of the upload is dropped, and the connection serves on.
    byChunks.forget();
    byChunks.socket.write(`0\r\n\r\nGET /health HTTP/1.1\r\nhost: x\r\n\r\n`);
    await byChunks.until(/"status":"ok"/);
  });

  it("takes a body of the largest size", async () => {
    await using edge = await openEdge();
    const filler = " ".repeat(BODY_BYTES_MAX - chatBody().length);
    expect((await edge.chat(chatBody() + filler)).status).toBe(200);
    expect((await edge.chat(`${chatBody() + filler} `)).status).toBe(413);
  });

  /**
   * Goal: nothing that a caller sends as content comes back in an error or reaches a log or a metric. Method: a
   * marked word in every place of a request, many kinds of refusal, then a search through all that came out.
   */
  it("repeats nothing of a request", async () => {
    const mark = "CANARY0f3a";
    await using edge = await openEdge();
    const bodies = [
      mark,
      `{"model":"${mark}`,
      chatBody({ model: mark, [mark]: { [mark]: mark }, temperature: mark }),
      chatBody({ messages: [{ role: mark, content: mark }] }),
      chatBody({ messages: mark, tools: [{ type: mark }] }),
      chatBody({ stop: [mark, 1] }),
    ];
    let out = "";
    for (const body of bodies) {
      const response = await edge.chat(body, { "content-type": `application/${mark}` });
      out += await response.text();
      out += await (await edge.chat(body, { "x-darkbloom-min-trust": mark })).text();
      out += await (await edge.chat(body, { authorization: `Bearer ${mark}` })).text();
    }
    out += await (await edge.get(`/v1/${mark}?${mark}`, { method: "PUT", body: mark })).text();
    out += await (await edge.keyed(`/v1/models/${mark}`)).text();
    out += await (await edge.keyed(`/v1/payments/usage?limit=${mark}&${mark}=1`)).text();
    out += await (await edge.get("/metrics")).text();
    expect(out + edge.lines.join("")).not.toContain(mark);
    expect(edge.lines.length).toBeGreaterThan(10);
  });
});

describe("a caller who is slow or leaves", () => {
  it.each(["before_content", "after_content"] as const)("is noticed within 100 ms: %s", async (phase) => {
    const waits = Promise.withResolvers<void>();
    const left = Promise.withResolvers<unknown>();
    await using edge = await openEdge({
      serve: async (ask, reply) => {
        if (phase === "after_content") {
          reply.begin(facts);
          await reply.write(utf8("data: 1\n\n"));
        }
        waits.resolve();
        await systemClock.sleep(10_000, ask.hangUp).catch((error: unknown) => left.resolve(error));
        if (phase === "after_content")
          await expect(reply.write(utf8("x"))).rejects.toMatchObject({ failure: { code: "caller_gone" } });
        throw new NetworkError({ code: "caller_gone", phase });
      },
    });
    using line = await dial(edge.port);
    line.socket.write(rawChat(STREAM));
    await waits.promise;
    if (phase === "after_content") await line.until(/data: 1/);
    await systemClock.sleep(20);
    const hungUpMs = systemClock.monotonicMs();
    line.socket.destroy();
    expect(await left.promise).toMatchObject({ failure: { code: "caller_gone", phase } });
    expect(systemClock.monotonicMs() - hungUpMs).toBeLessThan(100);
    while (!edge.lines.join("").includes('"code":"caller_gone"')) await systemClock.sleep(5);
    expect(edge.lines.join("")).not.toContain('"event":"bug"');
    const told = edge.lines.find((one) => one.includes('"event":"request_failed"'));
    expect(JSON.parse(told ?? "{}")).toMatchObject({ durationMs: expect.toSatisfy((ms: number) => ms >= 10) });
  });

  it("is noticed by every request of a pipeline", async () => {
    const seen = { waiting: 0, left: 0 };
    await using edge = await openEdge({
      serve: async (ask) => {
        seen.waiting++;
        await systemClock.sleep(10_000, ask.hangUp).catch(() => seen.left++);
        throw new NetworkError({ code: "caller_gone", phase: "before_content" });
      },
    });
    using line = await dial(edge.port);
    line.socket.write(rawChat(STREAM) + rawChat(STREAM));
    while (seen.waiting < 2) await systemClock.sleep(5);
    line.socket.destroy();
    while (seen.left < 2) await systemClock.sleep(5);
  });

  it("is noticed in the middle of an upload", async () => {
    await using edge = await openEdge();
    using line = await dial(edge.port);
    line.socket.write(rawChat(chatBody()).slice(0, -5));
    await systemClock.sleep(50);
    line.socket.destroy();
    while (!edge.lines.join("").includes('"code":"caller_gone"')) await systemClock.sleep(5);
    expect(edge.lines.join("")).not.toContain('"event":"bug"');
  });

  /**
   * Goal: a caller who stops reading stops the writer instead of filling memory. Method: a paused socket; the
   * writer must come to a halt after what kernel and Node buffer, and go on when the socket reads again.
   */
  it("makes write wait", async () => {
    const chunk = new Uint8Array(64 * 1024).fill(0x61);
    const CHUNKS = 400;
    let written = 0;
    await using edge = await openEdge({
      serve: async (_ask, reply) => {
        reply.begin(facts);
        for (; written < CHUNKS; written++) await reply.write(chunk);
        await reply.end(closing);
      },
    });
    using line = await dial(edge.port);
    line.socket.pause();
    line.socket.write(rawChat(STREAM));
    const grows = async () => {
      const before = written;
      await systemClock.sleep(200);
      return written === 0 || written > before;
    };
    while (await grows());
    expect(written).toBeLessThan(CHUNKS);
    line.socket.resume();
    await line.until(/darkbloom-receipt/);
    expect(written).toBe(CHUNKS);
  });

  it("leaves nothing behind on a connection that is used again", async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on("warning", note);
    await using edge = await openEdge();
    using line = await dial(edge.port);
    for (let n = 0; n < 20; n++) {
      line.forget();
      line.socket.write(rawChat(STREAM));
      await line.until(/x-se-signature: c2ln\r\n\r\n$/);
    }
    process.off("warning", note);
    expect(warnings).toEqual([]);
  });

  it("ends a response once, also when its caller leaves as it ends", async () => {
    const done = Promise.withResolvers<void>();
    await using edge = await openEdge({
      serve: async (ask, reply) => {
        reply.begin({ ...facts, jobId: "job_2" as JobId });
        await systemClock.sleep(10_000, ask.hangUp).catch(() => undefined);
        await reply.end(closing);
        await reply.end(closing);
        done.resolve();
      },
    });
    using line = await dial(edge.port);
    line.socket.write(rawChat(STREAM));
    await systemClock.sleep(50);
    line.socket.destroy();
    await done.promise;
    expect(edge.lines.join("")).not.toContain('"event":"bug"');
  });
});
