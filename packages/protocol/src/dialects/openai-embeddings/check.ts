import { fromBase64OrNothing } from "../../bytes.ts";
import { AnswerMalformed, type AnswerCheck } from "../dialect.ts";
import type { Figures } from "../dialect.ts";
import { jsonText } from "../json-text.ts";
import { HEAD, vectorCharsMax, vectorHead } from "./render.ts";

/** How far from 1 a vector's length may be: numbers are rounded to nine digits, and a shortened one is scaled. */
const LENGTH_TOLERANCE = 1e-3;
const NUMBER = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/;
const TAIL = /^,"usage":\{"prompt_tokens":(\d{1,15}),"total_tokens":\1\}\}$/;

type Asked = NonNullable<Figures["embed"]>;

/**
 * Reads an answer's vectors as they pass, one at a time, as strictly as they were written: each input's own, in order, of the
 * length that the model's have, of finite numbers, and of length 1.
 */
export class VectorsCheck implements AnswerCheck {
  readonly #embed: Asked;
  readonly #dimensions: number;
  readonly #model: string;
  readonly #charsMax: number;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #waiting = "";
  #hasHead = false;
  #vectors = 0;
  #isTail = false;

  constructor(model: string, embed: Asked, vectorLength: number) {
    this.#embed = embed;
    this.#dimensions = embed.dimensions ?? vectorLength;
    this.#model = `],"model":${jsonText(model)}`;
    this.#charsMax = Math.max(vectorCharsMax(this.#dimensions, embed.encoding), this.#model.length + 128);
  }

  push(bytes: Uint8Array): void {
    this.#waiting += this.#textOf(bytes);
    if (!this.#hasHead) {
      if (this.#waiting.length < HEAD.length) return;
      if (!this.#waiting.startsWith(HEAD)) throw new AnswerMalformed();
      this.#waiting = this.#waiting.slice(HEAD.length);
      this.#hasHead = true;
    }
    // No vector has this sign in it; the model's name may.
    for (let end; !this.#isTail && (end = this.#waiting.indexOf("}") + 1) > 0;) {
      this.#isTail = this.#waiting.startsWith("]");
      if (this.#isTail) break;
      this.#take(this.#waiting.slice(0, end));
      this.#waiting = this.#waiting.slice(end);
    }
    if (this.#waiting.length > this.#charsMax) throw new AnswerMalformed();
  }

  end(isCut: boolean): void {
    const { inputs } = this.#embed;
    const isWhole = this.#vectors === inputs || (isCut && this.#vectors > 0);
    const tail = this.#waiting;
    if (!isWhole || !tail.startsWith(this.#model) || !TAIL.test(tail.slice(this.#model.length)))
      throw new AnswerMalformed();
  }

  #textOf(bytes: Uint8Array): string {
    try {
      return this.#utf8.decode(bytes, { stream: true });
    } catch {
      throw new AnswerMalformed();
    }
  }

  #take(text: string): void {
    const index = this.#vectors++;
    const head = vectorHead(index);
    if (index >= this.#embed.inputs || !text.startsWith(head)) throw new AnswerMalformed();
    const written = text.slice(head.length, -1);
    const numbers = this.#embed.encoding === "base64" ? packedIn(written) : writtenIn(written);
    if (numbers?.length !== this.#dimensions) throw new AnswerMalformed();
    const length = Math.sqrt(numbers.reduce((sum, value) => sum + value * value, 0));
    // What is no number makes this no number.
    if (!(Math.abs(length - 1) <= LENGTH_TOLERANCE)) throw new AnswerMalformed();
  }
}

function writtenIn(text: string): readonly number[] | undefined {
  if (!text.startsWith("[") || !text.endsWith("]")) return undefined;
  const words = text.slice(1, -1).split(",");
  return words.every((word) => NUMBER.test(word)) ? words.map(Number) : undefined;
}

function packedIn(text: string): readonly number[] | undefined {
  if (!text.startsWith('"') || !text.endsWith('"')) return undefined;
  const bytes = fromBase64OrNothing(text.slice(1, -1));
  if (bytes.length % 4 !== 0) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 4 }, (_, at) => view.getFloat32(4 * at, true));
}
