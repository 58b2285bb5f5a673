import { fromUtf8, joinBytes, putU32be, utf8 } from "../bytes.ts";
import { JOB_ID_BYTES_MAX } from "../limits.ts";

/**
 * A binary message of the provider connection: one record or more, each
 * `u8 kind ‖ u8 length of the job id ‖ job id ‖ u32 length ‖ bytes`. What is big travels so, as it is; what controls it
 * is JSON text. A kind that is not known is skipped, like an unknown type of a text.
 */
export const recordKinds = {
  /** To a provider: a request, as `writeRequest` has it. */
  request: 1,
  /** To the coordinator: whole frames of a sealed answer, one or more; the first also carries the response nonce. */
  answer: 2,
} as const;
export type RecordKind = keyof typeof recordKinds;

type Bytes = Uint8Array<ArrayBuffer>;

export interface WireRecord {
  readonly kind: RecordKind;
  readonly jobId: string;
  readonly bytes: Uint8Array;
}

/** As it came: its kind may be one that is not known. */
export type ReadRecord = Omit<WireRecord, "kind"> & { readonly kind: RecordKind | undefined };

const LENGTH_BYTES = 4;
/** Kind and the job id's length. */
const HEAD_BYTES = 2;

/** One record, ready to be put into a message with others. @throws RangeError for a job id that no record has room for */
export function writeRecord({ kind, jobId, bytes }: WireRecord): Bytes {
  const id = utf8(jobId);
  if (id.length === 0 || id.length > JOB_ID_BYTES_MAX) throw new RangeError("no id of a job");
  const lengthAt = HEAD_BYTES + id.length;
  const record = new Uint8Array(lengthAt + LENGTH_BYTES + bytes.length);
  record[0] = recordKinds[kind];
  record[1] = id.length;
  record.set(id, HEAD_BYTES);
  putU32be(record, lengthAt, bytes.length);
  record.set(bytes, lengthAt + LENGTH_BYTES);
  return record;
}

export const joinRecords = (records: readonly Uint8Array[]): Bytes => joinBytes(records);

/**
 * The records of one message, in their order; their bytes are views of the message.
 *
 * @throws RangeError where a record is cut off or its job id is none. What stood before it has been given out then.
 */
export function* readRecords(given: Uint8Array): Generator<ReadRecord> {
  // Node's sockets give a `Buffer`, whose own `slice` is no copy: who keeps one piece would hold the whole message.
  const message = new Uint8Array(given.buffer, given.byteOffset, given.length);
  for (let at = 0; at < message.length;) {
    const idLength = message[at + 1] ?? 0;
    const idAt = at + HEAD_BYTES;
    const lengthAt = idAt + idLength;
    const bytesAt = lengthAt + LENGTH_BYTES;
    if (idLength === 0 || idLength > JOB_ID_BYTES_MAX || bytesAt > message.length) throw new RangeError("no record");
    const length = new DataView(message.buffer, message.byteOffset + lengthAt).getUint32(0);
    if (length > message.length - bytesAt) throw new RangeError("a record is cut off");
    yield {
      kind: kindOf(message[at]),
      jobId: textOf(message.subarray(idAt, lengthAt)),
      bytes: message.subarray(bytesAt, bytesAt + length),
    };
    at = bytesAt + length;
  }
}

function kindOf(byte: number | undefined): RecordKind | undefined {
  if (byte === recordKinds.request) return "request";
  return byte === recordKinds.answer ? "answer" : undefined;
}

function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch (cause) {
    throw new RangeError("a job id is no text", { cause });
  }
}
