import { anthropicModelSchema, anthropicModelsSchema } from "@darkbloom/protocol/dialects";
import { NetworkError } from "@darkbloom/protocol/failures";
import type { ModelId } from "@darkbloom/protocol/ids";
import { describe, expect, it } from "vitest";
import { entry, fleetOf, openEdge } from "../../test/http-kit.ts";
import { Catalog, type CatalogEntry } from "../catalog/catalog.ts";
import { anthropicModelOf, pageOfModels } from "./anthropic-models.ts";

const named = (id: string, more: Partial<CatalogEntry> = {}): CatalogEntry => ({
  ...entry,
  id: id as ModelId,
  ...more,
});
const embedding = { dimensions: 8, shortenedTo: [] };
const five = ["a", "b", "c", "d", "e"].map((id) => named(id));
const all = () => true;
const asTold = ({ data, has_more, first_id, last_id }: ReturnType<typeof pageOfModels>) => [
  data.map(({ id }) => id).join(""),
  has_more,
  first_id,
  last_id,
];

describe("a page of models", () => {
  it.each([
    [{}, ["abcde", false, "a", "e"]],
    [{ limit: "2" }, ["ab", true, "a", "b"]],
    [{ limit: "2", after_id: "b" }, ["cd", true, "c", "d"]],
    [{ limit: "2", after_id: "d" }, ["e", false, "e", "e"]],
    [{ after_id: "e" }, ["", false, null, null]],
    [{ limit: "2", before_id: "d" }, ["bc", true, "b", "c"]],
    [{ limit: "2", before_id: "c" }, ["ab", false, "a", "b"]],
    [{ before_id: "a" }, ["", false, null, null]],
    [{ limit: "5" }, ["abcde", false, "a", "e"]],
    [{ limit: "1000" }, ["abcde", false, "a", "e"]],
    [{ lifecycle: "active" }, ["abcde", false, "a", "e"]],
    [{ "lifecycle[]": ["retired", "active"] }, ["abcde", false, "a", "e"]],
    [{ "lifecycle[]": ["retired", "deprecated"] }, ["", false, null, null]],
    [{ unheard_of: "1" }, ["abcde", false, "a", "e"]],
  ])("by %o", (query, told) => {
    expect(asTold(pageOfModels(five, all, query))).toEqual(told);
  });

  it("has twenty models where nobody says how many", () => {
    const many = Array.from({ length: 21 }, (_, at) => named(`m${at}`));
    const page = pageOfModels(many, all, {});
    expect([page.data.length, page.has_more, page.last_id]).toEqual([20, true, "m19"]);
  });

  it.each([
    [{ limit: "0" }, "limit", "it must be a whole number from 1 to 1000"],
    [{ limit: "1001" }, "limit", "it must be a whole number from 1 to 1000"],
    [{ limit: "x" }, "limit", "it must be a whole number from 1 to 1000"],
    [{ limit: ["1", "2"] }, "limit", "it must be a whole number from 1 to 1000"],
    [{ after_id: "x" }, "after_id", "it must be the id of one model that GET /v1/models lists"],
    [{ after_id: ["a", "b"] }, "after_id", "it must be the id of one model that GET /v1/models lists"],
    [{ before_id: "x" }, "before_id", "it must be the id of one model that GET /v1/models lists"],
    [{ before_id: "" }, "before_id", "it must be the id of one model that GET /v1/models lists"],
    [{ after_id: "a", before_id: "c" }, "before_id", "a page is after a model or before one, not both"],
    [{ lifecycle: "old" }, "lifecycle", "it must be active, deprecated or retired"],
    [{ "lifecycle[]": ["old"] }, "lifecycle[]", "it must be active, deprecated or retired"],
  ])("refuses %o", (query, param, expected) => {
    const asked = (): unknown => pageOfModels(five, all, query);
    expect(asked).toThrow(NetworkError);
    expect(failureOf(asked)).toEqual({ code: "body_invalid", param, expected });
  });

  /** Goal: no page is told that somebody else would ask in vain. Method: a model of vectors, one of both, one that is hidden. */
  it("has only models that answer messages and are shown, and goes on behind one that is hidden by now", () => {
    const models = [
      named("vectors", { tasks: ["embed"], embedding }),
      named("both", { tasks: ["generate", "embed"], embedding }),
      named("hidden"),
      named("last"),
    ];
    const isShown = ({ id }: CatalogEntry) => id !== "hidden";
    expect(pageOfModels(models, isShown, {}).data.map(({ id }) => id)).toEqual(["both", "last"]);
    expect(asTold(pageOfModels(models, isShown, { limit: "1" }))).toEqual(["both", true, "both", "both"]);
    expect(asTold(pageOfModels(models, isShown, { after_id: "hidden" }))).toEqual(["last", false, "last", "last"]);
    expect(() => pageOfModels(models, isShown, { after_id: "vectors" })).toThrow(NetworkError);
  });
});

function failureOf(asked: () => unknown): unknown {
  try {
    return asked();
  } catch (error) {
    return error instanceof NetworkError ? error.failure : error;
  }
}

describe("GET /v1/models with anthropic-version", () => {
  const anthropic = { "anthropic-version": "2023-06-01" };

  it("is Anthropic's page, and one of it Anthropic's model", async () => {
    await using edge = await openEdge();
    const model = {
      type: "model",
      id: "org/tiny",
      display_name: "Tiny",
      created_at: "2023-11-14T22:13:20.000Z",
      max_input_tokens: 4096,
      max_tokens: 1024,
      capabilities: null,
      lifecycle: "active",
      line: null,
      deprecated_at: null,
      retires_at: null,
    };
    const page = await (await edge.keyed("/v1/models?limit=1&beta=true", { headers: anthropic })).json();
    expect(page).toEqual({ data: [model], has_more: false, first_id: "org/tiny", last_id: "org/tiny" });
    expect(anthropicModelsSchema.parse(page)).toEqual(page);
    for (const path of ["/v1/models/org/tiny", "/v1/models/org%2Ftiny"])
      expect(await (await edge.keyed(path, { headers: anthropic })).json()).toEqual(model);
    expect(anthropicModelSchema.parse(anthropicModelOf(entry))).toEqual(model);
    expect(await (await edge.keyed("/v1/models?limit=0")).json()).toMatchObject({ object: "list" });
  });

  it("hides what nobody serves where the other list does", async () => {
    const settings = { corsOrigins: [], trustProxy: false, version: "0", minTrustDefault: "self_signed" } as const;
    for (const [hideUnserved, count] of [
      [true, 0],
      [false, 1],
    ] as const) {
      await using edge = await openEdge({ fleet: fleetOf(), settings: { ...settings, hideUnserved } });
      const page = anthropicModelsSchema.parse(await (await edge.keyed("/v1/models", { headers: anthropic })).json());
      expect(page.data).toHaveLength(count);
    }
  });

  it("tells every error in Anthropic's envelope", async () => {
    const catalog = new Catalog([entry, named("vectors", { tasks: ["embed"], embedding })]);
    await using edge = await openEdge({ catalog });
    for (const [path, status, type] of [
      ["/v1/models/else", 404, "not_found_error"],
      ["/v1/models/vectors", 404, "not_found_error"],
      ["/v1/models?limit=0", 400, "invalid_request_error"],
      ["/v1/messages/batches", 404, "not_found_error"],
      ["/v1/messages/batches/b1/results", 404, "not_found_error"],
      ["/v1/files", 404, "not_found_error"],
      ["/v1/%zz", 404, "not_found_error"],
    ] as const) {
      const response = await edge.keyed(path, { headers: anthropic });
      expect([path, response.status, await response.json()]).toMatchObject([
        path,
        status,
        { type: "error", error: { type, message: expect.any(String) }, request_id: expect.any(String) },
      ]);
    }
    const keyless = await edge.get("/v1/models", { headers: anthropic });
    expect([keyless.status, await keyless.json()]).toMatchObject([401, { error: { type: "authentication_error" } }]);
    const method = await edge.get("/v1/models", { method: "DELETE", headers: anthropic });
    expect([method.status, await method.json()]).toMatchObject([405, { type: "error" }]);
    const chat = await edge.get("/v1/chat/completions", { method: "POST", headers: anthropic });
    expect(await chat.json()).toMatchObject({ error: { code: "key_missing" } });
  });
});
