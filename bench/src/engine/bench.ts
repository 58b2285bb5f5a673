import {
  EngineProcess,
  LlamaEngine,
  loadLlama,
  openModel,
  type AttentionFacts,
} from "@darkbloom/provider/engine-parts";
import { bundledModelPath } from "@darkbloom/provider/engine/llama/model-file";
import { existsSync } from "node:fs";
import { BareLibrary, CONTEXT_TOKENS } from "./bare.ts";
import { counting } from "./cost.ts";
import {
  byDefault,
  firstContent,
  longestGap,
  pipe,
  question,
  sampling,
  stopStrings,
  type EnginePlan,
} from "./measures.ts";
import { besideBareLoop } from "./requests.ts";

export const fullEnginePlan: EnginePlan = {
  newcomers: 20,
  longWords: 2_500,
  rounds: 3,
  tokensEachMin: 24,
  tokensEachMax: 384,
  pipeTokens: 600,
  draws: 60,
  measureMs: 12_000,
};
export const quickEnginePlan: EnginePlan = { ...fullEnginePlan, newcomers: 8, rounds: 1, measureMs: 5_000 };
/** For the test: everything happens once. */
export const tinyEnginePlan: EnginePlan = {
  newcomers: 1,
  longWords: 100,
  rounds: 1,
  tokensEachMin: 12,
  tokensEachMax: 12,
  pipeTokens: 8,
  draws: 2,
  measureMs: 500,
};

const SLOTS = 4;

export const SECOND_MODEL = "DARKBLOOM_TEST_SMOLLM2";

/** The models that are measured, and where each is; undefined: it is not on this machine. */
export function enginesHere(): Record<string, string | undefined> {
  const second = process.env[SECOND_MODEL];
  return { bundled: bundledModelPath, SmolLM2: second !== undefined && existsSync(second) ? second : undefined };
}

export type EngineFigures = Awaited<ReturnType<typeof measureEngine>>;

/** One model: the engine in this process, beside the bare library in this process too, so that what else the machine does hits both alike. */
export async function measureEngine(
  modelPath: string,
  threads: number,
  plan: EnginePlan,
  measuresPipe: boolean,
  tell: (what: string) => void,
) {
  const options = { modelPath, build: "bench", slots: SLOTS, threads };
  tell("loads, and tries flash attention");
  let isQuiet = false;
  const cpu = counting();
  const nowMs = () => (isQuiet ? cpu().cpuMs : performance.now());
  await using engine = await loadLlama({ ...options, attentions: [] }, undefined, nowMs);
  if (!(engine instanceof LlamaEngine)) throw new TypeError(`${modelPath} only embeds`);
  const { attention } = engine.findings;
  const flashAttention = attention?.flash ?? true;
  const opened = await openModel(options);
  await using bare = await BareLibrary.open(opened, { sequences: SLOTS, threads, flashAttention });
  tell("answers a short request beside three streams");
  const first = await firstContent(engine, bare, plan);
  tell("reads a long prompt beside three streams");
  const gap = await longestGap(engine, plan);
  tell("does both again, with its steps measured in CPU time");
  isQuiet = true;
  const quiet = { first: await firstContent(engine, bare, plan), gap: await longestGap(engine, plan) };
  isQuiet = false;
  tell("answers in a process of its own");
  await using child = await EngineProcess.start({
    load: { ...options, contextTokens: CONTEXT_TOKENS, ...(attention && { attentions: [attention] }) },
  });
  const requests = await besideBareLoop(
    { child, opened, bare, question, usual: byDefault },
    { tokensEach: tokensEach(plan, attention?.paces), pairs: plan.rounds, measureMs: plan.measureMs },
  );
  tell("draws tokens");
  const { tokens } = await engine.prompt(question);
  const drawing = await sampling(opened, bare, tokens, plan);
  return {
    first,
    gap,
    quiet,
    requests,
    drawing,
    ...(attention && { attention: { flash: attention.flash, ...attention.paces } }),
    stops: stopStrings(),
    ...(measuresPipe && { pipe: await pipe(engine, child, plan) }),
  };
}

/** A second of one answer, so that fast models are not measured while their code is still cold. */
function tokensEach({ tokensEachMin, tokensEachMax }: EnginePlan, paces: AttentionFacts["paces"] | undefined): number {
  const pace = Math.max(paces?.on.decodeTokensPerSec ?? 0, paces?.off.decodeTokensPerSec ?? 0);
  return Math.min(tokensEachMax, Math.max(tokensEachMin, Math.round(pace)));
}
