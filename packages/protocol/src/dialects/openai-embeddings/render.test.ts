import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { embeddingsSchema } from "./answer-schema.ts";
import { embeddingsBytesMax, EmbeddingsRenderer } from "./render.ts";
import { decodeEmbeddingsRequest } from "./request.ts";

const usage = { promptTokens: 7, cachedTokens: 0, completionTokens: 0, reasoningTokens: 0 };
const render = (vectors: readonly (readonly number[])[], encoding: "float" | "base64", model = "m") => {
  const renderer = new EmbeddingsRenderer(decodeEmbeddingsRequest({ model, input: "x", encoding_format: encoding }));
  return (
    renderer.begin() +
    vectors.map((vector) => renderer.vector(Float32Array.from(vector))).join("") +
    renderer.end(usage)
  );
};
const told = (text: string) => embeddingsSchema.parse(JSON.parse(text));
const fromBase64 = (text: string): number[] => {
  const bytes = Buffer.from(text, "base64");
  return Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(4 * at));
};

describe("an answer of vectors", () => {
  it("has OpenAI's members and no others", () => {
    expect(
      JSON.parse(
        render(
          [
            [0.5, -0.25],
            [1, 0],
          ],
          "float",
        ),
      ),
    ).toEqual({
      object: "list",
      data: [
        { object: "embedding", index: 0, embedding: [0.5, -0.25] },
        { object: "embedding", index: 1, embedding: [1, 0] },
      ],
      model: "m",
      usage: { prompt_tokens: 7, total_tokens: 7 },
    });
  });

  it("has little-endian floats where base64 was asked for", () => {
    const [first, second] = told(
      render(
        [
          [0.5, -0.25],
          [1, 0],
        ],
        "base64",
      ),
    ).data;
    expect(first?.embedding).toBe("AAAAPwAAgL4=");
    expect(fromBase64(String(second?.embedding))).toEqual([1, 0]);
  });

  it("keeps a model's name in JSON", () => {
    expect(told(render([[1]], "float", 'a"\u2028b')).model).toBe('a"\u2028b');
  });

  const floats = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 8 });
  const vectors = fc.array(floats, { minLength: 1, maxLength: 4 });

  /** Goal: no number is lost in either form. Method: any 32-bit floats, the smallest too, there and back. */
  it("says every float exactly, in either form", () => {
    fc.assert(
      fc.property(vectors, (list) => {
        const plain = told(render(list, "float")).data.map(({ embedding }) => Float32Array.from(embedding as number[]));
        const packed = told(render(list, "base64")).data.map(({ embedding }) => fromBase64(String(embedding)));
        expect(packed).toEqual(list.map((vector) => [...vector]));
        expect(plain.map((vector) => [...vector].map((value) => value + 0))).toEqual(
          list.map((vector) => vector.map((value) => value + 0)),
        );
      }),
    );
  });

  /** Goal: an answer is never longer than was allowed for. Method: floats that take most characters, any number of vectors. */
  it.each(["float", "base64"] as const)("is no longer than its bound, in %s", (encoding) => {
    const longest = -1.23456789e-10;
    for (const [count, dimensions] of [
      [1, 1],
      [1, 3_000],
      [2_048, 1],
      [300, 50],
    ] as const) {
      const list = Array.from({ length: count }, () => Array.from({ length: dimensions }, () => longest));
      const text = render(list, encoding, "m".repeat(256));
      expect(text.length).toBeLessThanOrEqual(embeddingsBytesMax(count, dimensions, encoding));
    }
  });
});
