import { describe, expect, it } from "vitest";
import { BatchSequence, LlamaBatches, type Wish } from "./llama-batches.ts";
import type { BatchContext } from "./llama-binding.ts";
import type { Drawing } from "./llama-sampling.ts";

/** What one step was given: of each sequence how many tokens, and whether the next one is drawn. */
type Step = readonly (readonly [sequence: number, tokens: number, draws: boolean])[];

const TURNS_OF_A_STEP = 20;

/** A model on a simulated machine, where each token that is read or written costs so many milliseconds. */
class SimulatedContext implements BatchContext {
  readonly steps: Step[] = [];
  readonly stepMs: number[] = [];
  nowMs = 0;
  failAt: number | undefined;
  #open: [number, number, boolean][] = [];
  readonly #costMs: number;
  readonly #before: ((step: number) => void) | undefined;

  /** @param before what happens while a step is under way */
  constructor(costMs: number, before?: (step: number) => void) {
    this.#costMs = costMs;
    this.#before = before;
  }

  initBatch(): void {
    this.#open = [];
  }

  addToBatch(sequence: number, _position: number, tokens: Uint32Array, logitsAt: Uint32Array): Uint32Array {
    this.#open.push([sequence, tokens.length, logitsAt.length > 0]);
    return logitsAt.map(() => sequence);
  }

  async decodeBatch(): Promise<void> {
    this.steps.push(this.#open);
    this.#before?.(this.steps.length);
    if (this.failAt === this.steps.length) throw new Error("no room");
    const ms = this.#open.reduce((all, [, tokens]) => all + tokens, 0) * this.#costMs;
    this.stepMs.push(ms);
    // The model computes beside this thread: whoever can go on has gone on before its time has passed.
    for (let turns = 0; turns < TURNS_OF_A_STEP; turns++) await Promise.resolve();
    this.nowMs += ms;
  }

  sampleToken(): Promise<never> {
    throw new Error("the drawing draws");
  }

  disposeSequence(): void {}

  removeTokenCellsFromSequence(): boolean {
    return true;
  }

  getSequenceKvCacheMinPosition(): number {
    return 0;
  }
}

const END = 9;
const never = new AbortController().signal;
const drawing = (): Drawing => ({ next: async () => ({ token: 1 }), [Symbol.dispose]: () => undefined });

function machine(costMs: number, before?: (step: number) => void) {
  const context = new SimulatedContext(costMs, before);
  const batches = new LlamaBatches(context, 512, undefined, {
    msPerPromptToken: costMs,
    nowMs: () => context.nowMs,
  });
  let sequences = 0;
  const wish = (promptTokens: number, tokensMax: number): Wish => ({
    sequence: new BatchSequence(batches, sequences++),
    tokens: Array.from({ length: promptTokens }, () => 5),
    drawing: drawing(),
    tokensMax,
    isEnd: (token) => token === END,
  });
  /** Reads it to its end. */
  const run = async (one: Wish, signal = never) => {
    let tokens = 0;
    for await (const _ of batches.run(one, signal)) tokens++;
    return tokens;
  };
  return { context, batches, wish, run };
}

describe("the steps of a model", () => {
  /** Goal: whoever waits for a long prompt hears after each step how much of it is read, up to all of it. Method: two prompts, read side by side. */
  it("tell how far each prompt is read", async () => {
    const { context, wish, run } = machine(4);
    const heard: number[][] = [[], []];
    const listening = (one: Wish, at: number): Wish => ({ ...one, onRead: (tokens) => void heard[at]?.push(tokens) });
    await Promise.all([run(listening(wish(300, 3), 0)), run(listening(wish(40, 3), 1))]);
    const readOf = (sequence: number) =>
      context.steps
        .flatMap((step) => step.filter(([id, tokens]) => id === sequence && tokens > 1))
        .map(([, tokens]) => tokens)
        .reduce<number[]>((sums, tokens) => [...sums, (sums.at(-1) ?? 0) + tokens], []);
    expect(heard).toEqual([readOf(0), readOf(1)]);
    expect([heard[0]?.at(-1), heard[1]?.at(-1)]).toEqual([300, 40]);
    expect(heard[0]?.length).toBeGreaterThan(2);
  });

  /**
   * Goal: a token costs what it must: no call of the library more, and the model does not stand still while words are
   * made. Method: count the calls, and what was heard when each step was given to the model.
   */
  it("take one call each to begin, to add, to compute and to draw, and compute before the last token is heard", async () => {
    const heardBefore: number[] = [];
    const calls = { begun: 0, added: 0, drawn: 0 };
    let heard = 0;
    const { context, batches, wish } = machine(1, () => heardBefore.push(heard));
    const counted = (name: keyof typeof calls, call: (...given: never[]) => unknown) =>
      ((...given: never[]) => (calls[name]++, call.apply(context, given))) as never;
    context.initBatch = counted("begun", context.initBatch);
    context.addToBatch = counted("added", context.addToBatch);
    const draws: Drawing = { next: async () => (calls.drawn++, { token: 1 }), [Symbol.dispose]: () => undefined };
    for await (const _ of batches.run({ ...wish(4, 50), drawing: draws }, never)) heard++;
    expect(heardBefore).toEqual(Array.from({ length: 50 }, (_, step) => Math.max(0, step - 1)));
    expect({ ...calls, steps: context.steps.length }).toEqual({ begun: 50, added: 50, drawn: 50, steps: 50 });
  });

  /** Goal: an answer ends with its last token, and not with the step after it. Method: two runs of different lengths, and the steps that had begun when the shorter was over. */
  it("let a run end while the model computes for others", async () => {
    const { context, wish, run } = machine(1);
    const long = run(wish(4, 50));
    await run(wish(4, 10));
    // One before it came, its own ten, and the one that is under way.
    expect(context.steps.length).toBe(12);
    expect(await long).toBe(50);
  });

  it("give every stream one token, all in one step", async () => {
    const { context, wish, run } = machine(1);
    await Promise.all([1, 2, 3].map(async () => run(wish(4, 10))));
    const together = context.steps.filter((step) => step.length === 3 && step.every(([, tokens]) => tokens === 1));
    expect(together.length).toBeGreaterThanOrEqual(8);
    expect(context.steps.length).toBeLessThanOrEqual(12);
  });

  /**
   * Goal: a short request begins at once beside three streams, and beside a long prompt too. Method: it comes while a
   * step is under way, on a machine that needs 4 ms for a token; the next step has its prompt whole.
   */
  it.each([
    ["beside three streams", 3, false, 1],
    ["beside two streams and a long prompt", 2, true, 1],
  ])("read a newcomer's short prompt in the next step, %s", async (_, streams, besideLong, stepsMax) => {
    const { context, wish, run } = machine(4);
    const stop = new AbortController();
    const others = Array.from({ length: streams }, async () => run(wish(4, 10_000), stop.signal));
    if (besideLong) others.push(run(wish(4_000, 1), stop.signal));
    while (context.steps.length < 12) await Promise.resolve();
    const came = { steps: context.steps.length, ms: context.nowMs };
    const newcomer = wish(30, 1);
    await run(newcomer);
    const took = context.steps.slice(came.steps).filter((step) => step.some(([id]) => id === newcomer.sequence.id));
    expect(took).toHaveLength(stepsMax);
    expect(took[0]).toContainEqual([newcomer.sequence.id, 30, true]);
    // The step that it came into, and its own.
    expect(context.nowMs - came.ms).toBeLessThanOrEqual(2 * 250);
    stop.abort(new Error("enough"));
    await Promise.allSettled(others);
  });

  /**
   * Goal: nobody's stream stands still for a long prompt. Method: 3,300 tokens, as 2,500 words have, beside three
   * streams, on machines from fast to slow. A step is at most a tenth of a second, until the prompt is nearly read.
   */
  it.each([0.2, 1, 4, 11, 20])("keep streams going beside a long prompt, at %d ms a token", async (costMs) => {
    const { context, wish, run } = machine(costMs);
    const stop = new AbortController();
    const streams = [1, 2, 3].map(async () => run(wish(4, 100_000), stop.signal));
    while (context.steps.length < 12) await Promise.resolve();
    const from = context.steps.length;
    const long = wish(3_300, 1);
    await run(long);
    const steps = context.steps.slice(from).filter((step) => step.some(([id]) => id === long.sequence.id));
    const lengths = context.stepMs.slice(from, from + steps.length);
    expect(steps.reduce((all, step) => all + (step.find(([id]) => id === long.sequence.id)?.[1] ?? 0), 0)).toBe(3_300);
    // Only the last, which reads it to its end, may be for it alone.
    for (const step of steps.slice(0, -1))
      expect(step.filter(([, tokens, draws]) => tokens === 1 && draws)).toHaveLength(3);
    const slowestMs = Math.max(...lengths);
    expect(slowestMs).toBeLessThanOrEqual(Math.max(300, 7 * costMs) + 1);
    const usual = lengths.toSorted((a, b) => a - b)[lengths.length >> 1] ?? 0;
    expect(usual).toBeLessThanOrEqual(Math.max(120, 7 * costMs) + 1);
    // Nor does the prompt stand still for them: at least a third of every step is its own.
    for (const step of steps.slice(0, -1)) expect(step.find(([id]) => id === long.sequence.id)?.[1]).toBeGreaterThan(3);
    stop.abort(new Error("enough"));
    await Promise.allSettled(streams);
  });

  /**
   * Goal: short requests begin soon where a token takes long, and however many come, no stream waits for half a second.
   * Method: one after another beside three streams and a long prompt; each comes while a step is under way.
   */
  it.each([4, 9, 11])("go on beside short requests without end, at %d ms a token", async (costMs) => {
    const { context, wish, run } = machine(costMs);
    const stop = new AbortController();
    const streams = [0, 1, 2].map(async () => run(wish(4, 100_000), stop.signal));
    const long = run(wish(4_000, 1), stop.signal);
    while (context.steps.length < 12) await Promise.resolve();
    const from = context.steps.length;
    for (let count = 0; count < 10; count++) {
      const cameMs = context.nowMs;
      await run(wish(26, 1));
      // What was under way, the step that it may have to let others have, and its own.
      expect(context.nowMs - cameMs).toBeLessThanOrEqual(120 + 300 + 1);
    }
    let waitedMs = 0;
    for (const [at, step] of context.steps.slice(from).entries()) {
      waitedMs += context.stepMs[from + at] ?? 0;
      expect(waitedMs).toBeLessThanOrEqual(500);
      if (step.some(([id]) => id === 0)) waitedMs = 0;
    }
    stop.abort(new Error("enough"));
    await Promise.allSettled([...streams, long]);
  });

  /** Goal: no stream goes without a token twice in a row. Method: two short requests at a time, either of which fills a step. */
  it("write for streams between two short prompts", async () => {
    const { context, wish, run } = machine(11);
    const stop = new AbortController();
    const streams = [0, 1, 2].map(async () => run(wish(4, 100_000), stop.signal));
    while (context.steps.length < 12) await Promise.resolve();
    const from = context.steps.length;
    const short = async () => {
      for (let count = 0; count < 5; count++) await run(wish(26, 1));
    };
    await Promise.all([short(), short()]);
    const writes = context.steps.slice(from).map((step) => step.some(([id]) => id === 0));
    expect(writes.filter((wrote) => !wrote).length).toBeGreaterThan(3);
    for (const [at, wrote] of writes.entries()) expect(wrote || writes[at + 1] !== false, `step ${at}`).toBe(true);
    stop.abort(new Error("enough"));
    await Promise.allSettled(streams);
  });

  it("leave out whoever is not read, and go on with the others", async () => {
    const { context, batches, wish, run } = machine(1);
    const slow = batches.run(wish(4, 100), never);
    const first = slow.next();
    await run(wish(4, 50));
    await first;
    const own = context.steps.filter((step) => step.some(([id]) => id === 0));
    // Read once; four lie ready, and one more was under way.
    expect(own.length).toBeLessThanOrEqual(7);
    await slow.return();
  });

  it("end a run that is stopped, between two steps", async () => {
    const stop = new AbortController();
    const { context, wish, run } = machine(1, (step) => step === 5 && stop.abort(new Error("enough")));
    await expect(run(wish(4, 100), stop.signal)).rejects.toThrow("enough");
    expect(context.steps.length).toBeLessThanOrEqual(6);
  });

  it("end at the end of a turn", async () => {
    const { wish, run } = machine(1);
    const tokens = [1, 1, END, 1];
    const draws: Drawing = { next: async () => ({ token: tokens.shift() ?? 0 }), [Symbol.dispose]: () => undefined };
    expect(await run({ ...wish(4, 100), drawing: draws })).toBe(3);
  });

  it("fail whoever took part in a step that failed, and take new ones", async () => {
    const { context, wish, run } = machine(1);
    context.failAt = 3;
    await expect(run(wish(4, 100))).rejects.toThrow("no room");
    expect(await run(wish(4, 5))).toBe(5);
  });

  it("fail one whose drawing fails, and not the others", async () => {
    const { wish, run } = machine(1);
    const broken: Drawing = { next: () => Promise.reject(new Error("no token")), [Symbol.dispose]: () => undefined };
    const ends = await Promise.allSettled([run({ ...wish(4, 5), drawing: broken }), run(wish(4, 5))]);
    expect(ends.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
  });

  it("say how long the one that is under way has taken, and nothing between two", async () => {
    const seen: number[] = [];
    const { context, batches, wish, run } = machine(1, () => {
      context.nowMs += 70;
      seen.push(batches.stepMs);
    });
    await run(wish(4, 2));
    expect(seen).toEqual([70, 70]);
    expect(batches.stepMs).toBe(0);
  });

  it("take nothing more after the end", async () => {
    const { batches, wish, run } = machine(1);
    await batches.close();
    expect(batches.isClosed).toBe(true);
    await expect(run(wish(4, 2))).rejects.toThrow("the model was closed");
  });
});

describe("what a sequence forgets", () => {
  /** Goal: what was read stays as long as it can be gone on with. Method: which cells are taken away, or the whole sequence. */
  it.each<[string, number, number | undefined, number[], number]>([
    ["keeps the same beginning", 0, undefined, [5, 5, 5, 7], 3],
    ["keeps all of what goes on", 0, undefined, [5, 5, 5, 5, 5, 5, 5, 5, 5], 8],
    ["forgets all where nothing is the same", 0, undefined, [7], 0],
    ["forgets all where the beginning is gone", 2, undefined, [5, 5, 5, 7], 0],
    ["keeps within a sliding window", 2, 2, [5, 5, 5, 5, 7], 4],
    ["forgets what lies before a sliding window", 4, 2, [5, 5, 5, 5, 7], 0],
  ])("%s", async (_, firstKept, windowTokens, next, kept) => {
    const context = new SimulatedContext(1);
    const removed: number[] = [];
    let cleared = 0;
    context.removeTokenCellsFromSequence = (...[, from = -1]: number[]) => removed.push(from) > 0;
    context.disposeSequence = () => void cleared++;
    context.getSequenceKvCacheMinPosition = () => firstKept;
    const sequence = new BatchSequence(new LlamaBatches(context, 512, windowTokens), 0);
    sequence.contextTokens = Array.from({ length: 8 }, () => 5);
    await sequence.adaptStateToTokens(next, false);
    expect(sequence.nextTokenIndex).toBe(kept);
    expect([removed, cleared]).toEqual(kept === 8 ? [[], 0] : kept > 0 ? [[kept], 0] : [[], 1]);
    await sequence.clearHistory();
    expect(sequence.nextTokenIndex).toBe(0);
  });
});
