import { embeddingsBytesMax, type Figures, type ModelTask } from "@darkbloom/protocol/dialects";
import { NetworkError } from "@darkbloom/protocol/failures";
import { ourWords, type OurWords, type ParamPath } from "@darkbloom/protocol/ids";
import { EMBED_ANSWER_BYTES_MAX, TOKEN_BYTES_MAX } from "@darkbloom/protocol/limits";
import { priceOf, type MicroUsd, type Usage } from "@darkbloom/protocol/money";
import { embedTokensMax, promptTokensMax, promptTokensMin } from "@darkbloom/protocol/prompt-bounds";
import { tasksOf, writesText, type CatalogEntry } from "../catalog/catalog.ts";
import type { MachineView } from "../machines/ports.ts";
import type { Terms } from "./terms.ts";

/** The most that a request can generate, in tokens, all its choices together: of each its own bound, less where the model's is less. */
export const outputBound = (entry: CatalogEntry, { maxTokens, choices, maxTokensInAll }: Terms): number =>
  maxTokensInAll ?? Math.min(maxTokens, entry.maxOutputTokens, entry.contextTokens) * choices;

/** The most tokens of what was sent that can be charged, with a machine whose context holds so many. Counting a prompt costs nothing. */
export function promptBound({ texts, generates, bodyBytes }: Terms, contextTokens: number): number {
  if (texts !== undefined) return Math.min(embedTokensMax(bodyBytes, texts), texts * contextTokens);
  return generates ? Math.min(promptTokensMax(bodyBytes), contextTokens) : 0;
}

/** The most that a request can cost: what is held for it. */
export const worstCase = (entry: CatalogEntry, terms: Terms): MicroUsd =>
  priceOf(entry.price, { ...tokenBounds(entry, terms), cachedTokens: 0 });

/** The most tokens that can be charged. */
export const tokenBounds = (entry: CatalogEntry, terms: Terms): Pick<Usage, "promptTokens" | "completionTokens"> => ({
  promptTokens: promptBound(terms, entry.contextTokens),
  completionTokens: terms.generates ? outputBound(entry, terms) : 0,
});

/**
 * Refuses what this model is not for: words of one that embeds, vectors of one that talks, vectors of a length that it was
 * not trained for, and more of them than one answer holds.
 *
 * @throws NetworkError `unsupported` or `body_invalid`, naming the field
 */
export function refuseOtherTasks(
  entry: CatalogEntry,
  { task }: Pick<Terms, "task">,
  { embed }: Pick<Figures, "embed">,
): void {
  const tasks = tasksOf(entry);
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
  if (embeddingsBytesMax(inputs, dimensions, encoding) > EMBED_ANSWER_BYTES_MAX)
    throw new NetworkError({
      code: "body_invalid",
      param: "input" as ParamPath,
      expected: ourWords`${inputs} vectors of ${dimensions} numbers are more than one answer holds; send fewer inputs at once, or ask for 'encoding_format' "base64"`,
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
  { bodyBytes }: Pick<Terms, "bodyBytes">,
  { prompt }: Pick<Figures, "prompt">,
  machines: () => Iterable<Pick<MachineView, "models">>,
): void {
  // A token stands for at least one byte.
  if (bodyBytes <= contextTokens) return;
  let longest = 0;
  for (const { models } of machines())
    for (const model of models)
      if (model.build === build && model.weightsSha256 === weightsSha256)
        longest = Math.max(longest, model.tokenBytesMax ?? Number.POSITIVE_INFINITY);
  const promptTokens = promptTokensMin(prompt, Math.min(longest || Number.POSITIVE_INFINITY, TOKEN_BYTES_MAX));
  if (promptTokens > contextTokens)
    throw new NetworkError({ code: "context_length_exceeded", contextTokens, promptTokens });
}
