import {
  anthropicErrorSchema,
  anthropicModelSchema,
  anthropicModelsSchema,
  modelTasks,
  openaiErrorSchema,
  type AnthropicModel,
  type AnthropicModels,
} from "@darkbloom/protocol/dialects";
import { trustLevels } from "@darkbloom/protocol/evidence";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { AccountId } from "@darkbloom/protocol/ids";
import type { Price } from "@darkbloom/protocol/money";
import * as z from "zod";
import type { ListedEntry } from "../catalog/catalog.ts";
import { tasksOf, writesText } from "../catalog/catalog.ts";
import { eligibleFor, hasFreeSlot, plainWant } from "../machines/eligibility.ts";
import { anthropicModelOf, anthropicPageQuery, answersMessages, pageOfModels } from "./anthropic-models.ts";
import { speaksAnthropic } from "./base-url.ts";
import { callerOf } from "./access.ts";
import { mayAskFor } from "./ask.ts";
import type { Door, Route } from "./door.ts";

const usd = z.string().describe("USD for one token, a decimal number");

const model = z.object({
  id: z.string(),
  alias_of: z
    .string()
    .optional()
    .describe("The model that this is another name for: it answers, and its name stands in the answer and the receipt"),
  object: z.literal("model"),
  created: z.int().describe("Seconds since 1970"),
  owned_by: z.string(),
  name: z.string(),
  context_length: z.int(),
  max_output_length: z.int(),
  tasks: z
    .array(z.enum(modelTasks))
    .describe(
      "What it can be asked for: to converse (generate: chat, Responses, Messages), to go on with a text (complete: /v1/completions), to turn texts into vectors (embed: /v1/embeddings)",
    ),
  embedding: z
    .object({
      dimensions: z.int().describe("Numbers of each vector"),
      shortened_to: z.array(z.int()).describe("Fewer, that it was trained to be useful with: 'dimensions'"),
    })
    .optional()
    .describe("Of a model that embeds"),
  input_modalities: z.array(z.string()),
  output_modalities: z.array(z.string()),
  pricing: z.object({ prompt: usd, completion: usd, input_cache_read: usd }),
  metadata: z.object({
    trust_level: z.enum(trustLevels).describe("The best of the machines that serve it now"),
    provider_count: z.int(),
    can_accept: z.boolean().describe("Whether a machine has a free slot now"),
  }),
});
type Model = z.infer<typeof model>;

const modelList = z.object({ object: z.literal("list"), data: z.array(model) });
const wildcard = z.object({ "*": z.string() });
const anthropicVersion = z.object({
  "anthropic-version": z.string().optional().describe("Any: the answer has Anthropic's form then"),
});
const eitherError = z.union([openaiErrorSchema, anthropicErrorSchema]);

/** `GET /v1/models` */
export const listModels = (door: Door): Route => ({
  schema: {
    summary: "List the models that the key may ask for, those that can answer now first",
    description: "With the header anthropic-version it is a page of Anthropic's form, in an order that stays.",
    tags: ["models"],
    headers: anthropicVersion,
    querystring: anthropicPageQuery,
    response: { 200: z.union([modelList, anthropicModelsSchema]) },
  },
  config: { access: "key or session", limit: "rate", fails: ["body_invalid"], error: eitherError },
  handler: async (request): Promise<z.infer<typeof modelList> | AnthropicModels> => {
    const { deps } = door;
    const caller = callerOf(request);
    const listed = deps.catalog.listed.filter(({ id, aliasOf }) => mayAskFor(caller, id, aliasOf));
    const isShown = ({ metadata }: Model) => deps.settings.hideUnserved !== true || metadata.provider_count > 0;
    if (speaksAnthropic(request.headers))
      return pageOfModels(listed, (entry) => isShown(describe(deps, entry, caller.account)), request.query);
    // Many clients take the first: one that can answer.
    const models = listed
      .map((entry) => describe(deps, entry, caller.account))
      .toSorted((one, other) => rankOf(other) - rankOf(one));
    return { object: "list", data: models.filter(isShown) };
  },
});

/** `GET /v1/models/{id}`, whose id may hold slashes. */
export const oneModel = (door: Door): Route => ({
  schema: {
    summary: "One model",
    tags: ["models"],
    headers: anthropicVersion,
    params: z.object({ id: z.string().describe("May hold slashes") }),
    response: { 200: z.union([model, anthropicModelSchema]) },
  },
  config: { access: "key or session", limit: "rate", fails: ["model_not_found"], error: eitherError },
  handler: async (request): Promise<Model | AnthropicModel> => {
    const wanted = wildcard.parse(request.params)["*"];
    const entry = door.deps.catalog.listed.find(({ id }) => id === wanted);
    const toAnthropic = speaksAnthropic(request.headers);
    const caller = callerOf(request);
    if (!entry || !mayAskFor(caller, entry.id, entry.aliasOf) || (toAnthropic && !answersMessages(entry)))
      throw new NetworkError({ code: "model_not_found", knownModels: door.deps.catalog.entries.length });
    return toAnthropic ? anthropicModelOf(entry) : describe(door.deps, entry, caller.account);
  },
});

/** With the machines that the account may reach, its own among them. */
function describe({ fleet, clock, settings }: Door["deps"], entry: ListedEntry, account: AccountId): Model {
  const tasks = tasksOf(entry);
  const { embedding } = entry;
  const want = plainWant(entry, settings.minTrustDefault, account);
  const { machines } = eligibleFor(want, fleet.machinesFor(entry.build), clock.monotonicMs());
  return {
    id: entry.id,
    ...(entry.aliasOf && { alias_of: entry.aliasOf }),
    object: "model",
    created: entry.createdSec,
    owned_by: "darkbloom",
    name: entry.displayName,
    context_length: entry.contextTokens,
    max_output_length: writesText(tasks) ? entry.maxOutputTokens : 0,
    tasks: [...tasks],
    ...(embedding && {
      embedding: { dimensions: embedding.dimensions, shortened_to: [...embedding.shortenedTo] },
    }),
    input_modalities: ["text"],
    output_modalities: [...new Set(tasks.map((task) => (task === "embed" ? "embeddings" : "text")))],
    pricing: pricing(entry.price),
    metadata: {
      trust_level: trustLevels.findLast((level) => machines.some(({ verdict }) => verdict.level === level)) ?? "none",
      provider_count: machines.length,
      can_accept: machines.some(hasFreeSlot),
    },
  };
}

/** What answers now, then what will when a slot is free, then what nobody serves; in the catalog's order otherwise. */
const rankOf = ({ metadata }: Model): number => Number(metadata.can_accept) + Number(metadata.provider_count > 0);

const pricing = (price: Price): Model["pricing"] => ({
  prompt: usdPerToken(price.inputPerMtok),
  completion: usdPerToken(price.outputPerMtok),
  input_cache_read: usdPerToken(price.cachedInputPerMtok),
});

/** Micro-USD per million tokens are 10⁻¹² USD per token; written out exactly: `250000n` → `"0.00000025"`. */
export function usdPerToken(microUsdPerMtok: bigint): string {
  const digits = microUsdPerMtok.toString().padStart(13, "0");
  const fraction = digits.slice(-12).replace(/0+$/, "");
  return fraction === "" ? digits.slice(0, -12) : `${digits.slice(0, -12)}.${fraction}`;
}
