import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { utf8 } from "../../bytes.ts";
import { AnswerMalformed } from "../dialect.ts";
import { inspect } from "../inspect.ts";
import { openaiEmbeddings } from "./index.ts";

const usage = { promptTokens: 7, cachedTokens: 0, completionTokens: 0, reasoningTokens: 0 };
const VECTORS = [
  [0.6, -0.8],
  [1, 0],
  [-0.0000001, 1],
] as const;
type Encoding = "float" | "base64";

function asked(encoding: Encoding, more: object = {}) {
  const model = 'a}b"]';
  const body = { model, input: ["x", "y", "z"], encoding_format: encoding, ...more };
  const { renderer } = openaiEmbeddings.decode(body);
  const { figures } = inspect(openaiEmbeddings, body);
  const render = (vectors: readonly (readonly number[])[] = VECTORS) => {
    const told = renderer({ jobId: "", createdSec: 0, nowSec: () => 0 });
    const [begin, end] = [told.begin({ promptTokens: 7, cachedTokens: 0 }), () => told.end(usage)];
    return begin + vectors.map((vector) => told.vector?.(Float32Array.from(vector))).join("") + end();
  };
  /** What comes of this text in pieces of so many bytes. */
  const judged = (text: string | Uint8Array, { size = 7, isCut = false, vectorLength = 2 } = {}): string => {
    const check = openaiEmbeddings.checkVectors?.(model, figures, vectorLength);
    const bytes = typeof text === "string" ? utf8(text) : text;
    try {
      for (let at = 0; at < bytes.length; at += size) check?.push(bytes.subarray(at, at + size));
      check?.end(isCut);
      return "good";
    } catch (error) {
      if (error instanceof AnswerMalformed) return "malformed";
      throw error;
    }
  };
  return { render, judged };
}

describe.each(["float", "base64"] as const)("an answer of vectors in %s", (encoding) => {
  /** Goal: what our renderer writes passes, however it is cut. Method: any vectors of length 1, in pieces of any size. */
  it("passes in any pieces", () => {
    const { render, judged } = asked(encoding);
    const unit = fc.double({ min: 0, max: 2 * Math.PI, noNaN: true }).map((at) => [Math.cos(at), Math.sin(at)]);
    fc.assert(
      fc.property(fc.tuple(unit, unit, unit), fc.integer({ min: 1, max: 400 }), (vectors, size) => {
        expect(judged(render(vectors), { size })).toBe("good");
      }),
    );
  });

  it("passes with fewer numbers where fewer were asked for", () => {
    const { render, judged } = asked(encoding, { dimensions: 2 });
    expect(judged(render(), { vectorLength: 3 })).toBe("good");
    expect(asked(encoding).judged(render(), { vectorLength: 3 })).toBe("malformed");
  });

  it.each<[what: string, vectors: readonly (readonly number[])[]]>([
    ["too few", VECTORS.slice(0, 2)],
    ["none", []],
    ["too many", [...VECTORS, [1, 0]]],
    ["one that is shorter", [[1], ...VECTORS.slice(1)]],
    ["one that is longer", [...VECTORS.slice(0, 2), [0, 0, 1]]],
    ["one of no numbers", [[], ...VECTORS.slice(1)]],
    ["no number", [[NaN, 0], ...VECTORS.slice(1)]],
    ["an infinite number", [[Infinity, 0], ...VECTORS.slice(1)]],
    ["nothing but zeros", [[0, 0], ...VECTORS.slice(1)]],
    ["one that is not of length 1", [[0.5, 0.5], ...VECTORS.slice(1)]],
    ["one that is far too long", [Array.from({ length: 5_000 }, () => 0), ...VECTORS.slice(1)]],
  ])("is none with %s", (_, vectors) => {
    const { render, judged } = asked(encoding);
    expect(judged(render(vectors))).toBe("malformed");
  });

  it.each([
    [[1, 0], 1.0009],
    [[1, 0], 0.9991],
  ])("takes a length that rounding explains", ([x = 0, y = 0], by) => {
    const { render, judged } = asked(encoding);
    expect(judged(render([[x * by, y], ...VECTORS.slice(1)]))).toBe("good");
    expect(judged(render([[x * by * by, y], ...VECTORS.slice(1)]))).toBe("malformed");
  });

  /** Goal: who was told to stop may have done less, and nothing else. */
  it("may hold fewer where its machine was told to stop", () => {
    const { render, judged } = asked(encoding);
    expect(judged(render(VECTORS.slice(0, 1)), { isCut: true })).toBe("good");
    expect(judged(render([]), { isCut: true })).toBe("malformed");
    expect(judged(render([[1], [1, 0]]), { isCut: true })).toBe("malformed");
  });

  it.each<[what: string, change: (text: string) => string | Uint8Array]>([
    ["an index twice", (text) => text.replace('"index":1', '"index":0')],
    ["an order of its own", (text) => text.replace('"index":1', '"index":2')],
    ["another head", (text) => text.replace("list", "lost")],
    ["white space", (text) => text.replace(',"embedding"', ', "embedding"')],
    ["another member", (text) => text.replace('"index":1', '"more":{},"index":1')],
    ["another model", (text) => text.replace("a}b", "a}c")],
    ["two counts", (text) => text.replace('total_tokens":7', 'total_tokens":8')],
    ["no end", (text) => text.slice(0, -1)],
    ["more behind its end", (text) => `${text} `],
    ["more members behind its usage", (text) => `${text.slice(0, -1)},"data":[]}`],
    ["an end without end", (text) => text.slice(0, -2) + " ".repeat(500)],
    ["bytes that are no text", (text) => Uint8Array.of(...utf8(text), 0xff)],
    ["a mark before it", (text) => `\ufeff${text}`],
    ["nothing", () => ""],
  ])("is none with %s", (_, change) => {
    const { render, judged } = asked(encoding);
    expect(change(render())).not.toBe(render());
    expect(judged(change(render()))).toBe("malformed");
  });
});

describe("numbers", () => {
  it.each(["1e400", "0x1", "1,", ",1", "01e", '"1"', "null", "[1]", "1]", " 1", "NaN"])(
    "written as %j are none",
    (word) => {
      const { render, judged } = asked("float");
      expect(judged(render().replace("[1,0]", `[1,0${word}]`))).toBe("malformed");
      expect(judged(render().replace("[1,0]", `[${word},1]`))).toBe("malformed");
    },
  );

  it.each(["AACAPwAAAAA", "AACAPwAAAAA==", "AACAPwAAAA==", "AACAPwAAA A=", "AACAPwAAAB=="])(
    "packed as %j are none",
    (text) => {
      const { render, judged } = asked("base64");
      expect(render()).toContain('"AACAPwAAAAA="');
      expect(judged(render().replace("AACAPwAAAAA=", text))).toBe("malformed");
    },
  );

  it("are not taken for those of the other form", () => {
    expect(asked("float").judged(asked("base64").render())).toBe("malformed");
    expect(asked("base64").judged(asked("float").render())).toBe("malformed");
  });
});
