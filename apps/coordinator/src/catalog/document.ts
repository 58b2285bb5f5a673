import { DIMENSIONS_MAX, modelTasks, type ModelTask } from "@darkbloom/protocol/dialects";
import type { BuildId, ModelId, Sha256Hex } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import * as z from "zod";
import { tasksOf, tasksWhereNoneAreNamed, writesText, type CatalogEntry } from "./catalog.ts";
import { CatalogError } from "./catalog-error.ts";

export const CATALOG_CHARS_MAX = 1024 * 1024;
const CATALOG_ENTRIES_MAX = 1024;
/** 1,000 USD per token: above it a figure is a slip of the hand, and every sum stays far inside 64 bits. */
const PRICE_MICRO_USD_MAX = 1_000_000_000_000_000;
const TOKENS_MAX = 100_000_000;
const SHORTENED_LENGTHS_MAX = 32;

const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/,
    "must be up to 128 letters, digits and . _ : / -, a letter or digit first",
  );
const whole = (least: number, most: number, of: string) => {
  const range = `must be a whole number ${of} from ${least} to ${most}`;
  return z.int(range).min(least, range).max(most, range);
};
const price = whole(0, PRICE_MICRO_USD_MAX, "of micro-USD per million tokens");
const tokens = whole(1, TOKENS_MAX, "of tokens");

/** A model that only embeds writes nothing that could have a price. */
const priceIsZero = (entry: { price: Record<string, number>; tasks?: readonly ModelTask[] }): boolean =>
  Object.entries(entry.price).some(
    ([of, amount]) =>
      amount === 0 && (of !== "output_micro_usd_per_mtok" || writesText(entry.tasks ?? tasksWhereNoneAreNamed)),
  );

const entry = z
  .strictObject({
    id: name,
    build: name,
    display_name: z.string().min(1).max(128),
    weights_sha256: z.string().regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in 64 lower-case hex digits"),
    context_tokens: tokens,
    max_output_tokens: tokens,
    price: z.strictObject({
      input_micro_usd_per_mtok: price,
      output_micro_usd_per_mtok: price,
      cached_input_micro_usd_per_mtok: price,
    }),
    free: z.boolean().optional(),
    tasks: z
      .array(z.enum(modelTasks), 'must be a list of "generate", "complete" and "embed", or of some of them')
      .min(1)
      .max(modelTasks.length)
      .exactOptional(),
    embedding: z
      .strictObject({
        dimensions: whole(1, DIMENSIONS_MAX, "of dimensions"),
        shortened_to: z.array(z.int().positive()).max(SHORTENED_LENGTHS_MAX).optional(),
      })
      .refine(({ dimensions, shortened_to: shorter = [] }) => shorter.every((length) => length < dimensions), {
        path: ["shortened_to"],
        error: "must each be less than dimensions",
      })
      .exactOptional(),
    /** Seconds since 1970. */
    created: whole(0, Number.MAX_SAFE_INTEGER, "of seconds"),
  })
  .refine((model) => tasksOf(model).includes("embed") === (model.embedding !== undefined), {
    path: ["embedding"],
    error: 'must be there where "tasks" names "embed", and only there',
  })
  .refine((model) => model.max_output_tokens <= model.context_tokens, {
    path: ["max_output_tokens"],
    error: "must be not more than context_tokens",
  })
  .refine((model) => model.price.cached_input_micro_usd_per_mtok <= model.price.input_micro_usd_per_mtok, {
    path: ["price", "cached_input_micro_usd_per_mtok"],
    error: "must be not more than input_micro_usd_per_mtok",
  })
  .refine((model) => model.free === true || !priceIsZero(model), {
    path: ["price"],
    error: 'must be above zero, or "free": true beside it if this model is meant to cost nothing',
  })
  .refine((model) => model.free !== true || priceIsZero(model), {
    path: ["free"],
    error: "must be left out where every price is above zero",
  });

const document = z
  .strictObject({ models: z.array(entry).max(CATALOG_ENTRIES_MAX) })
  .superRefine(({ models }, context) => {
    const ids = new Set<string>();
    const weights = new Map<string, string>();
    for (const [index, model] of models.entries()) {
      if (ids.has(model.id))
        context.addIssue({
          code: "custom",
          path: ["models", index, "id"],
          message: "must be an id that no entry above has",
        });
      ids.add(model.id);
      if ((weights.get(model.build) ?? model.weights_sha256) !== model.weights_sha256)
        context.addIssue({
          code: "custom",
          path: ["models", index, "weights_sha256"],
          message: "must be the same as in the entry above with this build",
        });
      weights.set(model.build, model.weights_sha256);
    }
  });

/**
 * The catalog as the operator wrote it.
 *
 * @throws CatalogError with one line per field that is wrong
 */
export function parseCatalog(text: string): CatalogEntry[] {
  if (text.length > CATALOG_CHARS_MAX)
    throw new CatalogError(`The catalog is longer than ${CATALOG_CHARS_MAX} characters.`);
  const parsed = document.safeParse(jsonOf(text));
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path, message }) => `  ${path.join(".") || "the whole"}: ${message}`);
    throw new CatalogError(`The catalog is not valid. Mend these fields:\n${faults.join("\n")}`);
  }
  return parsed.data.models.map((model) => ({
    id: model.id as ModelId,
    build: model.build as BuildId,
    weightsSha256: model.weights_sha256 as Sha256Hex,
    displayName: model.display_name,
    contextTokens: model.context_tokens,
    maxOutputTokens: model.max_output_tokens,
    price: {
      inputPerMtok: microUsd(BigInt(model.price.input_micro_usd_per_mtok)),
      outputPerMtok: microUsd(BigInt(model.price.output_micro_usd_per_mtok)),
      cachedInputPerMtok: microUsd(BigInt(model.price.cached_input_micro_usd_per_mtok)),
    },
    ...(model.tasks && { tasks: model.tasks }),
    ...(model.embedding && {
      embedding: { dimensions: model.embedding.dimensions, shortenedTo: model.embedding.shortened_to ?? [] },
    }),
    createdSec: model.created,
  }));
}

/** The text that `parseCatalog` reads back as the same entries. */
export function renderCatalog(entries: readonly CatalogEntry[]): string {
  const models = entries.map((model) => {
    const { inputPerMtok, outputPerMtok, cachedInputPerMtok } = model.price;
    const prices = {
      input_micro_usd_per_mtok: Number(inputPerMtok),
      output_micro_usd_per_mtok: Number(outputPerMtok),
      cached_input_micro_usd_per_mtok: Number(cachedInputPerMtok),
    };
    const { tasks, embedding } = model;
    const free = priceIsZero({ price: prices, ...(tasks && { tasks }) });
    return {
      id: model.id,
      build: model.build,
      display_name: model.displayName,
      weights_sha256: model.weightsSha256,
      context_tokens: model.contextTokens,
      max_output_tokens: model.maxOutputTokens,
      price: prices,
      ...(free && { free }),
      ...(tasks && { tasks: [...tasks] }),
      ...(embedding && {
        embedding: { dimensions: embedding.dimensions, shortened_to: [...embedding.shortenedTo] },
      }),
      created: model.createdSec,
    } satisfies z.input<typeof entry>;
  });
  return `${JSON.stringify({ models }, null, 2)}\n`;
}

/** The entries with this one among them, in place of the one with its id if there was one. */
export function withEntry(entries: readonly CatalogEntry[], added: CatalogEntry): CatalogEntry[] {
  if (!entries.some(({ id }) => id === added.id)) return [...entries, added];
  return entries.map((known) => (known.id === added.id ? added : known));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CatalogError("The catalog is not JSON. Mend it, or move it away to get a new one.");
  }
}
