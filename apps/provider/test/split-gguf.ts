import { readFileSync, writeFileSync } from "node:fs";

/** Sizes of GGUF's value types by number; 8 is a string, 9 an array (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). */
const SIZES = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
const UINT16 = 2;
const INT32 = 5;
const STRING = 8;
const ARRAY = 9;
const ALIGNMENT = 32;

/**
 * Writes a GGUF file's tensors into two files, as llama.cpp splits a model: the first with all metadata, both
 * with which part they are.
 */
export function splitInTwo(whole: string, first: string, second: string): void {
  const file = readFileSync(whole);
  const { tensors, values, metadata, infos, dataAt } = headOf(file);
  const sized = infos.map((info) => {
    const next = infos.map(({ offset }) => offset).filter((offset) => offset > info.offset);
    const end = next.length > 0 ? Math.min(...next) : file.length - dataAt;
    return { head: info.head, data: file.subarray(dataAt + info.offset, dataAt + end) };
  });
  const half = Math.ceil(tensors / 2);
  for (const [no, path, kept, own] of [
    [0, first, metadata, sized.slice(0, half)],
    [1, second, Buffer.alloc(0), sized.slice(half)],
  ] as const) {
    const counts = [
      named("split.no", UINT16, number(no, 2)),
      named("split.count", UINT16, number(2, 2)),
      named("split.tensors.count", INT32, number(tensors, 4)),
    ];
    const written = no === 0 ? values + 3 : 3;
    let offset = 0;
    const heads = own.map(({ head, data }) => {
      const entry = Buffer.concat([head, number(offset, 8)]);
      offset = aligned(offset + data.length);
      return entry;
    });
    const start = Buffer.concat([
      file.subarray(0, 8),
      number(own.length, 8),
      number(written, 8),
      kept,
      ...counts,
      ...heads,
    ]);
    writeFileSync(path, Buffer.concat([padded(start), ...own.map(({ data }) => padded(data))]));
  }
}

/** What stands before the weights. */
export function headOf(file: Buffer) {
  const reader = new Reader(file);
  reader.at = 8;
  const tensors = reader.number();
  const values = reader.number();
  const valuesAt = reader.at;
  for (let index = 0; index < values; index++) {
    reader.string();
    reader.value(reader.word());
  }
  const metadata = file.subarray(valuesAt, reader.at);
  const infos = Array.from({ length: tensors }, () => {
    const at = reader.at;
    reader.string();
    const dimensions = reader.word();
    reader.at += 8 * dimensions + 4;
    const head = file.subarray(at, reader.at);
    return { head, offset: reader.number() };
  });
  return { tensors, values, metadata, infos, endsAt: reader.at, dataAt: aligned(reader.at) };
}

const aligned = (length: number): number => Math.ceil(length / ALIGNMENT) * ALIGNMENT;
const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(aligned(bytes.length) - bytes.length)]);

/** Little endian. */
function number(value: number, size: 2 | 4 | 8): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUIntLE(value, 0, Math.min(size, 6));
  return bytes;
}

const named = (name: string, type: number, value: Buffer): Buffer =>
  Buffer.concat([number(name.length, 8), Buffer.from(name), number(type, 4), value]);

class Reader {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  word(): number {
    this.at += 4;
    return this.#bytes.readUInt32LE(this.at - 4);
  }

  number(): number {
    this.at += 8;
    return Number(this.#bytes.readBigUInt64LE(this.at - 8));
  }

  string(): void {
    const length = this.number();
    this.at += length;
  }

  /** Goes past a value. */
  value(type: number): void {
    if (type === STRING) return this.string();
    if (type !== ARRAY) return void (this.at += SIZES[type] ?? 0);
    const inner = this.word();
    const length = this.number();
    for (let index = 0; index < length; index++) this.value(inner);
  }
}
