import { headOf } from "./split-gguf.ts";

/** GGUF's value types by number (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). */
const UINT32 = 4;
const INT32 = 5;
const FLOAT32 = 6;
const BOOL = 7;
const STRING = 8;
const ARRAY = 9;
const ALIGNMENT = 32;
const F32 = 0;

/** A value of a model's metadata: its type and its bytes. */
export interface GgufValue {
  readonly type: number;
  readonly bytes: Buffer;
}

/** One row of a matrix stands behind the other. */
export interface Tensor {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

const number32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value | 0);
  return bytes;
};
const number64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const spelled = (value: string): Buffer => {
  const bytes = Buffer.from(value, "utf8");
  return Buffer.concat([number64(bytes.length), bytes]);
};

export const uint = (value: number): GgufValue => ({ type: UINT32, bytes: number32(value) });
export const flag = (value: boolean): GgufValue => ({ type: BOOL, bytes: Buffer.from([Number(value)]) });
export const text = (value: string): GgufValue => ({ type: STRING, bytes: spelled(value) });
export const float = (value: number): GgufValue => {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return { type: FLOAT32, bytes };
};
export const strings = (values: readonly string[]): GgufValue => list(STRING, values.map(spelled));
export const arrayOf = (values: readonly number[]): GgufValue => list(INT32, values.map(number32));

const list = (type: number, items: readonly Buffer[]): GgufValue => ({
  type: ARRAY,
  bytes: Buffer.concat([number32(type), number64(items.length), ...items]),
});

const named = (name: string, { type, bytes }: GgufValue): Buffer =>
  Buffer.concat([spelled(name), number32(type), bytes]);
const padded = (bytes: Buffer): Buffer =>
  Buffer.concat([bytes, Buffer.alloc((ALIGNMENT - (bytes.length % ALIGNMENT)) % ALIGNMENT)]);

/** A whole file, its tensors in 32-bit floats. */
export function ggufBytes(metadata: Readonly<Record<string, GgufValue>>, tensors: readonly Tensor[]): Buffer {
  const entries = Object.entries(metadata);
  let offset = 0;
  const heads: Buffer[] = [];
  const data: Buffer[] = [];
  for (const { name, rows, columns, values } of tensors) {
    const sizes = rows === 1 && !name.startsWith("token_types") ? [columns] : [columns, rows];
    heads.push(
      Buffer.concat([spelled(name), number32(sizes.length), ...sizes.map(number64), number32(F32), number64(offset)]),
    );
    const bytes = padded(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
    data.push(bytes);
    offset += bytes.length;
  }
  const start = Buffer.concat([
    Buffer.from("GGUF"),
    number32(3),
    number64(tensors.length),
    number64(entries.length),
    ...entries.map(([name, value]) => named(name, value)),
    ...heads,
  ]);
  return Buffer.concat([padded(start), ...data]);
}

/** A copy of a file with one more value of metadata; its weights are the same. */
export function withMetadata(file: Buffer, name: string, value: GgufValue): Buffer {
  const { values, endsAt, dataAt } = headOf(file);
  const head = Buffer.concat([
    file.subarray(0, 16),
    number64(values + 1),
    named(name, value),
    file.subarray(24, endsAt),
  ]);
  return Buffer.concat([padded(head), file.subarray(dataAt)]);
}
