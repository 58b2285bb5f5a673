import type { EmbedInput, TextInput, Tool } from "@darkbloom/protocol/dialects";
import { anyObject } from "@darkbloom/protocol/schema";
import { describe, expect, it } from "vitest";
import type { Piece } from "../language/reply.ts";
import { EngineRefusal } from "../language/refusal.ts";
import type { Embedded, Engine, Generation, Prompt } from "./engine.ts";

/** The likeliest tokens of a short answer. */
export const said: Generation = {
  temperature: 0,
  topP: 1,
  topK: 0,
  frequencyPenalty: 0,
  presencePenalty: 0,
  minP: 0,
  repetitionPenalty: 1,
  logitBias: [],
  stop: [],
  seed: 7,
  maxTokens: 24,
};

/** A job that asks this and no more. */
export const asked = (text: string): Parameters<Engine["prompt"]>[0] => ({
  messages: [{ role: "user", text }],
  tools: [],
  toolChoice: "none",
});

interface Answer {
  readonly text: string;
  readonly pieces: readonly Piece[];
  readonly finish: "stop" | "length";
  readonly cachedTokens: number;
  readonly completionTokens: number;
}

/** Runs to the end. */
export async function all(
  engine: Engine,
  prompt: Prompt | Promise<Prompt>,
  generation: Generation,
  cacheScope?: string,
  signal = new AbortController().signal,
): Promise<Answer> {
  const run = engine.run(await prompt, generation, signal, cacheScope);
  const pieces: Piece[] = [];
  for (;;) {
    const step = await run.next();
    if (step.done) return { text: pieces.map(({ text }) => text).join(""), pieces, ...step.value };
    pieces.push(step.value);
  }
}

/** What any engine must do. `open` gives one that answers the question below with at least eight tokens. */
export function engineContract(name: string, open: () => Promise<Engine>): void {
  describe(`engine contract: ${name}`, () => {
    const question = asked("What is rain?");

    it("ends by itself, and counts the token that ends the turn", async () => {
      await using engine = await open();
      const answer = await all(engine, engine.prompt(question), { ...said, maxTokens: 500 });
      expect(answer.finish).toBe("stop");
      expect(answer.text).not.toBe("");
      expect(answer.completionTokens).toBeGreaterThan(8);
    });

    it("stops at its bound", async () => {
      await using engine = await open();
      const { finish, completionTokens } = await all(engine, engine.prompt(question), { ...said, maxTokens: 3 });
      expect({ finish, completionTokens }).toEqual({ finish: "length", completionTokens: 3 });
    });

    /** Goal: a text is gone on with as it stands, whatever it spells. Method: its tokens, with marks of a conversation in it, empty, and as tokens of its own. */
    it("goes on with a text that has no template", async () => {
      await using engine = await open();
      const plain = asked("");
      const raw = async (text: TextInput) => engine.prompt({ ...plain, text });
      const short = await raw("Rain is");
      expect(short).toMatchObject({ opensThinking: false, continues: true });
      expect(short).not.toHaveProperty("thought");
      expect(short.tokens.length).toBeLessThan((await engine.prompt(asked("Rain is"))).tokens.length);
      const answer = await all(engine, Promise.resolve(short), { ...said, maxTokens: 3 });
      expect(answer.completionTokens).toBeGreaterThan(0);
      const spelled = await raw("<|im_end|>");
      expect(spelled.tokens.length).toBeGreaterThan(0);
      const again = await raw([1, 2]);
      expect(again.tokens).toHaveLength(2);
      expect(again.text).toBeTypeOf("string");
      await expect(raw([2 ** 31 - 1])).rejects.toMatchObject({ code: "tokens_refused" });
    });

    it("counts each token as it comes", async () => {
      await using engine = await open();
      const { pieces, completionTokens } = await all(engine, engine.prompt(question), said);
      const counts = pieces.map((piece) => piece.completionTokens);
      expect(counts).toEqual(counts.toSorted((a, b) => a - b));
      expect(counts[0]).toBe(1);
      expect(completionTokens).toBeGreaterThanOrEqual(counts.at(-1) ?? 0);
    });

    it("says the same for the same seed", async () => {
      await using engine = await open();
      const drawn = { ...said, temperature: 1 };
      const once = await all(engine, engine.prompt(question), drawn);
      expect(await all(engine, engine.prompt(question), drawn)).toEqual(once);
    });

    /** Goal: a cancel is heard between tokens and frees the slot. Method: cancel every slot's run, then use them all again. */
    it("is cancelled between tokens", async () => {
      await using engine = await open();
      for (let slot = 0; slot < engine.slots; slot++) {
        const cancel = new AbortController();
        const run = engine.run(await engine.prompt(question), said, cancel.signal);
        expect((await run.next()).done).toBe(false);
        cancel.abort(new Error("enough"));
        await expect(run.next()).rejects.toThrow("enough");
      }
      await expect(all(engine, engine.prompt(question), said)).resolves.toMatchObject({ completionTokens: 24 });
    });

    it("is cancelled while it waits for a slot", async () => {
      await using engine = await open();
      const signal = new AbortController().signal;
      const prompt = await engine.prompt(question);
      const holders = Array.from({ length: engine.slots }, () => engine.run(prompt, said, signal));
      await Promise.all(holders.map((run) => run.next()));
      const cancel = new AbortController();
      const waiting = all(engine, engine.prompt(question), said, undefined, cancel.signal);
      cancel.abort(new Error("enough"));
      await expect(waiting).rejects.toThrow("enough");
      await Promise.all(holders.map((run) => run.return({ finish: "stop", cachedTokens: 0, completionTokens: 0 })));
    });

    it("frees the slot of a reader who leaves", async () => {
      await using engine = await open();
      for (let turn = 0; turn <= engine.slots; turn++)
        for await (const piece of engine.run(await engine.prompt(question), said, new AbortController().signal))
          if (piece.completionTokens === 2) break;
      await expect(all(engine, engine.prompt(question), said)).resolves.toMatchObject({ completionTokens: 24 });
    });

    it("runs more than it has slots, one after another", async () => {
      await using engine = await open();
      const alone = await all(engine, engine.prompt(question), said);
      const many = Array.from({ length: engine.slots + 2 }, () => all(engine, engine.prompt(question), said));
      for (const one of await Promise.all(many)) expect(one).toEqual(alone);
    });

    it("refuses a prompt that fills its context", async () => {
      await using engine = await open();
      const prompt = engine.prompt(asked("word ".repeat(engine.model.contextTokens)));
      await expect(all(engine, prompt, said)).rejects.toBeInstanceOf(EngineRefusal);
    });

    it("reuses nothing of a prompt that has no scope, and says so in each piece", async () => {
      await using engine = await open();
      await all(engine, engine.prompt(question), said);
      const { pieces, cachedTokens } = await all(engine, engine.prompt(question), said);
      expect(new Set([cachedTokens, ...pieces.map((piece) => piece.cachedTokens)])).toEqual(new Set([0]));
    });

    it("says how a call is written where tools are offered, and only there", async () => {
      await using engine = await open();
      const tools: Tool[] = [{ name: "get_weather", description: "Weather.", parameters: {}, schema: anyObject }];
      const syntaxOf = async (toolChoice: "auto" | "none", offered = tools) =>
        (await engine.prompt({ ...question, tools: offered, toolChoice })).toolSyntax;
      expect((await syntaxOf("auto"))?.body.kind).toBe("object");
      expect([await syntaxOf("none"), await syntaxOf("none", [])]).toEqual([undefined, undefined]);
    });

    it.each([0, 1, 5])("tells each token's log probability beside %i others", async (topLogprobs) => {
      await using engine = await open();
      const { pieces } = await all(engine, engine.prompt(question), { ...said, temperature: 1, topLogprobs });
      expect(pieces.length).toBeGreaterThan(8);
      for (const { logprob } of pieces) {
        if (!logprob) throw new Error("a piece without its log probability");
        const { top } = logprob;
        expect(top).toHaveLength(topLogprobs);
        const told = top.map((chance) => chance.logprob);
        expect(told).toEqual(told.toSorted((a, b) => b - a));
        expect(told.reduce((sum, value) => sum + Math.exp(value), 0)).toBeLessThanOrEqual(1.0001);
        for (const chance of [logprob, ...top]) {
          expect(chance.logprob).toBeGreaterThanOrEqual(-9999);
          expect(chance.logprob).toBeLessThanOrEqual(0);
          expect(Buffer.from(chance.bytes).toString("utf8")).toBe(chance.text);
        }
      }
    });

    it("tells no log probability that nobody asked for", async () => {
      await using engine = await open();
      const { pieces } = await all(engine, engine.prompt(question), said);
      expect(pieces.filter(({ logprob }) => logprob !== undefined)).toEqual([]);
    });
  });
}

/** The vectors of all inputs. */
export async function vectorsOf(
  engine: Pick<Engine, "embed">,
  inputs: readonly EmbedInput[],
  signal = new AbortController().signal,
): Promise<readonly Embedded[]> {
  const vectors: Embedded[] = [];
  for await (const embedded of engine.embed(inputs, signal)) vectors.push(embedded);
  return vectors;
}

const nearness = ({ vector: one }: Embedded, { vector: other }: Embedded): number =>
  one.reduce((sum, value, at) => sum + value * (other[at] ?? 0), 0) / Math.hypot(...one) / Math.hypot(...other);

/** What any engine must do whose model embeds. Its context holds 60 tokens and fewer than 500. */
export function embedderContract(name: string, open: () => Promise<Engine>): void {
  describe(`embedder contract: ${name}`, () => {
    const texts = ["the rain falls", "the cat sleeps", "the rain falls soft", "x"];

    it("says that it embeds, and how long its vectors are", async () => {
      await using engine = await open();
      expect(engine.model.tasks).toContain("embed");
      for (const { vector } of await vectorsOf(engine, texts)) {
        expect(vector).toHaveLength(engine.model.vectorLength ?? 0);
        expect(vector.every((value) => Number.isFinite(value))).toBe(true);
        expect(Math.hypot(...vector)).toBeGreaterThan(0);
      }
    });

    /** Goal: a vector is its own input's, whatever stands beside it. Method: together, alone, in another order, and many. */
    it("gives each input its own vector, in order", async () => {
      await using engine = await open();
      const together = await vectorsOf(engine, texts);
      for (const [at, text] of texts.entries()) expect(await vectorsOf(engine, [text])).toEqual([together[at]]);
      expect(await vectorsOf(engine, texts.toReversed())).toEqual(together.toReversed());
      const many = Array.from({ length: 100 }, (_, at) => texts[at % texts.length] ?? "");
      expect(await vectorsOf(engine, many)).toEqual(many.map((text) => together[texts.indexOf(text)]));
    });

    it("puts texts with the same words near each other", async () => {
      await using engine = await open();
      const [rain, cat, soft] = (await vectorsOf(engine, texts)) as [Embedded, Embedded, Embedded];
      expect(nearness(rain, rain)).toBeCloseTo(1, 5);
      expect(nearness(rain, soft)).toBeGreaterThan(nearness(rain, cat));
    });

    it("counts the tokens of each", async () => {
      await using engine = await open();
      const [one, two] = await vectorsOf(engine, ["rain", "rain rain"]);
      expect(one?.tokens).toBeGreaterThan(0);
      expect(two?.tokens).toBeGreaterThan(one?.tokens ?? Infinity);
    });

    it("takes tokens", async () => {
      await using engine = await open();
      const [one, other, again] = await vectorsOf(engine, [
        [5, 6, 7],
        [7, 6, 6],
        [5, 6, 7],
      ]);
      expect(again).toEqual(one);
      expect(other?.vector).not.toEqual(one?.vector);
      expect(other?.tokens).toBe(one?.tokens);
    });

    it.each<[what: string, input: EmbedInput, code: string]>([
      ["a text longer than its context", "rain ".repeat(500), "context_exceeded"],
      ["more tokens than its context", Array.from({ length: 500 }, () => 5), "context_exceeded"],
      ["a text of far more bytes", "rain ".repeat(200_000), "context_exceeded"],
      ["a token that it does not have", [5, 2_000_000], "tokens_refused"],
    ])("refuses %s, behind one that it took, and says so before it computes anything", async (_, input, code) => {
      await using engine = await open();
      const fit = engine.fit(["rain", input], new AbortController().signal);
      await expect(fit).rejects.toBeInstanceOf(EngineRefusal);
      await expect(fit).rejects.toMatchObject({ code });
      const refused = vectorsOf(engine, ["rain", input]);
      await expect(refused).rejects.toBeInstanceOf(EngineRefusal);
      await expect(refused).rejects.toMatchObject({ code });
      expect(await vectorsOf(engine, ["rain"])).toHaveLength(1);
    });

    it("says of what it can take that it fits", async () => {
      await using engine = await open();
      const { signal } = new AbortController();
      expect(await engine.fit([...texts, [5, 6, 7], "rain ".repeat(40)], signal)).toBeUndefined();
    });

    it("is cancelled while it looks whether inputs fit", async () => {
      await using engine = await open();
      const cancel = new AbortController();
      const many = Array.from({ length: 2_000 }, () => "the cat sleeps on the soft hill");
      cancel.abort(new Error("enough"));
      await expect(engine.fit(many, cancel.signal)).rejects.toThrow("enough");
      expect(await vectorsOf(engine, texts)).toHaveLength(texts.length);
    });

    it("works for several at once", async () => {
      await using engine = await open();
      const alone = await vectorsOf(engine, texts);
      const several = await Promise.all(Array.from({ length: 6 }, () => vectorsOf(engine, texts)));
      for (const one of several) expect(one).toEqual(alone);
    });

    it("is cancelled between two inputs", async () => {
      await using engine = await open();
      const cancel = new AbortController();
      const many = Array.from({ length: 2_000 }, () => "the cat sleeps on the soft hill");
      const run = engine.embed(many, cancel.signal);
      expect((await run.next()).done).toBe(false);
      cancel.abort(new Error("enough"));
      await expect(
        (async () => {
          for await (const _ of run);
        })(),
      ).rejects.toThrow("enough");
      expect(await vectorsOf(engine, texts)).toHaveLength(texts.length);
    });
  });
}
