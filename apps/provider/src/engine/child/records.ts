import type { Embedded } from "../../inference/engine.ts";
import type { Piece } from "../../language/reply.ts";

/**
 * What the engine's process says to the provider's: frames, each a length (u32) and so many bytes of records.
 * Everything that is ready in one turn of the loop is one frame. A record is a kind (u8), the request's id (u32)
 * and what belongs to it; numbers are little-endian, a text is its length (u32) and UTF-8.
 *
 * The reader takes nothing on trust: that process reads prompts with code that nobody here wrote.
 */
export const recordKinds = [
  "piece",
  "end",
  "fail",
  "prompt",
  "busy_with",
  "beat",
  "loading",
  "loaded",
  "refused",
  "vectors",
  "fits",
  "read",
] as const;
type Kind = (typeof recordKinds)[number];
const kindNumbers = Object.fromEntries(recordKinds.map((kind, at) => [kind, at])) as Record<Kind, number>;

/** One record, as it was read. `json` is still to be checked by whoever knows its shape. */
export type EngineRecord =
  | { readonly kind: "piece"; readonly id: number; readonly piece: Piece; readonly json?: unknown }
  | {
      readonly kind: "end";
      readonly id: number;
      readonly finish: "stop" | "length";
      readonly cachedTokens: number;
      readonly completionTokens: number;
    }
  | { readonly kind: "prompt"; readonly id: number; readonly tokens: readonly number[]; readonly json: unknown }
  | { readonly kind: "read"; readonly id: number; readonly readTokens: number }
  | { readonly kind: "vectors"; readonly id: number; readonly vectors: readonly Embedded[] }
  | { readonly kind: Exclude<Kind, SpelledOut>; readonly id: number; readonly json: unknown };
/** Those with a form of their own; the others are JSON. */
type SpelledOut = "piece" | "end" | "prompt" | "vectors" | "read";

/** A frame may hold a prompt of a million tokens; nothing that is meant is larger. */
export const ENGINE_FRAME_BYTES_MAX = 32 * 1024 * 1024;
const LENGTH_BYTES = 4;
const FIRST_BYTES = 8 * 1024;

/** The other process said something that cannot be read. */
export class EngineSpeechError extends Error {
  override readonly name = "EngineSpeechError";
}

/** Collects records until they are taken as one frame. */
export class RecordWriter {
  #buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #at = LENGTH_BYTES;

  get isEmpty(): boolean {
    return this.#at === LENGTH_BYTES;
  }

  piece(id: number, { text, completionTokens, cachedTokens, ...more }: Piece): void {
    this.#head("piece", id, 8 + 3 * text.length + 8);
    this.#u32(completionTokens);
    this.#u32(cachedTokens);
    this.#text(text);
    let hasMore = false;
    for (const _ in more) hasMore = true;
    this.#json(hasMore ? more : undefined);
  }

  end(id: number, end: { finish: "stop" | "length"; cachedTokens: number; completionTokens: number }): void {
    this.#head("end", id, 12);
    this.#u32(end.finish === "stop" ? 0 : 1);
    this.#u32(end.cachedTokens);
    this.#u32(end.completionTokens);
  }

  read(id: number, readTokens: number): void {
    this.#head("read", id, 4);
    this.#u32(readTokens);
  }

  prompt(id: number, { tokens, ...more }: { readonly tokens: readonly number[] }): void {
    this.#head("prompt", id, 4 + 4 * tokens.length);
    this.#u32(tokens.length);
    for (const token of tokens) this.#u32(token);
    this.#json(more);
  }

  vectors(id: number, vectors: readonly Embedded[]): void {
    this.#head("vectors", id, 4 + vectors.reduce((bytes, { vector }) => bytes + 8 + 4 * vector.length, 0));
    this.#u32(vectors.length);
    for (const { vector, tokens } of vectors) {
      this.#u32(tokens);
      this.#u32(vector.length);
      for (const value of vector) this.#at = this.#buffer.writeFloatLE(value, this.#at);
    }
  }

  tell(kind: Exclude<Kind, SpelledOut>, id: number, value: unknown): void {
    this.#head(kind, id, 0);
    this.#json(value);
  }

  /** The frame; what is told from here on belongs to the next one. */
  take(): Buffer {
    this.#buffer.writeUInt32LE(this.#at - LENGTH_BYTES, 0);
    const frame = Buffer.from(this.#buffer.subarray(0, this.#at));
    this.#at = LENGTH_BYTES;
    if (this.#buffer.length > 64 * FIRST_BYTES) this.#buffer = Buffer.allocUnsafe(FIRST_BYTES);
    return frame;
  }

  #head(kind: Kind, id: number, more: number): void {
    this.#room(5 + more);
    this.#buffer[this.#at] = kindNumbers[kind];
    this.#at += 1;
    this.#u32(id);
  }

  #room(bytes: number): void {
    if (this.#buffer.length - this.#at >= bytes) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, this.#at + bytes));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }

  #u32(value: number): void {
    this.#buffer.writeUInt32LE(value, this.#at);
    this.#at += 4;
  }

  #text(text: string): void {
    this.#room(4 + 3 * text.length);
    const bytes = this.#buffer.write(text, this.#at + 4);
    this.#u32(bytes);
    this.#at += bytes;
  }

  #json(value: unknown): void {
    const text = value === undefined ? "" : JSON.stringify(value);
    this.#text(text);
  }
}

/** Puts a stream of bytes together into frames again. */
export class FrameReader {
  readonly #max: number;
  readonly #take: (frame: Buffer) => void;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(take: (frame: Buffer) => void, max: number = ENGINE_FRAME_BYTES_MAX) {
    this.#take = take;
    this.#max = max;
  }

  /** @throws EngineSpeechError for a frame above the bound */
  push(chunk: Buffer): void {
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
    while (this.#bytes >= LENGTH_BYTES) {
      const length = this.#joined(LENGTH_BYTES).readUInt32LE(0);
      if (length > this.#max) throw new EngineSpeechError("a frame that is too long");
      if (this.#bytes < LENGTH_BYTES + length) return;
      const whole = this.#joined(LENGTH_BYTES + length);
      this.#parts[0] = whole.subarray(LENGTH_BYTES + length);
      this.#bytes -= LENGTH_BYTES + length;
      this.#take(whole.subarray(LENGTH_BYTES, LENGTH_BYTES + length));
    }
  }

  /** The first part, at least so long. Several are put together once, when all of a frame is there. */
  #joined(bytes: number): Buffer {
    const [first] = this.#parts;
    if (first && first.length >= bytes) return first;
    const whole = Buffer.concat(this.#parts);
    this.#parts = [whole];
    return whole;
  }
}

/** @throws EngineSpeechError where the bytes are no records */
export function readRecords(frame: Buffer): EngineRecord[] {
  const reader = new Reader(frame);
  const records: EngineRecord[] = [];
  while (!reader.isAtEnd) records.push(reader.record());
  return records;
}

class Reader {
  readonly #frame: Buffer;
  #at = 0;

  constructor(frame: Buffer) {
    this.#frame = frame;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#frame.length;
  }

  record(): EngineRecord {
    const kind = recordKinds[this.#bytes(1)[0] ?? recordKinds.length];
    const id = this.#u32();
    if (kind === undefined) throw new EngineSpeechError("a record of no known kind");
    switch (kind) {
      case "piece": {
        const completionTokens = this.#u32();
        const cachedTokens = this.#u32();
        const text = this.#text();
        const json = this.#json();
        const piece = { text, completionTokens, cachedTokens };
        return json === undefined ? { kind, id, piece } : { kind, id, piece, json };
      }
      case "end": {
        const finish = this.#u32() === 0 ? "stop" : "length";
        return { kind, id, finish, cachedTokens: this.#u32(), completionTokens: this.#u32() };
      }
      case "prompt": {
        const count = this.#u32();
        const bytes = this.#bytes(4 * count);
        const tokens = Array.from({ length: count }, (_, at) => bytes.readUInt32LE(4 * at));
        return { kind, id, tokens, json: this.#json() };
      }
      case "vectors": {
        const vectors: Embedded[] = [];
        for (let left = this.#u32(); left > 0; left--) vectors.push(this.#vector());
        return { kind, id, vectors };
      }
      case "read":
        return { kind, id, readTokens: this.#u32() };
      case "fail":
      case "busy_with":
      case "beat":
      case "loading":
      case "loaded":
      case "refused":
      case "fits":
        return { kind, id, json: this.#json() };
    }
  }

  #vector(): Embedded {
    const tokens = this.#u32();
    const length = this.#u32();
    const bytes = this.#bytes(4 * length);
    return { tokens, vector: Float32Array.from({ length }, (_, at) => bytes.readFloatLE(4 * at)) };
  }

  #bytes(count: number): Buffer {
    if (this.#frame.length - this.#at < count) throw new EngineSpeechError("a record that is cut");
    return this.#frame.subarray(this.#at, (this.#at += count));
  }

  #u32(): number {
    return this.#bytes(4).readUInt32LE(0);
  }

  #text(): string {
    return this.#bytes(this.#u32()).toString("utf8");
  }

  #json(): unknown {
    const text = this.#text();
    if (text === "") return undefined;
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw new EngineSpeechError("a record that is no JSON");
    }
  }
}
