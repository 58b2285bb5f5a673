import { StopWatcher } from "@darkbloom/protocol/text";
import {
  drawingOf,
  newSampler,
  samplerConfig,
  type EngineProcess,
  type Generation,
  type LlamaEngine,
  type OpenedModel,
  type Prompt,
} from "@darkbloom/provider/engine-parts";
import { quantile } from "../figures.ts";
import type { BareLibrary } from "./bare.ts";
import { counting, cpuMsOf, type Cost } from "./cost.ts";

/** How much of each is measured at most; whichever comes first. */
export interface EnginePlan {
  readonly newcomers: number;
  readonly longWords: number;
  readonly rounds: number;
  readonly tokensEachMin: number;
  readonly tokensEachMax: number;
  readonly pipeTokens: number;
  readonly draws: number;
  /** Of one measure: the next newcomer or round does not begin after it, and no more of a long prompt is waited for. */
  readonly measureMs: number;
}

/** As OpenAI's API has it where a request says nothing; the ends of a turn are left out, so that all write as much. */
export const byDefault: Generation = {
  temperature: 1,
  topP: 1,
  topK: 0,
  minP: 0,
  frequencyPenalty: 0,
  presencePenalty: 0,
  repetitionPenalty: 1,
  // Of the models measured here these begin and end turns.
  logitBias: [0, 1, 2].map((token) => [token, -100] as const),
  stop: [],
  seed: 7,
  maxTokens: 1_000_000,
};
export const question: Parameters<LlamaEngine["prompt"]>[0] = {
  messages: [{ role: "user", text: "What is rain?" }],
  tools: [],
  toolChoice: "none",
};
const STREAMS = 3;
const words = ["river", "stone", "cloud", "bread", "window", "garden", "letter", "winter"];
const WATCHED_TOKENS = 20_000;
const stopped = new Error("enough was measured");

const promptOf = (engine: LlamaEngine, text: string): Promise<Prompt> =>
  engine.prompt({ ...question, messages: [{ role: "user", text }] });
const configOf = (tokens: number) => samplerConfig(byDefault, tokens, 1_000_000);
const median = (values: readonly number[]): number => quantile(values, 0.5);
const atQuantile = (costs: readonly Cost[], share: number): Cost => ({
  wallMs: quantile(
    costs.map(({ wallMs }) => wallMs),
    share,
  ),
  cpuMs: quantile(
    costs.map(({ cpuMs }) => cpuMs),
    share,
  ),
});
const medianCost = (costs: readonly Cost[]): Cost => atQuantile(costs, 0.5);

/** Runs that go on until they are stopped; one whose context is full begins again. */
class Streams implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #running: readonly Promise<unknown>[];
  #gaps: Cost[] = [];
  #counts: number[];

  constructor(engine: LlamaEngine, prompt: Prompt, count: number) {
    this.#counts = Array.from({ length: count }, () => 0);
    this.#running = this.#counts.map((_, at) => this.#write(engine, prompt, at).catch(() => undefined));
  }

  async #write(engine: LlamaEngine, prompt: Prompt, at: number): Promise<void> {
    for (;;) {
      let sinceLast: (() => Cost) | undefined;
      for await (const _ of engine.run(prompt, { ...byDefault, seed: at }, this.#stop.signal)) {
        if (sinceLast) this.#gaps.push(sinceLast());
        sinceLast = counting();
        this.#counts[at] = (this.#counts[at] ?? 0) + 1;
      }
    }
  }

  /** Until each has written so many tokens more. */
  async more(tokens: number): Promise<void> {
    const wanted = this.#counts.map((count) => count + tokens);
    while (this.#counts.some((count, at) => count < (wanted[at] ?? 0)))
      await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Between two tokens of one stream, since this was asked last. */
  takeGaps(): Cost[] {
    const gaps = this.#gaps;
    this.#gaps = [];
    return gaps;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(stopped);
    await Promise.all(this.#running);
  }
}

/** From a short request to its first content beside running streams, and what the bare library takes for it alone. */
export async function firstContent(engine: LlamaEngine, bare: BareLibrary, plan: EnginePlan) {
  const prompt = await engine.prompt(question);
  const alone = async () => bare.first(prompt.tokens, configOf(1));
  await alone();
  const floors = [await alone(), await alone()];
  const costs: Cost[] = [];
  await (async () => {
    await using streams = new Streams(engine, prompt, STREAMS);
    await streams.more(4);
    const startedMs = performance.now();
    for (let count = 0; count < plan.newcomers; count++) {
      if (count > 0 && performance.now() - startedMs > plan.measureMs) break;
      // Not always at the same moment of a step.
      await new Promise((resolve) => setTimeout(resolve, (count * 17) % 50));
      const cost = counting();
      for await (const _ of engine.run(await engine.prompt(question), byDefault, new AbortController().signal)) {
        costs.push(cost());
        break;
      }
    }
  })();
  floors.push(await alone());
  return {
    promptTokens: prompt.tokens.length,
    requests: costs.length,
    p50: atQuantile(costs, 0.5),
    p95: atQuantile(costs, 0.95),
    bareAlone: medianCost(floors),
  };
}

/** The longest that a stream waits for a token while a long prompt is read beside it. */
export async function longestGap(engine: LlamaEngine, plan: EnginePlan) {
  const text = (many: number) => Array.from({ length: many }, (_, at) => words[(at * 5) % words.length]).join(" ");
  const room = engine.model.contextTokens - 2;
  const perWord = (await promptOf(engine, text(100))).tokens.length / 100;
  let count = Math.min(plan.longWords, Math.floor(room / perWord));
  let long = await promptOf(engine, text(count));
  while (long.tokens.length > room) long = await promptOf(engine, text((count = Math.floor(count * 0.9))));
  await using streams = new Streams(engine, await engine.prompt(question), STREAMS);
  await streams.more(4);
  streams.takeGaps();
  const cancel = new AbortController();
  const timer = setTimeout(() => cancel.abort(stopped), plan.measureMs);
  let isWhole = false;
  try {
    for await (const _ of engine.run(long, byDefault, cancel.signal)) {
      isWhole = true;
      break;
    }
  } catch (error) {
    if (error !== stopped) throw error;
  } finally {
    clearTimeout(timer);
  }
  // The gap that the end of reading lies in.
  await streams.more(1);
  const gaps = streams.takeGaps();
  return {
    words: count,
    promptTokens: long.tokens.length,
    isWhole,
    p50: atQuantile(gaps, 0.5),
    longest: atQuantile(gaps, 1),
  };
}

/** What drawing a token costs by default, in µs of CPU: ours, the bare library's without the samplers that change nothing, and with them. */
export async function sampling(opened: OpenedModel, bare: BareLibrary, tokens: readonly number[], plan: EnginePlan) {
  const plain = { ...byDefault, logitBias: [] };
  const [lean, full] = [newSampler(opened.model), newSampler(opened.model)];
  lean.applyConfig({ temperature: 1, seed: 7 });
  full.applyConfig({ temperature: 1, seed: 7, topK: 0, topP: 1 });
  using ours = drawingOf(opened.model, samplerConfig(plain, 1, 1_000_000), undefined);
  const micros = { ours: [] as number[], lean: [] as number[], full: [] as number[] };
  await bare.first(tokens, { temperature: 1, seed: 7 }, async (logitsAt) => {
    const ways = {
      ours: () => ours.next(bare.context, logitsAt),
      lean: () => bare.context.sampleToken(logitsAt, lean),
      full: () => bare.context.sampleToken(logitsAt, full),
    };
    for (let round = 0; round < plan.rounds; round++)
      for (const name of ["ours", "lean", "full"] as const) {
        const cost = counting();
        for (let count = 0; count < plan.draws; count++) await ways[name]();
        micros[name].push((1000 * cost().cpuMs) / plan.draws);
      }
  });
  lean.dispose();
  full.dispose();
  return { ours: median(micros.ours), lean: median(micros.lean), full: median(micros.full) };
}

/** What the way between two processes costs a token, in µs of CPU: in this one alone, and in both beside what one process takes. */
export async function pipe(engine: LlamaEngine, child: EngineProcess, plan: EnginePlan) {
  const parent: number[] = [];
  const both: number[] = [];
  const one: number[] = [];
  const { pid = 0 } = child;
  const prompt = await engine.prompt(question);
  const write = async (by: LlamaEngine | EngineProcess) => {
    const generation = { ...byDefault, maxTokens: plan.pipeTokens };
    for await (const _ of by.run(prompt, generation, new AbortController().signal));
  };
  for (let round = 0; round < plan.rounds; round++) {
    const cost = counting();
    await write(engine);
    one.push(cost().cpuMs);
    const [before, costHere] = [cpuMsOf(pid), counting()];
    await write(child);
    const [{ cpuMs: here }, after] = [costHere(), cpuMsOf(pid)];
    parent.push(here);
    if (before !== undefined && after !== undefined) both.push(here + after - before);
  }
  const perToken = (ms: number) => (1000 * ms) / plan.pipeTokens;
  return {
    parent: perToken(median(parent)),
    oneProcess: perToken(median(one)),
    ...(both.length > 0 && { twoProcesses: perToken(median(both)) }),
  };
}

/** What watching for stop strings costs a token, in µs of CPU. */
export function stopStrings() {
  const watched = (stops: readonly string[]) => {
    const watcher = new StopWatcher(stops);
    for (let count = 0; count < WATCHED_TOKENS; count++) watcher.push(" word");
    const cost = counting();
    for (let count = 0; count < WATCHED_TOKENS; count++) watcher.push(" word");
    return (1000 * cost().cpuMs) / WATCHED_TOKENS;
  };
  return { four: watched(["\n\nHuman:", "</answer>", "w0rd", "stop"]), none: watched([]) };
}
