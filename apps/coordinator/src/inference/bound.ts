import {
  microUsd,
  NetworkError,
  priceOf,
  promptTokensMax,
  promptTokensMin,
  TOKEN_BYTES_MAX,
  type MicroUsd,
} from "@darkbloom/protocol";
import type { CatalogEntry } from "../catalog/catalog.ts";
import type { Candidate } from "../routing/eligibility.ts";
import type { Ask } from "./ask.ts";

/** The most that each of a request's choices can generate, in tokens: its own bound, less where the model's is less. */
const choiceBound = (entry: CatalogEntry, { job }: Ask): number =>
  Math.min(job.maxTokens, entry.maxOutputTokens, entry.contextTokens);

/** The most that a request can generate, in tokens, all its choices together. */
export const outputBound = (entry: CatalogEntry, ask: Ask): number => choiceBound(entry, ask) * ask.job.choices;

/** The most that a request can cost: what is held for it. Counting a prompt costs nothing. */
export function worstCase(entry: CatalogEntry, ask: Ask): MicroUsd {
  if (!ask.job.generates) return microUsd(0n);
  const promptTokens = Math.min(promptTokensMax(ask.body.length), entry.contextTokens);
  return priceOf(entry.price, { promptTokens, cachedTokens: 0, completionTokens: outputBound(entry, ask) });
}

/**
 * Refuses, before anything is held or asked, a prompt that cannot fit the model: its text has more bytes than a context's
 * worth of the longest token. What may fit is counted by a machine.
 *
 * @param candidates machines of any model; those with these weights say how long a token can be, and the most of it is taken
 * @throws NetworkError `context_length_exceeded`
 */
export function refuseWhatCannotFit(
  { build, weightsSha256, contextTokens }: CatalogEntry,
  { job, body }: Pick<Ask, "job" | "body">,
  candidates: () => readonly Pick<Candidate, "models">[],
): void {
  // A token stands for at least one byte.
  if (body.length <= contextTokens) return;
  const figures = candidates()
    .flatMap(({ models }) => models)
    .filter((model) => model.build === build && model.weightsSha256 === weightsSha256)
    .map(({ tokenBytesMax = TOKEN_BYTES_MAX }) => tokenBytesMax);
  const tokenBytesMax = figures.reduce((most, next) => Math.max(most, next), 0) || TOKEN_BYTES_MAX;
  const promptTokens = promptTokensMin(job, Math.min(tokenBytesMax, TOKEN_BYTES_MAX));
  if (promptTokens > contextTokens)
    throw new NetworkError({ code: "context_length_exceeded", contextTokens, promptTokens });
}
