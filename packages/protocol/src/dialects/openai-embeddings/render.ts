import { toBase64 } from "../../bytes.ts";
import type { Usage } from "../../money.ts";
import type { Renderer } from "../dialect.ts";
import type { Embed, Job } from "../job.ts";
import { jsonText } from "../json-text.ts";
import type { Embeddings } from "./answer-schema.ts";

/** As many digits as tell every 32-bit float from the next one. */
const FLOAT_DIGITS = 9;
/** `-1.23456789e-10` and what stands between two. */
const CHARS_PER_NUMBER = 16;
/** Around one vector, and around all of them. */
const CHARS_PER_VECTOR = 64;
const CHARS_AROUND = 1024;

export const HEAD = `{"object":"list","data":[`;
export const vectorHead = (index: number): string =>
  `${index === 0 ? "" : ","}{"object":"embedding","index":${index},"embedding":`;

/** The most bytes that an answer takes, so that one which would be too long is never begun. */
export const embeddingsBytesMax = (vectors: number, dimensions: number, encoding: Embed["encoding"]): number =>
  CHARS_AROUND + vectors * vectorCharsMax(dimensions, encoding);

export function vectorCharsMax(dimensions: number, encoding: Embed["encoding"]): number {
  const numbers = encoding === "base64" ? 4 * Math.ceil((4 * dimensions) / 3) : CHARS_PER_NUMBER * dimensions;
  return CHARS_PER_VECTOR + numbers;
}

/** A list of vectors, each written as it comes. */
export class EmbeddingsRenderer implements Renderer {
  readonly #model: string;
  readonly #encoding: Embed["encoding"];
  #next = 0;

  constructor({ model, embed }: Job) {
    this.#model = model;
    this.#encoding = embed?.encoding ?? "float";
  }

  begin(): string {
    return HEAD;
  }

  vector(values: Float32Array<ArrayBuffer>): string {
    const numbers = this.#encoding === "base64" ? `"${base64Of(values)}"` : `[${decimals(values)}]`;
    return `${vectorHead(this.#next++)}${numbers}}`;
  }

  delta(): string {
    return "";
  }

  finish(): string {
    return "";
  }

  end({ promptTokens }: Usage): string {
    const usage: Embeddings["usage"] = { prompt_tokens: promptTokens, total_tokens: promptTokens };
    return `],"model":${jsonText(this.#model)},"usage":${JSON.stringify(usage)}}`;
  }
}

const decimals = (values: Float32Array): string =>
  Array.from(values, (value) => String(Number(value.toPrecision(FLOAT_DIGITS)))).join(",");

function base64Of(values: Float32Array): string {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  for (const [at, value] of values.entries()) view.setFloat32(4 * at, value, true);
  return toBase64(bytes);
}
