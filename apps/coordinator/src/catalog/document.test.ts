import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { DIMENSIONS_MAX } from "@darkbloom/protocol/dialects";
import type { BuildId, ModelId, Sha256Hex } from "@darkbloom/protocol/ids";
import { microUsd } from "@darkbloom/protocol/money";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bundledEntry } from "./bundled.ts";
import { Catalog, type CatalogEntry } from "./catalog.ts";
import { CATALOG_CHARS_MAX, parseCatalog, renderCatalog, withEntry } from "./document.ts";
import { CatalogError } from "./catalog-error.ts";

const weightsFile = new URL("../../../../models/darkbloom-tiny.gguf", import.meta.url);

/** Goal: the bundled entry names the weights that are bundled. Method: hash the file. */
it("knows the bundled model's weights", () => {
  expect(createHash("sha256").update(readFileSync(weightsFile)).digest("hex")).toBe(bundledEntry.weightsSha256);
});

const nameChar = fc.constantFrom(...Array.from("abcXYZ019._:/-"));
const modelName = fc
  .tuple(fc.constantFrom("a", "Z", "9"), fc.string({ unit: nameChar, maxLength: 127 }))
  .map((parts) => parts.join(""));
const price = fc.bigInt(0n, 1_000_000_000_000_000n);

const entry: fc.Arbitrary<CatalogEntry> = fc
  .record({
    id: modelName,
    build: modelName,
    weights: fc.string({ unit: fc.constantFrom(...Array.from("0123456789abcdef")), minLength: 64, maxLength: 64 }),
    displayName: fc.string({ minLength: 1, maxLength: 128 }),
    contextTokens: fc.integer({ min: 1, max: 100_000_000 }),
    outputPart: fc.double({ min: 0, max: 1, noNaN: true }),
    prices: fc.tuple(price, price, price),
    createdSec: fc.nat(),
  })
  .map(({ id, build, weights, prices: [a, b, output], outputPart, ...rest }) => ({
    ...rest,
    id: id as ModelId,
    build: build as BuildId,
    weightsSha256: weights as Sha256Hex,
    maxOutputTokens: Math.max(1, Math.floor(rest.contextTokens * outputPart)),
    price: {
      inputPerMtok: microUsd(a > b ? a : b),
      cachedInputPerMtok: microUsd(a > b ? b : a),
      outputPerMtok: microUsd(output),
    },
  }));
const entries = fc
  .uniqueArray(entry, { maxLength: 5, selector: ({ build }) => build })
  .map((list) => list.filter(({ id }, at) => list.findIndex((other) => other.id === id) === at));

const bundled = (JSON.parse(renderCatalog([bundledEntry])) as { models: { price: object }[] }).models[0]!;
const embedder = { ...bundled, tasks: ["embed"] };

describe("the catalog's document", () => {
  /** Goal: what is written is read back the same, free models too. Method: any catalog there and back. */
  it("reads what it writes", () => {
    fc.assert(
      fc.property(entries, (list) => {
        expect(parseCatalog(renderCatalog(list))).toEqual(list);
      }),
    );
  });

  /** Goal: no text does anything but parse or name its faults. Method: any text, any JSON, and a good document with one value replaced. */
  it("answers anything else with a CatalogError", () => {
    const good: unknown = JSON.parse(renderCatalog([bundledEntry]));
    const bent = fc
      .tuple(fc.constantFrom(...pathsOf(good)), fc.jsonValue())
      .map(([path, value]) => JSON.stringify(replaced(good, path, value)));
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), bent), (text) => {
        try {
          for (const { price: prices } of parseCatalog(text))
            expect(prices.cachedInputPerMtok <= prices.inputPerMtok).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(CatalogError);
        }
      }),
    );
  });

  /** Goal: a slip of the operator's hand is refused by the field's name. Method: one slip per line. */
  it.each<[slip: string, path: readonly string[], value: unknown, field: string]>([
    [
      "a price of zero",
      ["price", "output_micro_usd_per_mtok"],
      0,
      'models.0.price: must be above zero, or "free": true',
    ],
    [
      "a price with a fraction",
      ["price", "input_micro_usd_per_mtok"],
      0.05,
      "models.0.price.input_micro_usd_per_mtok: must be a whole",
    ],
    ["a negative price", ["price", "input_micro_usd_per_mtok"], -1, "models.0.price.input_micro_usd_per_mtok"],
    ["a price as text", ["price", "output_micro_usd_per_mtok"], "5", "models.0.price.output_micro_usd_per_mtok"],
    [
      "a missing price",
      ["price", "cached_input_micro_usd_per_mtok"],
      undefined,
      "models.0.price.cached_input_micro_usd_per_mtok",
    ],
    [
      "cached above input",
      ["price", "cached_input_micro_usd_per_mtok"],
      50_001,
      "not more than input_micro_usd_per_mtok",
    ],
    ["free, with prices", ["free"], true, "models.0.free: must be left out"],
    ["more output than context", ["max_output_tokens"], 2049, "models.0.max_output_tokens: must be not more than"],
    ["a short hash", ["weights_sha256"], "abc", "models.0.weights_sha256: must be a SHA-256"],
    ["an id with a space", ["id"], "a b", "models.0.id: must be up to 128"],
    ["an unknown field", ["prise"], 1, 'Unrecognized key: "prise"'],
  ])("names the field: %s", (_, path, value, field) => {
    const good: unknown = JSON.parse(renderCatalog([bundledEntry]));
    const text = JSON.stringify(replaced(good, ["models", "0", ...path], value));
    expect(() => parseCatalog(text)).toThrow(CatalogError);
    expect(() => parseCatalog(text)).toThrow(field);
  });

  /** Goal: prices are zero on purpose only. Method: all zero, with the word. */
  it("takes a free model that says so", () => {
    const nothing = microUsd(0n);
    const free = {
      ...bundledEntry,
      price: { inputPerMtok: nothing, outputPerMtok: nothing, cachedInputPerMtok: nothing },
    };
    const text = renderCatalog([free]);
    expect(text).toContain('"free": true');
    expect(parseCatalog(text)).toEqual([free]);
  });

  /** Goal: ids and builds mean one thing each. Method: the same id twice; one build with two hashes. */
  it("refuses two meanings", () => {
    expect(() => parseCatalog(renderCatalog([bundledEntry, bundledEntry]))).toThrow(
      "models.1.id: must be an id that no entry above has",
    );
    const other = { ...bundledEntry, id: "other" as ModelId, weightsSha256: "0".repeat(64) as Sha256Hex };
    expect(() => parseCatalog(renderCatalog([bundledEntry, other]))).toThrow(
      "models.1.weights_sha256: must be the same",
    );
  });

  /** Goal: a huge file is refused before it is parsed. Method: one character too many. */
  it("is bounded", () => {
    expect(() => parseCatalog(" ".repeat(CATALOG_CHARS_MAX + 1))).toThrow("longer than");
  });

  /** Goal: each figure and list has an end. Method: the most that there may be, and one more. */
  it.each<[what: string, most: number, of: (n: number) => readonly unknown[]]>([
    ["entries", 1024, (n) => Array.from({ length: n }, (_, at) => ({ ...bundled, id: `m${at}` }))],
    ["a price", 1e15, (n) => [{ ...bundled, price: { ...bundled.price, output_micro_usd_per_mtok: n } }]],
    ["a context", 100_000_000, (n) => [{ ...bundled, context_tokens: n }]],
    ["dimensions", DIMENSIONS_MAX, (n) => [{ ...embedder, embedding: { dimensions: n } }]],
    [
      "shorter lengths",
      32,
      (n) => [
        { ...embedder, embedding: { dimensions: 64, shortened_to: Array.from({ length: n }, (_, at) => at + 1) } },
      ],
    ],
  ])("has %s up to %d", (_, most, of) => {
    expect(() => parseCatalog(JSON.stringify({ models: of(most) }))).not.toThrow();
    expect(() => parseCatalog(JSON.stringify({ models: of(most + 1) }))).toThrow(
      /: (Too big|must be a whole number of [\w -]+ from [01] to \d+)/,
    );
  });

  /** Goal: an added entry takes its namesake's place. Method: add a new one and one again. */
  it("adds and replaces", () => {
    const other = { ...bundledEntry, id: "other" as ModelId };
    const renamed = { ...bundledEntry, displayName: "Renamed" };
    expect(withEntry([bundledEntry], other)).toEqual([bundledEntry, other]);
    expect(withEntry([bundledEntry, other], renamed)).toEqual([renamed, other]);
    expect(new Catalog(withEntry([bundledEntry], other)).find("other")).toEqual(other);
  });
});

function pathsOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]))];
}

/** A copy with one value replaced, or taken out by undefined. */
function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by;
  if (Array.isArray(value)) return value.map((inner, at) => (String(at) === key ? replaced(inner, rest, by) : inner));
  const fields = Object.entries(value ?? {});
  const inner = fields.find(([name]) => name === key)?.[1];
  return { ...Object.fromEntries(fields), [key]: replaced(inner, rest, by) };
}
