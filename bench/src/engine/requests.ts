import type { Schema } from "@darkbloom/protocol/schema";
import {
  grammarOf,
  samplerConfig,
  type EngineProcess,
  type Generation,
  type OpenedModel,
} from "@darkbloom/provider/engine-parts";
import { quantile } from "../figures.ts";
import type { BareLibrary } from "./bare.ts";
import { counting, cpuMsOf, perToken, type Cost } from "./cost.ts";

/** What people ask for. Each is measured by itself. */
const requests = {
  "the likeliest tokens": { temperature: 0 },
  "drawn tokens": {},
  "held to a schema": { constraint: { kind: "json", schema: longJson() } },
  "with top_logprobs: 5": { topLogprobs: 5 },
  "four streams at once": { streams: 4 },
} as const satisfies Record<string, Partial<Generation> & { readonly streams?: number }>;
export type RequestName = keyof typeof requests;
export const requestNames = Object.keys(requests) as RequestName[];

/** One kind of request: what of the bare library's pace is kept, and what a token takes. */
export interface RequestFigures {
  readonly pairs: number;
  readonly share: { readonly wall: number; readonly cpu?: number };
  readonly ours: Cost;
  readonly bare: Cost;
  /** Of `ours`, what the provider's process takes, which computes beside the model. */
  readonly providerCpuMs: number;
}

interface Contest {
  readonly child: EngineProcess;
  readonly opened: OpenedModel;
  readonly bare: BareLibrary;
  readonly question: Parameters<EngineProcess["prompt"]>[0];
  /** What each request asks for where it says nothing else. */
  readonly usual: Generation;
}

/** The engine as a request uses it, in a process of its own, and the tightest loop over the bare library that draws the same tokens: in turns. */
export async function besideBareLoop(
  { child, opened, bare, question, usual }: Contest,
  { tokensEach, pairs, measureMs }: { readonly tokensEach: number; readonly pairs: number; readonly measureMs: number },
): Promise<Record<RequestName, RequestFigures>> {
  const prompt = await child.prompt(question);
  const measured = async (name: RequestName): Promise<RequestFigures> => {
    const { streams = 1, ...more }: Partial<Generation> & { streams?: number } = requests[name];
    const generation: Generation = { ...usual, ...more, maxTokens: tokensEach };
    const theirs = async () => {
      // The loop tells no chances: what telling them costs is ours.
      const grammar = await grammarOf(opened, prompt, generation);
      const config = samplerConfig(generation, tokensEach, Number.POSITIVE_INFINITY, grammar);
      return bare.write({ tokens: prompt.tokens, config, streams }, tokensEach);
    };
    const rounds: { readonly ours: Answered; readonly bare: Cost }[] = [];
    const startedMs = performance.now();
    while (rounds.length < pairs && (rounds.length === 0 || performance.now() - startedMs < measureMs))
      rounds.push(await inTurns(rounds.length, theirs, async () => answered(child, prompt, generation, streams)));
    const middle = (value: (round: (typeof rounds)[number]) => number) => quantile(rounds.map(value), 0.5);
    const ours = { wallMs: middle((round) => round.ours.wallMs), cpuMs: middle((round) => round.ours.cpuMs) };
    return {
      pairs: rounds.length,
      share: {
        wall: middle((round) => round.bare.wallMs / round.ours.wallMs),
        ...(!Number.isNaN(ours.cpuMs) && { cpu: middle((round) => round.bare.cpuMs / round.ours.cpuMs) }),
      },
      ours,
      bare: { wallMs: middle((round) => round.bare.wallMs), cpuMs: middle((round) => round.bare.cpuMs) },
      providerCpuMs: middle((round) => round.ours.providerCpuMs),
    };
  };
  const figures: Partial<Record<RequestName, RequestFigures>> = {};
  for (const name of requestNames) figures[name] = await measured(name);
  return figures as Record<RequestName, RequestFigures>;
}

/** Whoever went first goes second the next time. */
async function inTurns<Bare, Ours>(round: number, theirs: () => Promise<Bare>, ours: () => Promise<Ours>) {
  if (round % 2 === 0) return { bare: await theirs(), ours: await ours() };
  const first = await ours();
  return { bare: await theirs(), ours: first };
}

type Answered = Cost & { readonly providerCpuMs: number };

/** What a token takes from when every stream has begun until the first one ends: neither prompts nor the last words of one alone. */
async function answered(
  child: EngineProcess,
  prompt: Awaited<ReturnType<EngineProcess["prompt"]>>,
  generation: Generation,
  streams: number,
): Promise<Answered> {
  const { pid = 0 } = child;
  let waited = streams;
  let tokens = 0;
  let begun: { readonly cost: () => Cost; readonly childMs: number | undefined } | undefined;
  let ended: Answered | undefined;
  const end = () => {
    if (!begun || ended) return;
    const { wallMs, cpuMs } = begun.cost();
    const childMs = (cpuMsOf(pid) ?? Number.NaN) - (begun.childMs ?? Number.NaN);
    ended = { ...perToken({ wallMs, cpuMs: cpuMs + childMs }, tokens), providerCpuMs: cpuMs / tokens };
  };
  const stream = async (at: number) => {
    let isFirst = true;
    const { signal } = new AbortController();
    for await (const _ of child.run(prompt, { ...generation, seed: generation.seed + at }, signal)) {
      if (begun) tokens++;
      if (isFirst && --waited === 0) begun = { childMs: cpuMsOf(pid), cost: counting() };
      isFirst = false;
    }
    end();
  };
  await Promise.all(Array.from({ length: streams }, async (_, at) => stream(at)));
  if (!ended || tokens === 0) throw new RangeError("an answer was too short to be measured");
  return ended;
}

/** JSON that has no end before any answer has. */
function longJson(): Schema {
  const word = { kind: "string", minChars: 1, maxChars: 12 } as const;
  const item = {
    kind: "object",
    members: [
      { name: "word", shape: word, required: true },
      { name: "count", shape: { kind: "integer", min: 0, max: 999 }, required: true },
    ],
    rest: undefined,
  } as const;
  return { root: { kind: "array", items: item, min: 200, max: 400 }, defs: new Map() };
}
