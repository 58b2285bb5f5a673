import { microUsd, priceOf, type MicroUsd } from "@darkbloom/protocol";
import type { CatalogEntry } from "../catalog/catalog.ts";
import type { Ask } from "./ask.ts";

/**
 * What a chat template may add to a prompt on its own account: a default system text, turn markers, how to
 * call tools.
 * The body's bytes bound what the messages themselves can become, since no tokenizer makes more tokens
 * than it reads bytes.
 */
export const TEMPLATE_TOKENS_MAX = 1024;

/** The most that each of a request's choices can generate, in tokens: its own bound, less where the model's is less. */
const choiceBound = (entry: CatalogEntry, { job }: Ask): number =>
  Math.min(job.maxTokens, entry.maxOutputTokens, entry.contextTokens);

/** The most that a request can generate, in tokens, all its choices together. */
export const outputBound = (entry: CatalogEntry, ask: Ask): number => choiceBound(entry, ask) * ask.job.choices;

/** The most that a body's prompt can come to, in tokens. */
export const promptBound = (body: Uint8Array): number => body.length + TEMPLATE_TOKENS_MAX;

/** The most that a request can cost: what is held for it. Counting a prompt costs nothing. */
export function worstCase(entry: CatalogEntry, ask: Ask): MicroUsd {
  if (!ask.job.generates) return microUsd(0n);
  const promptTokens = Math.min(promptBound(ask.body), entry.contextTokens);
  return priceOf(entry.price, { promptTokens, cachedTokens: 0, completionTokens: outputBound(entry, ask) });
}
