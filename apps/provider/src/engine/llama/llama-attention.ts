import type { LlamaContext, LlamaModel } from "node-llama-cpp";
import { cpus } from "node:os";
import { isFlashBetter, type AttentionFacts, type Pace } from "./attention.ts";
import { batchContextOf } from "./llama-binding.ts";
import type { LoadingStep } from "../child/words.ts";
import { engineVersion, type LlamaOptions, type OpenedModel } from "./llama-open.ts";
import { THREADS_DEFAULT } from "./model-file.ts";

/** Both settings together may take so long; a slow machine learns less, and learns it in turns. */
const ATTENTION_MEASURE_MS_MAX = 2_000;
/** The part of it that reads a prompt. */
const READING_SHARE = 0.6;
/** What is read at most: so far into an answer, attention shows. */
const DEPTH_TOKENS_MAX = 1_280;
const CHUNK_TOKENS = 64;
const DECODED_TOKENS_MAX = 32;

/** One setting that is measured, on a small context of its own. */
interface Contender {
  readonly context: LlamaContext;
  readTokens: number;
  readMs: number;
  readonly decodeMs: number[];
}

/** Flash attention for this model on this machine: as it was measured before, or now. */
export async function attentionOf(
  { llama, model, weightsSha256 }: OpenedModel,
  { attentions, threads = THREADS_DEFAULT }: LlamaOptions,
  tell: (step: LoadingStep) => void,
): Promise<AttentionFacts | undefined> {
  if (attentions === undefined) return undefined;
  const device = llama.gpu === false ? (cpus()[0]?.model ?? "a processor") : llama.gpu;
  const key = `${weightsSha256}, node-llama-cpp ${engineVersion}, ${device}, ${threads} threads`;
  return (
    attentions.find((known) => known.key === key) ??
    (await measureAttention(model, key, threads, spentOf(llama, threads), tell))
  );
}

/**
 * What steps are measured by. Where processors compute, the time that they spent on it: what else a machine does at its
 * first load must not decide for good. A graphics card's work is seen on the clock alone.
 */
function spentOf({ gpu }: OpenedModel["llama"], threads: number): () => number {
  if (gpu !== false) return () => performance.now();
  return () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000 / threads;
  };
}

/**
 * Reads and writes with flash attention and without, in turns, so that what else the machine does hits both alike.
 *
 * @param key what it will be true for
 * @param spentMs on anything, so far
 */
async function measureAttention(
  model: LlamaModel,
  key: string,
  threads: number,
  spentMs: () => number,
  tell: (step: LoadingStep) => void,
): Promise<AttentionFacts> {
  await using opened = new AsyncDisposableStack();
  const depth = Math.min(DEPTH_TOKENS_MAX, Math.floor(model.trainContextSize / 2));
  const open = async (flashAttention: boolean): Promise<Contender> => {
    const contextSize = depth + DECODED_TOKENS_MAX;
    const context = await model.createContext({ sequences: 1, contextSize, threads, flashAttention });
    opened.defer(async () => context.dispose());
    return { context, readTokens: 0, readMs: 0, decodeMs: [] };
  };
  const [on, off] = [await open(true), await open(false)];
  const nowMs = () => performance.now();
  const startedMs = nowMs();
  const spent = () => (nowMs() - startedMs) / ATTENTION_MEASURE_MS_MAX;
  const said = () => tell({ step: "measuring", done: Math.min(1, spent()) });
  const step = async ({ context }: Contender, position: number, tokens: number): Promise<number> => {
    const inner = batchContextOf(context);
    const beganMs = spentMs();
    inner.initBatch(tokens);
    inner.addToBatch(0, position, new Uint32Array(tokens).fill(PLAIN_TOKEN), Uint32Array.of(tokens - 1));
    await inner.decodeBatch();
    return spentMs() - beganMs;
  };
  // The first step of a context makes room, and is no measure of anything.
  for (const one of [on, off]) await step(one, 0, 1);
  for (let at = 1; at + CHUNK_TOKENS <= depth && spent() < READING_SHARE; at += CHUNK_TOKENS) {
    for (const one of [on, off]) {
      one.readMs += await step(one, at, CHUNK_TOKENS);
      one.readTokens += CHUNK_TOKENS;
    }
    said();
  }
  const from = 1 + on.readTokens;
  for (let count = 0; count < DECODED_TOKENS_MAX && (count === 0 || spent() < 1); count++) {
    for (const one of [on, off]) one.decodeMs.push(await step(one, from + count, 1));
    said();
  }
  const paces = { on: paceOf(on), off: paceOf(off) };
  tell({ step: "measuring", done: 1 });
  return { flash: isFlashBetter(paces), key, paces };
}

/** Any that every vocabulary has: how long it takes does not depend on what is read. */
const PLAIN_TOKEN = 5;

function paceOf({ readTokens, readMs, decodeMs }: Contender): Pace {
  const usual = decodeMs.toSorted((a, b) => a - b)[decodeMs.length >> 1] ?? 0;
  return { promptTokensPerSec: perSec(readTokens, readMs), decodeTokensPerSec: perSec(1, usual) };
}

const perSec = (tokens: number, ms: number): number => (ms > 0 ? (1000 * tokens) / ms : 0);
