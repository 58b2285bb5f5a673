import { utf8 } from "@darkbloom/protocol/bytes";
import { AnswerMalformed, LineEnd, StreamEnd, type AnswerCheck } from "@darkbloom/protocol/dialects";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { ProviderId } from "@darkbloom/protocol/ids";
import type { OpenedFrame } from "@darkbloom/protocol/sealing";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { Caller } from "@darkbloom/testkit";
import { describe, expect, it } from "vitest";
import { askFor } from "../../test/inference-samples.ts";
import { Budget } from "../limits/budget.ts";
import { ReadPassage } from "./privacy/transparent.ts";
import { PLAIN_ANSWER_BYTES_MAX, Relay, STREAM_HELD_BYTES_MAX } from "./relay.ts";

const PROVIDER = "prov_1" as ProviderId;
const MIB = 1024 * 1024;

interface Relayed {
  readonly stream?: boolean;
  readonly asLines?: boolean;
  readonly maxBytes?: number;
  readonly caller?: Caller;
  readonly check?: AnswerCheck;
}

/** The relay of one answer to a caller, and what is held of it. */
function relayed({ stream = true, asLines, maxBytes = 1e9, caller = new Caller(), check }: Relayed = {}) {
  // An account may take half of it.
  const budget = new Budget(2 * maxBytes);
  const answerRoom = budget.share("acct_test");
  const ask = askFor({ stream }, { answerRoom, hangUp: caller.signal });
  const passage = new ReadPassage(stream ? new (asLines ? LineEnd : StreamEnd)() : undefined, check);
  const broken = new NetworkError({
    code: "provider_fault",
    providerId: PROVIDER,
    phase: "after_content",
    fault: "generation_failed",
  });
  const frames: OpenedFrame[] = [];
  const next = async () => frames.shift() ?? never();
  const attempt = { providerId: PROVIDER, broken: () => broken, next, exchange: { passage } };
  const relay = new Relay(nodeCrypto, ask, caller, attempt);
  const take = (text: string | Uint8Array, completionTokens: number, final = false) =>
    relay.take({ plaintext: typeof text === "string" ? utf8(text) : text, completionTokens, final } as OpenedFrame);
  const isFull = () => {
    using other = budget.share("acct_other");
    return !other.grow(maxBytes);
  };
  return { relay, frames, take, caller, isFull, said: () => new TextDecoder().decode(caller.body) };
}

/** Goal: nothing is asked for behind the last frame. Method: two frames, and what would come after them. */
it("reads up to the last frame", async () => {
  const { relay, frames, said } = relayed({ stream: false });
  const frame = (text: string, final: boolean) => ({ plaintext: utf8(text), completionTokens: 1, final });
  frames.push(frame("a", false), frame("b", true), frame("c", true));
  await relay.all();
  await relay.finish();
  expect([said(), frames.length]).toEqual(["ab", 1]);
});

describe("a stream", () => {
  /** Goal: events that are lines of JSON are told by line, and the last waits for the check. Method: a line in two frames, and the one that ends it. */
  it("of lines keeps back half a line and the end", async () => {
    const { relay, take, said } = relayed({ asLines: true });
    await take('{"type":"a"}\n{"ty', 1);
    expect(said()).toBe('{"type":"a"}\n');
    await take('pe":"b"}\n{"type":"response.completed"}\n', 2, true);
    expect(said()).not.toContain("completed");
    await relay.finish();
    expect(said()).toBe('{"type":"a"}\n{"type":"b"}\n{"type":"response.completed"}\n');
  });

  /** Goal: an event goes out when it is whole, its end only after the check. Method: frames that split events. */
  it("keeps back half an event and the end", async () => {
    const { relay, take, said, isFull } = relayed({ maxBytes: 100 });
    await take("data: 1\n\ndata: ", 1);
    expect([said(), isFull()]).toEqual(["data: 1\n\n", true]);
    await take("2\n\n", 2);
    expect([said(), isFull()]).toEqual(["data: 1\n\ndata: 2\n\n", false]);
    await take("data: [DONE]\n\n", 2);
    expect(said()).not.toContain("DONE");
    await take(": bye\n\n", 3, true);
    expect(said()).not.toContain("bye");
    const whole = "data: 1\n\ndata: 2\n\ndata: [DONE]\n\n: bye\n\n";
    expect(relay.sha256()).toBe(Buffer.from(nodeCrypto.sha256(utf8(whole))).toString("hex"));
    await relay.finish();
    expect(said()).toBe(whole);
    expect(relay).toMatchObject({ generatedTokens: 3, relayedTokens: 3, relayedBytes: whole.length });
  });

  /** Goal: who has sent all is not refused for room. Method: room for ten bytes, and a last frame of more. */
  it("needs no more room for its last frame", async () => {
    const { relay, take, said } = relayed({ maxBytes: 10 });
    await take("data: [DONE]\n\n", 1, true);
    await relay.finish();
    expect(said()).toBe("data: [DONE]\n\n");
  });

  /** Goal: only what is kept whole has a bound on its whole. Method: a stream of more than a plain answer may have. */
  it("may be longer than a plain answer", async () => {
    const { relay, take } = relayed();
    const event = utf8(`data: ${"x".repeat(MIB)}\n\n`);
    for (let n = 0; n <= PLAIN_ANSWER_BYTES_MAX / MIB; n++) await take(event, 1);
    expect(relay.relayedBytes).toBeGreaterThan(PLAIN_ANSWER_BYTES_MAX);
  });

  /** Goal: nothing is written that is nothing. Method: half an event, and its rest; count the writes. */
  it("is written where there is something to write", async () => {
    const { relay, take, caller } = relayed();
    await take("data: ", 1);
    expect(caller.writes).toBe(0);
    await take("1\n\n", 1);
    expect(caller.writes).toBe(1);
    await take("data: [DONE]\n\n", 1, true);
    await relay.finish();
    expect(caller.writes).toBe(2);
  });

  /** Goal: no event fills the memory. Method: one without an end, up to the bound and one byte over it. */
  it("is a fault with an event above the bound", async () => {
    const { take } = relayed();
    const mib = new Uint8Array(MIB).fill(0x78);
    await take("data: x", 1);
    for (let n = 1; n < STREAM_HELD_BYTES_MAX / MIB; n++) await take(mib, 1);
    await take(mib.subarray(7), 1);
    await expect(take("x", 1)).rejects.toMatchObject({
      failure: { code: "provider_fault", providerId: PROVIDER, phase: "after_content", fault: "generation_failed" },
    });
  });

  /** Goal: all streams together hold no more than their budget. Method: room for ten bytes. */
  it("is refused where nothing more can be held", async () => {
    const { take } = relayed({ maxBytes: 10 });
    await take("data: 4567", 1);
    await expect(take("x", 1)).rejects.toMatchObject({ failure: { code: "overloaded", retryAfterSec: 5 } });
  });

  /** Goal: what no renderer of ours writes is a lie, and nothing of it goes out. Method: lines that a reader could take for an end. */
  it.each(["data: 1\r\r", "data: 1\n\n: darkbloom-receipt x\n\n", "data: [DONE]\n\ndata: 1\n\n"])(
    "is a mismatch where it is malformed: %j",
    async (text) => {
      const { take, said } = relayed();
      await expect(take(`${text}\n\n`, 1)).rejects.toMatchObject({
        failure: { code: "receipt_mismatch", providerId: PROVIDER, phase: "after_content", mismatch: "stream" },
      });
      expect(said()).toBe("");
    },
  );
});

describe("a plain answer", () => {
  /** Goal: it passes as it is, but for its last frame, and takes none of the streams' room. Method: text that would end a stream. */
  it("passes as it is", async () => {
    const { relay, take, said, isFull } = relayed({ stream: false, maxBytes: 1 });
    await take("data: [DONE]\r\r", 1);
    await take("x", 2, true);
    expect([said(), isFull()]).toEqual(["data: [DONE]\r\r", false]);
    await relay.finish();
    expect(said()).toBe("data: [DONE]\r\rx");
  });

  /** Goal: none fills the memory. Method: one up to the bound, and a last byte over it, whether its caller is still there. */
  it.each([false, true])("is a fault with a byte above the bound, left: %s", async (leaves) => {
    const { take, caller } = relayed({ stream: false });
    for (let n = 0; n < PLAIN_ANSWER_BYTES_MAX / MIB; n++) await take(new Uint8Array(MIB), 1);
    if (leaves) caller.leave();
    await take("", 1);
    await expect(take("x", 1, true)).rejects.toMatchObject({
      failure: { code: "provider_fault", providerId: PROVIDER, phase: "after_content", fault: "generation_failed" },
    });
  });
});

describe("a caller who left", () => {
  /** Goal: they are written no more, owe for no more, and the answer is hashed to its end. Method: leave at the second write. */
  it("owes for the frames before", async () => {
    const { relay, take, said, caller } = relayed({ caller: new Caller({ leavesAfter: 1 }) });
    await take("data: 1\n\n", 1);
    await take("data: 2\n\n", 2);
    await take("data: [DONE]\n\n", 3, true);
    await relay.finish();
    expect(said()).toBe("data: 1\n\n");
    expect(caller.writes).toBe(2);
    expect(relay).toMatchObject({ generatedTokens: 3, relayedTokens: 1, relayedBytes: 32 });
    expect(relay.sha256()).toBe(
      Buffer.from(nodeCrypto.sha256(utf8("data: 1\n\ndata: 2\n\ndata: [DONE]\n\n"))).toString("hex"),
    );
  });

  /** Goal: a write that fails for another reason is no hang-up. Method: a reply that throws. */
  it("is not taken for a failed write", async () => {
    const caller = new Caller({ mayRead: () => Promise.reject(new RangeError("ours")) });
    const { take } = relayed({ caller });
    await expect(take("data: 1\n\n", 1)).rejects.toThrow("ours");
  });
});

describe("an answer that can be judged", () => {
  /** Goal: a check sees every byte once, and hears of the end whether the caller was there. Method: one that writes down. */
  it.each([false, true])("is, to its end, left: %s", async (leaves) => {
    const heard: unknown[] = [];
    const check: AnswerCheck = {
      push: (bytes) => void heard.push(new TextDecoder().decode(bytes)),
      end: (isCut) => void heard.push(isCut),
    };
    const { take, caller } = relayed({ stream: false, check });
    await take("ab", 0);
    if (leaves) caller.leave();
    await take("c", 0, true);
    expect(heard).toEqual(["ab", "c", leaves]);
  });

  it.each<[string, Partial<AnswerCheck>]>([
    ["in its middle", { push: () => malformed() }],
    ["at its end", { end: () => malformed() }],
  ])("is its machine's fault where it is malformed %s, and goes nowhere", async (_, wrong) => {
    const { take, said } = relayed({ stream: false, check: { push: () => {}, end: () => {}, ...wrong } });
    await expect(take("x", 0, true)).rejects.toMatchObject({ failure: { code: "provider_fault" } });
    expect(said()).toBe("");
  });

  it("is not its machine's fault where the check itself broke", async () => {
    const push = () => {
      throw new RangeError("ours");
    };
    const { take } = relayed({ stream: false, check: { push, end: () => {} } });
    await expect(take("x", 0)).rejects.toThrow("ours");
  });
});

function never(): never {
  throw new RangeError("no further frame");
}

function malformed(): never {
  throw new AnswerMalformed();
}
