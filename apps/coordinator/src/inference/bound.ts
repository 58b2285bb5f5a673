import { embeddingsBytesMax, taskOf, type ModelTask } from "@darkbloom/protocol/dialects";
import { NetworkError } from "@darkbloom/protocol/failures";
import { ourWords, type OurWords, type ParamPath } from "@darkbloom/protocol/ids";
import { EMBED_ANSWER_BYTES_MAX, TOKEN_BYTES_MAX } from "@darkbloom/protocol/limits";
import { mostOf } from "@darkbloom/protocol/lists";
import { priceOf, type MicroUsd } from "@darkbloom/protocol/money";
import { embedTokensMax, inputTokensMax, promptTokensMax, promptTokensMin } from "@darkbloom/protocol/prompt-bounds";
import type { EngineRefusalCode } from "@darkbloom/protocol/provider-words";
import { tasksOf, writesText, type CatalogEntry } from "../catalog/catalog.ts";
import type { MachineView } from "../machines/ports.ts";
import type { Ask } from "./ask.ts";

/** The most that each of a request's choices can generate, in tokens: its own bound, less where the model's is less. */
const choiceBound = (entry: CatalogEntry, { job }: Ask): number =>
  Math.min(job.maxTokens, entry.maxOutputTokens, entry.contextTokens);

/** The most that a request can generate, in tokens, all its choices together. */
export const outputBound = (entry: CatalogEntry, ask: Ask): number => choiceBound(entry, ask) * ask.job.choices;

/** The most tokens of what was sent that can be charged, with a machine whose context holds so many. Counting a prompt costs nothing. */
export function promptBound({ job, body }: Pick<Ask, "job" | "body">, contextTokens: number): number {
  const texts = (job.embed?.inputs ?? job.raw?.prompts)?.length;
  if (texts !== undefined) return Math.min(embedTokensMax(body.length, texts), texts * contextTokens);
  return job.generates ? Math.min(promptTokensMax(body.length), contextTokens) : 0;
}

/** The most that a request can cost: what is held for it. */
export function worstCase(entry: CatalogEntry, ask: Ask): MicroUsd {
  const promptTokens = promptBound(ask, entry.contextTokens);
  const completionTokens = ask.job.generates ? outputBound(entry, ask) : 0;
  return priceOf(entry.price, { promptTokens, cachedTokens: 0, completionTokens });
}

/**
 * Refuses what this model is not for: words of one that embeds, vectors of one that talks, vectors of a length that it was
 * not trained for, and more of them than one answer holds.
 *
 * @throws NetworkError `unsupported` or `body_invalid`, naming the field
 */
export function refuseOtherTasks(entry: CatalogEntry, { job }: Pick<Ask, "job">): void {
  const { embed } = job;
  const tasks = tasksOf(entry);
  const task = taskOf(job);
  if (!tasks.includes(task)) throw unsupported("model", notForThis(task, tasks));
  if (!embed || !entry.embedding) return;
  const { dimensions: own, shortenedTo } = entry.embedding;
  const { dimensions = own, inputs, encoding } = embed;
  if (dimensions !== own && !shortenedTo.includes(dimensions))
    throw unsupported(
      "dimensions",
      shortenedTo.length === 0
        ? ourWords`this model's vectors have ${own} numbers, and it was not trained to be useful with fewer; leave the field out`
        : ourWords`this model's vectors have ${own} numbers, or as few as GET /v1/models lists in its 'embedding'`,
    );
  if (embeddingsBytesMax(inputs.length, dimensions, encoding) > EMBED_ANSWER_BYTES_MAX)
    throw new NetworkError({
      code: "body_invalid",
      param: "input" as ParamPath,
      expected: ourWords`${inputs.length} vectors of ${dimensions} numbers are more than one answer holds; send fewer inputs at once, or ask for 'encoding_format' "base64"`,
    });
}

function notForThis(task: ModelTask, tasks: readonly ModelTask[]): OurWords {
  if (task === "embed")
    return ourWords`this model writes text and gives no vectors; the 'tasks' of each in GET /v1/models say which one embeds`;
  if (!writesText(tasks))
    return ourWords`this model gives vectors and writes no text; the 'tasks' of each in GET /v1/models say which one generates`;
  return task === "complete"
    ? ourWords`this model can only converse; send the text as a message to /v1/chat/completions`
    : ourWords`this model goes on with a text and holds no conversation; send the text to /v1/completions`;
}

const unsupported = (param: string, reason: OurWords): NetworkError =>
  new NetworkError({ code: "unsupported", param: param as ParamPath, reason });

/**
 * Refuses, before anything is held or asked, a prompt that cannot fit the model: its text has more bytes than a context's
 * worth of the longest token. What may fit is counted by a machine.
 *
 * @param machines of any model; those with these weights say how long a token can be, and the most of it is taken
 * @throws NetworkError `context_length_exceeded`
 */
export function refuseWhatCannotFit(
  { build, weightsSha256, contextTokens }: CatalogEntry,
  { job, body }: Pick<Ask, "job" | "body">,
  machines: () => Iterable<Pick<MachineView, "models">>,
): void {
  // A token stands for at least one byte.
  if (body.length <= contextTokens) return;
  let longest = 0;
  for (const { models } of machines())
    for (const model of models)
      if (model.build === build && model.weightsSha256 === weightsSha256)
        longest = Math.max(longest, model.tokenBytesMax ?? Number.POSITIVE_INFINITY);
  const promptTokens = promptTokensMin(job, Math.min(longest || TOKEN_BYTES_MAX, TOKEN_BYTES_MAX));
  if (promptTokens > contextTokens)
    throw new NetworkError({ code: "context_length_exceeded", contextTokens, promptTokens });
}

/** The most tokens that what shares one context of so many can come to: the prompt, or the longest of several texts. */
export const longestTokensMax = ({ job, body }: Pick<Ask, "job" | "body">, contextTokens: number): number =>
  job.embed
    ? mostOf(job.embed.inputs.map((input) => inputTokensMax(input, contextTokens + 1)))
    : promptTokensMax(body.length);

/**
 * A machine's refusal costs the caller the request and the machine nothing, so it is believed no further than it must be: of
 * something that was sent.
 */
export function isPlausible(
  refusal: EngineRefusalCode,
  ask: Pick<Ask, "job" | "body">,
  contextTokens: number,
): boolean {
  const { job } = ask;
  switch (refusal) {
    case "context_exceeded":
      // A prompt that fills the context leaves no room for an answer; a vector needs none.
      return longestTokensMax(ask, contextTokens) >= contextTokens + (job.embed ? 1 : 0);
    case "messages_refused":
      return true;
    case "schema_refused":
      return job.format !== undefined;
    case "tools_refused":
      return job.tools.length > 0;
    case "tokens_refused":
      return (job.embed?.inputs ?? job.raw?.prompts ?? []).some((text) => typeof text !== "string");
    case "dimensions_refused":
      return job.embed?.dimensions !== undefined;
    case "continuation_refused":
      return job.continues === true;
    case "thinking_refused":
      return job.thinksOrRefuses === true;
  }
}
