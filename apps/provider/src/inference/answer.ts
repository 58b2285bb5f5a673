import { toBase64, toHex } from "@darkbloom/protocol/bytes";
import {
  taskOf,
  type Decoded,
  type Finish,
  type FinishReason,
  type Job,
  type Renderer,
} from "@darkbloom/protocol/dialects";
import type { Failure } from "@darkbloom/protocol/failures";
import { mostOf } from "@darkbloom/protocol/lists";
import type { Usage } from "@darkbloom/protocol/money";
import { embedTokensMax, promptTokensMax } from "@darkbloom/protocol/prompt-bounds";
import type { Opened } from "@darkbloom/protocol/sealing";
import type { FromProvider, InferenceRequest } from "@darkbloom/protocol/wire";
import type { AnswerOutcome } from "../events/events.ts";
import { constraintOf } from "../language/constraint.ts";
import { EngineRefusal } from "../language/refusal.ts";
import { Words } from "../language/words.ts";
import { closing, privateFieldsOf, type Told } from "./closing.ts";
import { lower } from "./lower.ts";
import { type Credit, CreditTimeout, Outgoing } from "./outgoing.ts";
import { EngineEnded, type Engine, type Generation, type Prompt } from "./engine.ts";
import type { AnswerNet } from "./net.ts";
import { failureOf, refusalTail, signedCannotOpen, tailFor } from "./sealed-words.ts";
import { COMMENT, keepAlive, Reading } from "./keep-alive.ts";
import { tellVectors } from "./tell-vectors.ts";

type Refusal = Extract<FromProvider, { type: "inference_error" }>;
type Ending = Extract<FromProvider, { type: "inference_complete" }> | Refusal;

/**
 * One request, from the sealed envelope to the signed receipt: open → lower → run → render → hash →
 * seal → sign. Exactly one `inference_complete` or `inference_error` ends it.
 *
 * The bytes that are rendered here are the ones that the caller receives; nobody rewrites them on the
 * way. A cancel stops the model between two tokens; what exists by then is still closed and signed, so
 * that it can be paid for.
 *
 * @param cancel aborts when the model is to stop, also because the connection is gone
 * @param lost aborts when the connection is gone: then nothing can be told and nothing is
 * @returns how it ended
 */
export async function answer(
  net: AnswerNet,
  request: InferenceRequest,
  credit: Credit,
  cancel: AbortSignal,
  lost: AbortSignal,
): Promise<AnswerOutcome> {
  const ending = await endingOf(net, request, credit, cancel, lost);
  if (!ending) return "lost";
  net.send(ending);
  return ending.type === "inference_complete" ? "complete" : ending.code;
}

/** Says the answer; returns what is to be said last, or undefined where nobody is there to hear it. */
async function endingOf(
  net: AnswerNet,
  request: InferenceRequest,
  credit: Credit,
  cancel: AbortSignal,
  lost: AbortSignal,
): Promise<Ending | undefined> {
  const refuse = (code: Refusal["code"], more: Partial<Refusal> = {}): Refusal => ({
    type: "inference_error",
    job_id: request.job_id,
    code,
    ...more,
  });
  /** What of it is told to its caller, is sealed where the request was. */
  let seal: ((failure: Failure) => Refusal) | undefined;
  let job: Job | undefined;

  try {
    const opened = net.open(request);
    if ("refused" in opened)
      return opened.refused === "cannot_open"
        ? refuse("cannot_open", await signedCannotOpen(net, request))
        : refuse(opened.refused);
    const { header, body } = opened;
    const isSealed = header.mode === "sealed";
    const how = { isSealed, isPaced: isSealed && header.stream };
    const outgoing = new Outgoing(net, opened.secret, credit, (frame, isLast) => net.sendFrame(frame, isLast), how);
    if (isSealed)
      seal = (failure) => {
        const frame = outgoing.refusal(refusalTail(header, failure, request));
        return frame ? refuse("refused", { sealed: toBase64(frame) }) : refuse("generation_failed");
      };

    const { build, tasks, vectorLength } = net.engine.model;
    const lowered = lower(header, body, vectorLength);
    if ("refused" in lowered) return seal?.(lowered.refused) ?? refuse("invalid_request");
    const { decoded } = lowered;
    job = decoded.job;
    if (header.build !== build || !tasks.includes(taskOf(decoded.job))) return refuse("model_unavailable");

    const told = decoded.job.embed
      ? await tellVectors(net, request, opened, decoded, decoded.job.embed, outgoing, cancel, lost)
      : await tell(net, request, opened, decoded, outgoing, cancel, lost);
    if (!told) return refuse("cancelled");
    return await closing(net, request, opened, decoded.job, told);
  } catch (error) {
    if (lost.aborted) return undefined;
    if (error instanceof EngineRefusal) {
      if (seal && job) return seal(failureOf(net, job, error));
      const { promptTokens: prompt_tokens } = error;
      return refuse(error.code, prompt_tokens === undefined ? {} : { prompt_tokens });
    }
    // The engine itself tells the machine's owner.
    if (error instanceof EngineEnded) return refuse(error.code);
    if (error instanceof CreditTimeout) return refuse("backpressure_timeout");
    net.failed(error);
    return refuse("generation_failed");
  }
}

/** What goes on while one request is told. */
interface Telling {
  readonly net: AnswerNet;
  readonly job: Job;
  /** One, or each of those that are gone on with. */
  readonly prompts: readonly Prompt[];
  /** The most tokens of them that can be charged. */
  readonly promptTokensMax: number;
  readonly generation: Generation;
  readonly cacheScope: string | undefined;
  readonly renderer: Renderer;
  readonly outgoing: Outgoing;
  readonly reading: Reading;
  readonly cancel: AbortSignal;
  readonly lost: AbortSignal;
  /** Of all choices, so far; the tokens of each prompt once, when it is begun. */
  usage: Usage;
  begun: boolean;
}

/** Runs the model, once for each choice, and sends what it says, or undefined where a cancel came before its first token. */
async function tell(
  net: AnswerNet,
  request: InferenceRequest,
  { header, body }: Extract<Opened, { body: unknown }>,
  { job, renderer: rendererOf }: Decoded,
  outgoing: Outgoing,
  cancel: AbortSignal,
  lost: AbortSignal,
): Promise<Told | undefined> {
  const startedAt = net.clock.now();
  const prompts = await promptsOf(net.engine, job);
  const lengths = prompts.map(({ tokens }) => tokens.length);
  const { contextTokens } = net.engine.model;
  const longest = mostOf(lengths);
  if (contextTokens - longest < 1) throw new EngineRefusal("context_exceeded", longest);
  const room = mostOf(lengths.map((length) => contextTokens - length));
  // The header bounds all choices together: that is what the hold pays for. The context bounds each by itself.
  const maxTokens = Math.min(Math.floor(header.max_tokens / job.choices), job.maxTokens, room);
  const seed = job.sampling.seed ?? new DataView(net.random.bytes(4).buffer).getUint32(0);
  const renderer = rendererOf({
    jobId: request.job_id,
    createdSec: Math.floor(startedAt / 1000),
    nowSec: () => Math.floor(net.clock.now() / 1000),
  });
  const generation = { ...job.sampling, seed, maxTokens, ...constraintOf(job), ...topLogprobsOf(job) };
  const telling: Telling = {
    net,
    job,
    prompts,
    // More than can be charged is made of a prompt on our own account.
    promptTokensMax: job.raw ? embedTokensMax(body.length, prompts.length) : promptTokensMax(body.length),
    generation,
    cacheScope: request.cache_scope,
    renderer,
    outgoing,
    reading: new Reading(net.clock, (read_tokens) =>
      net.send({ type: "reading", job_id: request.job_id, read_tokens }),
    ),
    cancel,
    lost,
    usage: { promptTokens: 0, cachedTokens: 0, completionTokens: 0, reasoningTokens: 0 },
    begun: false,
  };

  const finishes: Finish[] = [];
  if (job.generates) {
    const words = job.stream && job.asLines !== true ? (renderer.keepAlive ?? COMMENT) : undefined;
    using _beat = keepAlive(net.deadlines, outgoing, words, telling.reading);
    for (let choice = 0; choice < job.choices && finishes.at(-1)?.reason !== "cancelled"; choice++) {
      const finish = await tellChoice(telling, choice);
      if (!finish) return undefined;
      finishes.push(finish);
    }
  } else outgoing.add(renderer.begin({ promptTokens: longest, cachedTokens: 0 }));

  outgoing.add(renderer.end(telling.usage));
  const hidden = privateFieldsOf(generation, job.choices, finishes);
  const hashes = await outgoing.end(telling.usage.completionTokens, lost, tailFor(net, header, hidden));
  return {
    hashes,
    finishes,
    usage: telling.usage,
    generation,
    startedAt,
  };
}

/** What the model reads: one conversation, or each text by itself. */
async function promptsOf(engine: Engine, job: Job): Promise<readonly Prompt[]> {
  if (!job.raw) return [await engine.prompt(job)];
  const prompts: Prompt[] = [];
  for (const text of job.raw.prompts) prompts.push(await engine.prompt({ ...job, text }));
  return prompts;
}

/** Each prompt has as many choices as every other, one after another. */
function promptAt({ job, prompts }: Telling, choice: number) {
  const perPrompt = job.choices / prompts.length;
  const at = Math.floor(choice / perPrompt);
  const prompt = prompts[at];
  if (!prompt) throw new RangeError("a choice of no prompt");
  const sent = job.raw?.prompts[at];
  return { prompt, source: typeof sent === "string" ? sent : (prompt.text ?? ""), isFirstOf: choice % perPrompt === 0 };
}

/** One choice, from the first token to its finish, or undefined where a cancel came before the first of all. */
async function tellChoice(telling: Telling, choice: number): Promise<Finish | undefined> {
  const { net, job, renderer, outgoing, reading, cancel, lost } = telling;
  const { prompt, source, isFirstOf } = promptAt(telling, choice);
  const promptTokens = isFirstOf ? prompt.tokens.length : 0;
  const before = {
    ...telling.usage,
    promptTokens: Math.min(telling.usage.promptTokens + promptTokens, telling.promptTokensMax),
  };
  const words = new Words(job, prompt, renderer, choice, () => `call_${toHex(net.random.bytes(12))}`);
  const generation = { ...telling.generation, seed: telling.generation.seed + choice };
  if (isFirstOf) reading.next();
  const run = net.engine.run(prompt, generation, cancel, telling.cacheScope, (tokens) => reading.took(tokens));
  const cachedOf = (cachedTokens: number): number =>
    isFirstOf ? Math.min(before.cachedTokens + cachedTokens, before.promptTokens) : before.cachedTokens;
  const count = (completionTokens: number, cachedTokens: number): number => {
    telling.usage = {
      promptTokens: before.promptTokens,
      cachedTokens: cachedOf(cachedTokens),
      completionTokens: before.completionTokens + completionTokens,
      reasoningTokens: before.reasoningTokens + Math.min(words.thoughtTokens, completionTokens),
    };
    return telling.usage.completionTokens;
  };
  let ended: FinishReason = "stop";
  let echo = job.raw?.echo === true ? source : "";
  try {
    for (;;) {
      const step = await run.next();
      const isFirst = !telling.begun;
      if (isFirst) {
        telling.begun = true;
        const cachedTokens = cachedOf(step.value.cachedTokens);
        outgoing.add(renderer.begin({ promptTokens: before.promptTokens, cachedTokens }));
      }
      if (echo !== "") outgoing.add(renderer.delta({ kind: "said", text: echo }, choice));
      echo = "";
      if (step.done) {
        ended = step.value.finish;
        count(step.value.completionTokens, step.value.cachedTokens);
        break;
      }
      outgoing.add(words.push(step.value));
      const tokens = count(step.value.completionTokens, step.value.cachedTokens);
      if (words.over) break;
      const mayGoOn = isFirst ? outgoing.begin(tokens, cancel) : outgoing.flush(tokens, cancel);
      if (mayGoOn) await mayGoOn;
    }
  } catch (error) {
    if (lost.aborted || !cancel.aborted) throw error;
    if (!telling.begun) return undefined;
    ended = "cancelled";
  } finally {
    await run.return({ finish: "stop", cachedTokens: 0, completionTokens: 0 });
  }
  outgoing.add(words.end());
  const finish = words.finish(ended);
  outgoing.add(renderer.finish(finish, choice));
  return finish;
}

const topLogprobsOf = ({ topLogprobs }: Job): Pick<Generation, "topLogprobs"> =>
  topLogprobs === undefined ? {} : { topLogprobs };
