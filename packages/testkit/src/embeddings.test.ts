import { serve } from "@darkbloom/coordinator/testing";
import { EMBED_TOKENS_ADDED_MAX } from "@darkbloom/protocol/prompt-bounds";
import { receipt as receiptSchema, type Receipt } from "@darkbloom/protocol/receipts";
import type { Script } from "@darkbloom/provider/testing";
import { afterEach, describe, expect, it } from "vitest";
import { Caller, codeOf } from "./caller.ts";
import { HttpNetwork, type Answered } from "./http-network.ts";
import { account, CREDIT, entry } from "./network.ts";
import { settle } from "./simulated-clock.ts";
import { offered as machinesOffer } from "./test-provider.ts";

const PATH = "/v1/embeddings";
const fine: Script = { pieces: [] };

const opened: HttpNetwork[] = [];
afterEach(async () => {
  for (const made of opened.splice(0)) {
    await made[Symbol.asyncDispose]();
    expect(made.bugs).toEqual([]);
    expect(await made.ledger.check()).toEqual([]);
  }
});

async function network(...scripts: readonly ((text: string) => Script)[]) {
  const made = await HttpNetwork.open();
  opened.push(made);
  await made.credit();
  const providers = scripts.map((script) => made.provider((messages) => script(messages.at(-1)?.text ?? "")));
  await made.clock.advance(1_000);
  const ask = (more: object, stepMs = 1) => made.call(PATH, { model: entry.id, input: "a b", ...more }, {}, stepMs);
  const spent = async () => CREDIT - (await made.ledger.totals(account)).balance;
  return { made, providers, ask, spent };
}

interface Told {
  readonly data: readonly { readonly embedding: number[] | string; readonly index: number }[];
  readonly usage: { readonly prompt_tokens: number; readonly total_tokens: number };
}
const toldIn = ({ status, body }: Answered): Told => {
  expect([status, body.toString()]).toEqual([200, expect.any(String)]);
  return JSON.parse(body.toString()) as Told;
};
const errorIn = ({ body }: Answered) =>
  (JSON.parse(body.toString()) as { error: { code: string; param: string; message: string } }).error;
const receiptIn = ({ headers }: Answered): Receipt => {
  const { receipt } = JSON.parse(Buffer.from(String(headers["x-darkbloom-receipt"]), "base64url").toString()) as {
    receipt: unknown;
  };
  return receiptSchema.parse(receipt);
};
const vectorsIn = (answered: Answered): number[][] =>
  toldIn(answered).data.map(({ embedding }) => embedding as number[]);
const lengthOf = (vector: readonly number[]): number => Math.hypot(...vector);

describe("vectors over the network", () => {
  it("come in order, of length 1, each its own input's", async () => {
    const { ask } = await network(() => fine);
    const inputs = ["a b", "c", "a b", [5, 6]];
    const answered = await ask({ input: inputs });
    expect(toldIn(answered).data.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    const vectors = vectorsIn(answered);
    for (const vector of vectors) {
      expect(vector).toHaveLength(8);
      expect(lengthOf(vector)).toBeCloseTo(1, 5);
    }
    expect(vectors[2]).toEqual(vectors[0]);
    expect(vectors[1]).not.toEqual(vectors[0]);
    expect(vectorsIn(await ask({ input: "a b" }))).toEqual([vectors[0]]);
  });

  it("are the same in base64", async () => {
    const { ask } = await network(() => fine);
    const plain = vectorsIn(await ask({ input: ["a", "b"] }));
    const packed = toldIn(await ask({ input: ["a", "b"], encoding_format: "base64" })).data.map(({ embedding }) => {
      const bytes = Buffer.from(String(embedding), "base64");
      return Array.from({ length: 8 }, (_, at) => bytes.readFloatLE(4 * at));
    });
    expect(packed.map((vector) => vector.map(Math.fround))).toEqual(plain.map((vector) => vector.map(Math.fround)));
  });

  it("are shortened to a length that the model was trained for, and of length 1 again", async () => {
    const { ask } = await network(() => fine);
    const [whole] = vectorsIn(await ask({}));
    const [short] = vectorsIn(await ask({ dimensions: 4 }));
    const first = (whole ?? []).slice(0, 4);
    expect(short).toHaveLength(4);
    for (const [at, value] of first.entries()) expect(short?.[at]).toBeCloseTo(value / lengthOf(first), 5);
    expect(vectorsIn(await ask({ dimensions: 8 }))).toEqual([whole]);
  });

  /** Goal: tokens of the input are what is paid, at its price. Method: the machine's own count, and the account before and after. */
  it("cost what their tokens cost, and their receipt has no sampling and no finish", async () => {
    const { ask, spent, made } = await network(() => fine);
    const answered = await ask({ input: ["a b c", "d"] });
    expect(toldIn(answered).usage).toEqual({ prompt_tokens: 4, total_tokens: 4 });
    expect(await spent()).toBe(4n);
    const receipt = receiptIn(answered);
    expect(receipt).toMatchObject({
      endpoint: PATH,
      usage: { prompt_tokens: 4, cached_tokens: 0, completion_tokens: 0, reasoning_tokens: 0 },
    });
    expect(Object.keys(receipt)).not.toEqual(expect.arrayContaining(["sampling"]));
    expect(Object.keys(receipt)).not.toEqual(expect.arrayContaining(["finish_reason"]));
    expect(made.running).toBe(0);
  });

  it("hold the bytes of the body and what surrounds each text, and no output", async () => {
    const { made } = await network(() => ({ pieces: [], firstTokenMs: 1_000 }));
    const body = JSON.stringify({ model: entry.id, input: ["a", "b"] });
    const sent = made.send(PATH, { body });
    while (made.running === 0) await settle();
    // A micro-USD a token.
    expect((await made.ledger.totals(account)).held).toBe(BigInt(body.length + 2 * EMBED_TOKENS_ADDED_MAX));
    await made.during(sent, 100);
    expect(await made.ledger.totals(account)).toMatchObject({ held: 0n, charged: 2n });
  });

  it("are not paid where every machine fails, behind a vector too", async () => {
    const flaky = (text: string): Script => (text === "bad" ? { pieces: [], failAfter: 0 } : fine);
    const { ask, providers, spent } = await network(flaky, flaky);
    const refused = await ask({ input: ["x", "bad"] });
    expect([refused.status, errorIn(refused).code]).toEqual([502, "provider_fault"]);
    expect(providers.map(({ engine }) => engine.embedded)).toEqual([1, 1]);
    expect(await spent()).toBe(0n);
  });

  it("move on from a machine that fails to one that does not", async () => {
    const made: { embedded: number }[] = [];
    const embedded = () => made.reduce((sum, engine) => sum + engine.embedded, 0);
    const flaky = (text: string) => (text === "y" && embedded() === 1 ? { pieces: [], failAfter: 0 } : fine);
    const { ask, spent, providers } = await network(flaky, flaky);
    made.push(...providers.map(({ engine }) => engine));
    expect(vectorsIn(await ask({ input: ["x", "y", "z"] }))).toHaveLength(3);
    expect(providers.map(({ engine }) => engine.embedded).toSorted((a, b) => a - b)).toEqual([1, 3]);
    expect(await spent()).toBe(3n);
  });

  /** Goal: good vectors speak for a machine as words do. Method: a few faults of a machine that nearly always answers. */
  it("keep a machine in that fails seldom", async () => {
    const flaky = (text: string): Script => (text === "bad" ? { pieces: [], failAfter: 0 } : fine);
    const { ask, made } = await network(flaky);
    for (let n = 0; n < 24; n++) {
      await ask({ input: n % 8 === 7 ? "bad" : "good" });
      await made.clock.advance(2_000);
    }
    expect(made.fleet.machines().map(({ conduct }) => conduct.isProbed)).toEqual([false]);
  });

  it("of a slow machine are waited for while they come", async () => {
    const { ask } = await network(() => ({ pieces: [], firstTokenMs: 40_000 }));
    expect(vectorsIn(await ask({ input: ["a", "b", "c", "d"] }, 1_000))).toHaveLength(4);
  });

  /** Goal: whoever leaves pays for what there was. Method: hang up behind the second of many slow inputs. */
  it("are paid so far where the caller leaves", async () => {
    const { made, spent, providers } = await network(() => ({ pieces: [], firstTokenMs: 100 }));
    const caller = new Caller();
    const input = Array.from({ length: 50 }, (_, at) => `text ${at}`);
    const ask = made.ask(caller, { said: { model: entry.id, input }, endpoint: PATH });
    const asked = serve(made.net, ask, caller);
    while ((providers[0]?.engine.embedded ?? 0) < 2) {
      await made.clock.advance(10);
      await settle();
    }
    caller.leave();
    expect(await made.during(codeOf(asked))).toBe("caller_gone");
    await made.clock.advance(1_000);
    expect(providers[0]?.engine.embedded).toBeLessThan(10);
    expect(await spent()).toBeGreaterThanOrEqual(2n);
    expect(await spent()).toBeLessThan(20n);
    expect(made.running).toBe(0);
  });

  it.each<[what: string, more: object, code: string, param: string, words: string]>([
    ["fewer numbers than it was trained for", { dimensions: 5 }, "unsupported", "dimensions", "8 numbers"],
    ["more numbers than it has", { dimensions: 9 }, "unsupported", "dimensions", "8 numbers"],
    ["a stream", { stream: true }, "unsupported", "stream", "one answer"],
    ["foreign tokens", { input: [[5, 100_000]] }, "unsupported", "input", "send text"],
    [
      "a long text behind a short one",
      { input: ["a", "b ".repeat(2_100)] },
      "context_length_exceeded",
      "input",
      "2048",
    ],
  ])("are refused by name, and nothing is computed for them: %s", async (_, more, code, param, words) => {
    const { ask, spent, providers } = await network(() => fine);
    const answered = await ask(more);
    expect(providers.map(({ engine }) => engine.embedded)).toEqual([0]);
    expect(answered.status).toBe(400);
    expect(errorIn(answered)).toMatchObject({ code, param, message: expect.stringContaining(words) });
    expect(await spent()).toBe(0n);
  });
});

describe("a model is asked only for what it is for", () => {
  const catalogWith = async (tasks: readonly ("generate" | "embed")[], offered = tasks, dimensions = 8) => {
    const { embedding: _, ...talking } = entry;
    const own = tasks.includes("embed") ? { ...talking, embedding: { dimensions, shortenedTo: [] } } : talking;
    const made = await HttpNetwork.open({ sold: { ...own, tasks } });
    opened.push(made);
    await made.credit();
    made.provider(() => ({ pieces: ["x"] }), {
      vectorLength: dimensions,
      offers: () => ({ models: [{ ...machinesOffer.models[0]!, tasks: [...offered] }] }),
    });
    await made.clock.advance(1_000);
    const chat = { model: entry.id, messages: [{ role: "user", content: "x" }] };
    return {
      chat: () => made.call("/v1/chat/completions", chat),
      count: () => made.call("/v1/messages/count_tokens", chat),
      embed: (more: object = {}) => made.call(PATH, { model: entry.id, input: "x", ...more }),
    };
  };

  it("one that talks", async () => {
    const { chat, embed } = await catalogWith(["generate"]);
    expect((await chat()).status).toBe(200);
    const refused = await embed();
    expect(refused.status).toBe(400);
    expect(errorIn(refused)).toMatchObject({
      code: "unsupported",
      param: "model",
      message: expect.stringContaining("no vectors"),
    });
  });

  it("one that embeds", async () => {
    const { chat, count, embed } = await catalogWith(["embed"]);
    expect((await embed()).status).toBe(200);
    const refused = await chat();
    expect(errorIn(refused)).toMatchObject({
      code: "unsupported",
      param: "model",
      message: expect.stringContaining("no text"),
    });
    expect([refused.status, (await count()).status]).toEqual([400, 400]);
  });

  it("one that does both, by a machine that offers both", async () => {
    const { chat, embed } = await catalogWith(["generate", "embed"], ["generate"]);
    expect((await chat()).status).toBe(200);
    const refused = await embed();
    expect([refused.status, errorIn(refused).code]).toEqual([503, "no_provider"]);
  });

  it("for no more than one answer holds, and for more of it in base64", async () => {
    const { embed } = await catalogWith(["embed"], ["embed"], 4_000);
    const input = Array.from({ length: 500 }, () => "x");
    const refused = await embed({ input });
    expect(refused.status).toBe(400);
    expect(errorIn(refused)).toMatchObject({
      code: "body_invalid",
      param: "input",
      message: expect.stringContaining("base64"),
    });
    expect((await embed({ input, encoding_format: "base64" })).status).toBe(200);
  });
});
