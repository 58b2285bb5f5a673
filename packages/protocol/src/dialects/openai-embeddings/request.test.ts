import { describe, expect, it } from "vitest";
import { NetworkError } from "../../failures.ts";
import { EMBED_INPUT_TOKENS_MAX, EMBED_INPUTS_MAX } from "../../limits.ts";
import { taskOf } from "../job.ts";
import { DIMENSIONS_MAX, embeddingsRequestRules } from "./request-schema.ts";
import { TOKEN_ID_MAX } from "../text-input.ts";
import { decodeEmbeddingsRequest } from "./request.ts";

const decode = (more: object) => decodeEmbeddingsRequest({ model: "m", input: "a text", ...more });
const failureOf = (more: object) => {
  try {
    decode(more);
  } catch (error) {
    if (error instanceof NetworkError) return error.failure;
    throw error;
  }
  return undefined;
};
const texts = (count: number) => Array.from({ length: count }, () => "a");
const tokens = (count: number) => Array.from({ length: count }, () => 1);

describe("what becomes vectors", () => {
  it.each<[what: string, input: unknown, inputs: readonly unknown[]]>([
    ["a text", "a", ["a"]],
    ["a text of white space", " ", [" "]],
    ["a list of one", ["a"], ["a"]],
    ["several", ["a", "b", "a"], ["a", "b", "a"]],
    ["as many as there may be", texts(EMBED_INPUTS_MAX), texts(EMBED_INPUTS_MAX)],
    ["tokens", [1, 2, 3], [[1, 2, 3]]],
    ["one token", [0], [[0]]],
    ["the highest token", [TOKEN_ID_MAX], [[TOKEN_ID_MAX]]],
    ["as many tokens as there may be", tokens(EMBED_INPUT_TOKENS_MAX), [tokens(EMBED_INPUT_TOKENS_MAX)]],
    ["lists of tokens", [[1], [2, 3]], [[1], [2, 3]]],
    ["texts beside tokens", ["a", [2]], ["a", [2]]],
  ])("%s", (_, input, inputs) => {
    expect(decode({ input }).embed?.inputs).toEqual(inputs);
  });

  it.each<[what: string, input: unknown, param: string]>([
    ["nothing", undefined, "input"],
    ["null", null, "input"],
    ["an empty text", "", "input"],
    ["an empty list", [], "input"],
    ["a number", 5, "input"],
    ["an object", { text: "a" }, "input"],
    ["an empty text among others", ["a", ""], "input.1"],
    ["an empty list of tokens", ["a", []], "input.1"],
    ["null among texts", ["a", null], "input.1"],
    ["an object among texts", [{ text: "a" }], "input.0"],
    ["a number behind a text", ["a", 1], "input.1"],
    ["a text among tokens", [1, "a"], "input"],
    ["a list among tokens", [1, [2]], "input"],
    ["half a token", [1.5], "input"],
    ["a negative token", [-1], "input"],
    ["a token above every vocabulary", [[TOKEN_ID_MAX + 1]], "input.0"],
    ["a list in a list in a list", [[[1]]], "input.0"],
    ["one text too many", texts(EMBED_INPUTS_MAX + 1), "input"],
    ["one token too many", tokens(EMBED_INPUT_TOKENS_MAX + 1), "input"],
    ["one token too many in a list", [[1], tokens(EMBED_INPUT_TOKENS_MAX + 1)], "input.1"],
  ])("is refused by name: %s", (_, input, param) => {
    expect(failureOf({ input })).toMatchObject({ code: "body_invalid", param });
  });
});

describe("the other fields", () => {
  it("make one job that writes nothing", () => {
    const job = decode({ provider_serial: "S1", user: "u" });
    expect(job).toMatchObject({
      endpoint: "/v1/embeddings",
      model: "m",
      stream: false,
      generates: false,
      messages: [],
      tools: [],
      choices: 1,
      maxTokens: 1,
      pins: ["S1"],
      embed: { encoding: "float" },
    });
    expect(job.embed?.dimensions).toBeUndefined();
    expect(taskOf(job)).toBe("embed");
  });

  it.each<[more: object, embed: object]>([
    [{ encoding_format: "float" }, { encoding: "float" }],
    [{ encoding_format: "base64" }, { encoding: "base64" }],
    [{ encoding_format: null, dimensions: null }, { encoding: "float" }],
    [{ dimensions: 1 }, { dimensions: 1 }],
    [{ dimensions: DIMENSIONS_MAX }, { dimensions: DIMENSIONS_MAX }],
    [{ user: 5, stream: false, normalize: true, output_dtype: "float", input_type: null }, { encoding: "float" }],
  ])("%o is taken", (more, embed) => {
    expect(decode(more).embed).toMatchObject(embed);
  });

  it.each<[more: object, code: string, param: string]>([
    [{ model: undefined }, "body_invalid", "model"],
    [{ encoding_format: "int8" }, "body_invalid", "encoding_format"],
    [{ dimensions: 0 }, "body_invalid", "dimensions"],
    [{ dimensions: 1.5 }, "body_invalid", "dimensions"],
    [{ dimensions: DIMENSIONS_MAX + 1 }, "body_invalid", "dimensions"],
    [{ provider_serial: "" }, "body_invalid", "provider_serial"],
    [{ provider_serials: Array.from({ length: 65 }, (_, n) => `S${n}`) }, "body_invalid", "provider_serials"],
    [{ stream: true }, "unsupported", "stream"],
    [{ normalize: false }, "unsupported", "normalize"],
    [{ output_dtype: "int8" }, "unsupported", "output_dtype"],
    [{ input_type: "query" }, "unsupported", "input_type"],
    [{ prompt_name: "query" }, "unsupported", "prompt_name"],
    [{ truncate_prompt_tokens: 5 }, "unsupported", "truncate_prompt_tokens"],
  ])("%o is refused by name", (more, code, param) => {
    expect(failureOf(more)).toMatchObject({ code, param });
  });

  it.each([[], null, "x", 5])("refuses a body that is no object: %o", (body) => {
    expect(() => decodeEmbeddingsRequest(body)).toThrow(NetworkError);
  });

  it("has words for each", () => {
    for (const rule of Object.values(embeddingsRequestRules))
      expect("expected" in rule ? rule.expected : rule.refused).toMatch(/^[a-z'].*[^.]$/);
  });
});
