import { toHex, utf8 } from "@darkbloom/protocol/bytes";
import { dialects, type Finish, type FinishReason } from "@darkbloom/protocol/dialects";
import { receipt as receiptSchema, type Receipt } from "@darkbloom/protocol/receipts";
import { tags } from "@darkbloom/protocol/wire";
import { nodeCrypto, nodeHpke, systemRandom } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import { Deadlines } from "@darkbloom/protocol/time";
import { chatBody, Machine, PROVIDER_ID } from "../../test/machine.ts";
import { ManualClock } from "../../test/manual-clock.ts";
import { ScriptedEngine } from "../engine/scripted-engine.ts";
import { constraintOf } from "../language/constraint.ts";
import type { AnswerNet } from "./net.ts";
import { closing, type Told } from "./closing.ts";

interface Asked {
  readonly body?: Record<string, unknown>;
  readonly nonce?: string;
  readonly finishes?: readonly FinishReason[];
  /** What is told has no tokens that were drawn. */
  readonly drawsNothing?: boolean;
  readonly mode?: "transparent" | "sealed";
  /** Hashed as its caller gets it. */
  readonly hasRecords?: boolean;
}

/** Closes an answer that was told as said here, and reads the receipt. */
async function closed({
  body = {},
  nonce,
  finishes = ["stop"],
  drawsNothing = false,
  mode = "transparent",
  hasRecords = false,
}: Asked = {}) {
  const clock = new ManualClock();
  const machine = new Machine(clock);
  await machine.show();
  const engine = new ScriptedEngine({ clock, script: () => ({ pieces: [] }) });
  const asked = chatBody(body);
  const { envelope } = machine.seal(asked, { mode, ...(nonce !== undefined && { nonce }) });
  const opened = machine.keys.open(envelope, PROVIDER_ID);
  if ("refused" in opened) throw new RangeError(opened.refused);
  const { job } = dialects["/v1/chat/completions"].decode(asked);
  const net: AnswerNet = {
    clock,
    crypto: nodeCrypto,
    hpke: nodeHpke,
    random: systemRandom,
    engine,
    signer: machine.signer,
    providerId: PROVIDER_ID,
    defer: queueMicrotask,
    deadlines: new Deadlines(clock),
    open: () => opened,
    send: () => {},
    sendFrame: () => {},
    failed: () => {},
  };
  const told: Told = {
    hashes: {
      body: nodeCrypto.sha256(utf8("the body")),
      ...(hasRecords && { records: nodeCrypto.sha256(utf8("the frames")) }),
    },
    finishes: finishes.map((reason): Finish => ({ reason })),
    usage: { promptTokens: 4, cachedTokens: 1, completionTokens: 3, reasoningTokens: 2 },
    ...(!drawsNothing && { generation: { ...job.sampling, seed: 9, maxTokens: 50, ...constraintOf(job) } }),
    startedAt: clock.now(),
  };
  await clock.advance(1_500);
  const request = {
    job_id: "job_1",
    caller_request_id: "req_1",
    envelope,
    credit_bytes: 1,
  } as const;
  const message = await closing(net, request, opened, job, told);
  if (message.type !== "inference_complete") throw new RangeError(`closed by ${message.type}`);
  return {
    ...message,
    receipt: receiptSchema.parse(JSON.parse(message.receipt)) satisfies Receipt,
    jcs: message.receipt,
    machine,
  };
}

describe("a receipt", () => {
  it("says what was asked, by whom it was answered, when, and what it took", async () => {
    const { receipt, job_id, machine } = await closed({
      body: { temperature: 0.5, top_p: 0.25, n: 2, stop: ["a", "b"], logit_bias: { "1": 2 } },
      nonce: "n-1",
    });
    expect(job_id).toBe("job_1");
    expect(receipt).toMatchObject({
      v: 1,
      job_id: "job_1",
      request_id: "req_1",
      privacy: "transparent",
      endpoint: "/v1/chat/completions",
      model: "scripted",
      build: "scripted",
      weights_sha256: "0".repeat(64),
      engine: { name: "scripted", version: "1" },
      response_sha256: toHex(nodeCrypto.sha256(utf8("the body"))),
      nonce: "n-1",
      // Only how many: what a caller's stop strings say is the caller's.
      sampling: { temperature: 0.5, top_p: 0.25, top_k: 0, logit_bias: 1, seed: 9, stop: 2, max_tokens: 50, n: 2 },
      usage: { prompt_tokens: 4, cached_tokens: 1, completion_tokens: 3, reasoning_tokens: 2 },
      finish_reason: "stop",
      provider_id: PROVIDER_ID,
      evidence_sha256: machine.keys.latest.evidenceSha256,
      started_at: "2026-01-01T00:00:00.000Z",
      finished_at: "2026-01-01T00:00:01.500Z",
    });
  });

  /** Goal: what was not asked for is not in what is signed, not even as nothing. Method: the names that stand in the signed text. */
  it.each<[string, Asked, string[]]>([
    ["nonce", {}, []],
    ["nonce", { nonce: "n-1" }, ["nonce"]],
    ["sampling", { drawsNothing: true }, []],
    ["finish_reason", { drawsNothing: true }, []],
    ["finish_reason", {}, ["finish_reason"]],
    ["min_p", {}, []],
    ["min_p", { body: { min_p: 0.25 } }, ["min_p"]],
    ["repetition_penalty", {}, []],
    ["repetition_penalty", { body: { repetition_penalty: 1.5 } }, ["repetition_penalty"]],
  ])("says %s where there is one: %j", async (name, asked, expected) => {
    const { jcs } = await closed(asked);
    const told: { sampling?: object } = JSON.parse(jcs);
    const names = [...Object.keys(told), ...Object.keys(told.sampling ?? {})];
    expect(names.filter((one) => one === name)).toEqual(expected);
  });

  it("is signed with its tag, and the hash without one", async () => {
    const { jcs, receipt_signature, response_signature, receipt, machine } = await closed();
    const { publicKey } = machine.signer;
    const good = (message: string, signature: string) =>
      nodeCrypto.verifyP256(publicKey, utf8(message), new Uint8Array(Buffer.from(signature, "base64")));
    expect(await good(tags.receipt + jcs, receipt_signature)).toBe(true);
    expect(await good(receipt.response_sha256, response_signature ?? "")).toBe(true);
    expect(await good(jcs, receipt_signature)).toBe(false);
  });

  /** Goal: what only its caller has seen is told to nobody else: of a sealed answer neither the hash nor its signature. Method: one that is closed, and one that was not hashed as its caller gets it. */
  it("tells of a sealed answer what everybody saw, and nothing by which it could be guessed", async () => {
    const got = await closed({ mode: "sealed", hasRecords: true });
    expect(got.receipt).toMatchObject({
      privacy: "sealed",
      response_sha256: toHex(nodeCrypto.sha256(utf8("the frames"))),
    });
    expect(got).not.toHaveProperty("response_signature");
    expect(await closed()).toHaveProperty("response_signature");
    await expect(closed({ mode: "sealed" })).rejects.toThrow("not hashed as its caller gets it");
  });

  /** Goal: of several answers the receipt names the end that says most. Method: every order of two, and none. */
  it.each<[FinishReason[], FinishReason]>([
    [[], "stop"],
    [["stop", "stop"], "stop"],
    [["stop", "tool_calls"], "tool_calls"],
    [["tool_calls", "length"], "length"],
    [["length", "stop"], "length"],
    [["length", "cancelled"], "cancelled"],
  ])("of %j says %s", async (finishes, expected) => {
    for (const order of [finishes, finishes.toReversed()])
      expect((await closed({ finishes: order })).receipt.finish_reason).toBe(expected);
  });
});
