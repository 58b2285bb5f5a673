import type { AnthropicModel, AnthropicModels } from "@darkbloom/protocol/dialects";
import { NetworkError } from "@darkbloom/protocol/failures";
import { ourWords, type OurWords, type ParamPath } from "@darkbloom/protocol/ids";
import * as z from "zod";
import { tasksOf, type CatalogEntry } from "../catalog/catalog.ts";

/** `GET /v1/models` as Anthropic's SDKs ask and read it. */

const PAGE_MODELS_DEFAULT = 20;
const PAGE_MODELS_MAX = 1_000;

const stages = ["active", "deprecated", "retired"] as const;
const cursor = z.string().min(1).optional();
const lifecycle = z.union([z.enum(stages), z.array(z.enum(stages)).max(stages.length)]).optional();

/** What a page is asked for by; without the header anthropic-version nothing of it is read. */
export const anthropicPageQuery = z.object({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(PAGE_MODELS_MAX)
    .optional()
    .describe(`With anthropic-version: models of one page, ${PAGE_MODELS_DEFAULT} where it is left out`),
  after_id: cursor.describe("With anthropic-version: the page after this model"),
  before_id: cursor.describe("With anthropic-version: the page before this model"),
  lifecycle: lifecycle.describe("With anthropic-version: every model here is active"),
  // As the SDKs write a list.
  "lifecycle[]": lifecycle,
});

const expected: Readonly<Record<string, OurWords>> = {
  limit: ourWords`it must be a whole number from 1 to ${PAGE_MODELS_MAX}`,
  lifecycle: ourWords`it must be active, deprecated or retired`,
  "lifecycle[]": ourWords`it must be active, deprecated or retired`,
};
const knownModel = ourWords`it must be the id of one model that GET /v1/models lists`;

/** Messages ask for text, so a model that gives only vectors is none of theirs. */
export const answersMessages = (entry: CatalogEntry): boolean => tasksOf(entry).includes("generate");

/**
 * One page, in the catalog's order: that of who is free now would be another one when the next page is asked for.
 *
 * @param isShown whether the list has it; a cursor may name one that it no longer has
 * @throws NetworkError `body_invalid`, naming the parameter
 */
export function pageOfModels(
  entries: readonly CatalogEntry[],
  isShown: (entry: CatalogEntry) => boolean,
  given: unknown,
): AnthropicModels {
  const query = anthropicPageQuery.safeParse(given);
  if (!query.success) {
    const param = String(query.error.issues[0]?.path[0]);
    throw invalid(param, expected[param] ?? knownModel);
  }
  const { limit = PAGE_MODELS_DEFAULT, after_id: after, before_id: before } = query.data;
  if (after !== undefined && before !== undefined)
    throw invalid("before_id", ourWords`a page is after a model or before one, not both`);
  const stage = query.data.lifecycle ?? query.data["lifecycle[]"];
  const isActive = stage === undefined || [stage].flat().includes("active");
  const models = entries.filter(answersMessages);
  const edge = after ?? before;
  const at = models.findIndex(({ id }) => id === edge);
  if (edge !== undefined && at < 0) throw invalid(after === undefined ? "before_id" : "after_id", knownModel);
  const side = before === undefined ? models.slice(at + 1) : models.slice(0, at);
  const rest = isActive ? side.filter(isShown) : [];
  const data = (before === undefined ? rest.slice(0, limit) : rest.slice(-limit)).map(anthropicModelOf);
  return {
    data,
    has_more: rest.length > data.length,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  };
}

export const anthropicModelOf = (entry: CatalogEntry): AnthropicModel => ({
  type: "model",
  id: entry.id,
  display_name: entry.displayName,
  created_at: new Date(entry.createdSec * 1000).toISOString(),
  max_input_tokens: entry.contextTokens,
  max_tokens: entry.maxOutputTokens,
  capabilities: null,
  lifecycle: "active",
  line: null,
  deprecated_at: null,
  retires_at: null,
});

const invalid = (param: string, words: OurWords): NetworkError =>
  new NetworkError({ code: "body_invalid", param: param as ParamPath, expected: words });
