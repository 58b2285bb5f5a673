import type { BuildId, ModelId } from "@darkbloom/protocol/ids";
import { describe, expect, it } from "vitest";
import { aliasedEntries, ALIASES_MAX } from "./catalog.ts";
import { bundledEntry } from "./bundled.ts";
import { Catalog } from "./catalog.ts";
import { CatalogError } from "./catalog-error.ts";

const other = { ...bundledEntry, id: "qwen3-8b" as ModelId, build: "Qwen3-8B-Q8_0" as BuildId };
const entries = [bundledEntry, other];

describe("another name for a model", () => {
  it("means the model itself, and is listed behind the models", () => {
    const catalog = new Catalog(entries, [
      { name: "claude-sonnet-5", model: "qwen3-8b" },
      { name: "gpt-5", model: "qwen3-8b" },
    ]);
    expect(catalog.find("claude-sonnet-5")).toBe(other);
    expect(catalog.find("gpt-5")).toBe(other);
    expect(catalog.find("gpt-4")).toBeUndefined();
    expect(catalog.listed.map(({ id, aliasOf }) => [id, aliasOf])).toEqual([
      ["darkbloom-tiny", undefined],
      ["qwen3-8b", undefined],
      ["claude-sonnet-5", "qwen3-8b"],
      ["gpt-5", "qwen3-8b"],
    ]);
    expect(catalog.entries).toEqual(entries);
  });

  it.each([
    [
      "a model that is not there",
      [["a", "nowhere"]],
      "which is no model of the catalog. It has: darkbloom-tiny, qwen3-8b.",
    ],
    ["a build", [["a", "Qwen3-8B-Q8_0"]], "which is no model of the catalog"],
    ["itself", [["a", "a"]], "which is an alias itself"],
    [
      "each other",
      [
        ["a", "b"],
        ["b", "a"],
      ],
      "which is an alias itself",
    ],
    [
      "another alias",
      [
        ["a", "qwen3-8b"],
        ["b", "a"],
      ],
      "The alias b stands for a, which is an alias itself",
    ],
    [
      "two models",
      [
        ["a", "qwen3-8b"],
        ["a", "darkbloom-tiny"],
      ],
      "given twice",
    ],
    ["a model, under a model's name", [["darkbloom-tiny", "qwen3-8b"]], "is the name of a model or build"],
    ["a model, under a build's name", [["Qwen3-8B-Q8_0", "darkbloom-tiny"]], "is the name of a model or build"],
  ])("is refused where it stands for %s", (_, pairs, says) => {
    const aliases = pairs.map(([name = "", model = ""]) => ({ name, model }));
    expect(() => new Catalog(entries, aliases)).toThrow(CatalogError);
    expect(() => new Catalog(entries, aliases)).toThrow(says);
  });

  it("is one of a few", () => {
    const many = (count: number) => Array.from({ length: count }, (__, at) => ({ name: `a${at}`, model: "qwen3-8b" }));
    expect(aliasedEntries(entries, many(ALIASES_MAX))).toHaveLength(ALIASES_MAX);
    expect(() => aliasedEntries(entries, many(ALIASES_MAX + 1))).toThrow("more than");
  });
});
