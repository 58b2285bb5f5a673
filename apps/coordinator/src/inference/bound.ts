import { priceOf, type MicroUsd } from "@darkbloom/protocol";
import type { CatalogEntry } from "../catalog/catalog.ts";
import type { Ask } from "./ask.ts";

/**
 * What a chat template may add to a prompt on its own account: a default system text, turn markers.
 * The body's bytes bound what the messages themselves can become, since no tokenizer makes more tokens
 * than it reads bytes.
 */
export const TEMPLATE_TOKENS_MAX = 512;

/** The most that a request can generate, in tokens: its own bound, less where the model's is less. */
export const outputBound = (entry: CatalogEntry, ask: Ask): number =>
  Math.min(ask.job.maxTokens, entry.maxOutputTokens, entry.contextTokens);

/** The most that a request can cost: what is held for it. */
export function worstCase(entry: CatalogEntry, ask: Ask): MicroUsd {
  const promptTokens = Math.min(ask.body.length + TEMPLATE_TOKENS_MAX, entry.contextTokens);
  return priceOf(entry.price, { promptTokens, cachedTokens: 0, completionTokens: outputBound(entry, ask) });
}
