import type { ReceiptDocument } from "@darkbloom/protocol/receipts";

/** What packed receipts need for good: both lists are only ever added to, at their ends. */
const WORDS = [
  "transparent",
  "sealed",
  "/v1/chat/completions",
  "/v1/responses",
  "/v1/completions",
  "/v1/messages",
  "/v1/embeddings",
  "stop",
  "length",
  "tool_calls",
  "cancelled",
  "node-llama-cpp",
] as const;

type Kind = "text" | "hex" | "base64" | "time" | "number";
type Group = "document" | "receipt" | "engine" | "sampling" | "usage";

const fields: readonly (readonly [group: Group, name: string, kind: Kind])[] = [
  ["receipt", "v", "number"],
  ["receipt", "job_id", "text"],
  ["receipt", "request_id", "text"],
  ["receipt", "privacy", "text"],
  ["receipt", "endpoint", "text"],
  ["receipt", "model", "text"],
  ["receipt", "build", "text"],
  ["receipt", "weights_sha256", "hex"],
  ["engine", "name", "text"],
  ["engine", "version", "text"],
  ["receipt", "request_sha256", "hex"],
  ["receipt", "response_sha256", "hex"],
  ["receipt", "nonce", "text"],
  ["sampling", "temperature", "number"],
  ["sampling", "top_p", "number"],
  ["sampling", "seed", "number"],
  ["sampling", "top_k", "number"],
  ["sampling", "frequency_penalty", "number"],
  ["sampling", "presence_penalty", "number"],
  ["sampling", "min_p", "number"],
  ["sampling", "repetition_penalty", "number"],
  ["sampling", "logit_bias", "number"],
  ["sampling", "stop", "number"],
  ["sampling", "max_tokens", "number"],
  ["sampling", "n", "number"],
  ["usage", "prompt_tokens", "number"],
  ["usage", "cached_tokens", "number"],
  ["usage", "completion_tokens", "number"],
  ["usage", "reasoning_tokens", "number"],
  ["receipt", "finish_reason", "text"],
  ["receipt", "provider_id", "text"],
  ["receipt", "identity_key", "base64"],
  ["receipt", "evidence_sha256", "hex"],
  ["receipt", "started_at", "time"],
  ["receipt", "finished_at", "time"],
  ["document", "provider_signature", "base64"],
  ["document", "coordinator_signature", "base64"],
  ["document", "coordinator_key_id", "text"],
  ["document", "countersigned_at", "time"],
  ["receipt", "request_commitment", "hex"],
  ["receipt", "response_commitment", "hex"],
  ["receipt", "private_commitment", "hex"],
  ["receipt", "hpke_key_id", "hex"],
];
/** What a field begins with: nothing, what its kind makes of it, its text as it stands, or a word by its number from `WORD` on. */
const [ABSENT, AS_ITS_KIND, AS_TEXT, WORD] = [0, 1, 2, 3] as const;

/** What the fields of one group are members of, and how many further members that has: the groups inside of it. */
type Groups = { readonly [Name in Group]: Readonly<Record<string, unknown>> | undefined };

const groupsOf = (document: ReceiptDocument): Groups => {
  const { receipt } = document;
  return { document, receipt, engine: receipt.engine, sampling: receipt.sampling, usage: receipt.usage };
};

const PACKED_VALUE_BYTES_MAX = 255;
const TIME_BYTES = 6;
/** Packed here, since what comes out is always copied. */
const room = Buffer.allocUnsafe(fields.length * (2 + PACKED_VALUE_BYTES_MAX));
const numberOfWord = new Map<string, number>(WORDS.map((word, index) => [word, WORD + index]));

/** A receipt as its fields, one behind the other. Undefined for one that these do not say whole: with a member more, or a longer value. */
export function packFields(document: ReceiptDocument): Uint8Array | undefined {
  const groups = groupsOf(document);
  let [at, told] = [0, 0];
  for (const [group, name, kind] of fields) {
    const value = groups[group]?.[name];
    if (value === undefined) {
      room[at++] = ABSENT;
      continue;
    }
    const end = writeValue(at, kind, value);
    if (end === undefined) return undefined;
    told += 1;
    at = end;
  }
  const there = Object.values(groups).filter((group) => group !== undefined);
  const members = there.reduce((sum, group) => sum + Object.keys(group).length, 0);
  // Every group but the document itself is a member of another one.
  return members === told + there.length - 1 ? room.subarray(0, at) : undefined;
}

/** @returns where it ends; undefined where it has no room */
function writeValue(at: number, kind: Kind, value: unknown): number | undefined {
  const text = String(value);
  const word = numberOfWord.get(text);
  if (word !== undefined && kind === "text") {
    room[at] = word;
    return at + 1;
  }
  if (kind === "time") {
    const ms = Date.parse(text);
    if (ms >= 0 && new Date(ms).toISOString() === text) {
      room[at] = AS_ITS_KIND;
      return room.writeUIntBE(ms, at + 1, TIME_BYTES);
    }
  }
  if (text.length > PACKED_VALUE_BYTES_MAX) return undefined;
  if (kind === "hex" || kind === "base64") {
    const bytes = room.write(text, at + 2, kind);
    if (room.toString(kind, at + 2, at + 2 + bytes) === text) return headed(at, AS_ITS_KIND, bytes);
  }
  if (Buffer.byteLength(text) > PACKED_VALUE_BYTES_MAX) return undefined;
  return headed(at, AS_TEXT, room.write(text, at + 2));
}

function headed(at: number, how: number, bytes: number): number {
  room[at] = how;
  room[at + 1] = bytes;
  return at + 2 + bytes;
}

/**
 * What `packFields` packed; not yet looked at.
 *
 * @throws RangeError where the bytes end too soon, or too late
 */
export function unpackFields(bytes: Uint8Array): unknown {
  const packed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const groups: Record<Group, Record<string, unknown>> = {
    document: {},
    receipt: {},
    engine: {},
    sampling: {},
    usage: {},
  };
  let at = 0;
  for (const [group, name, kind] of fields) {
    const how = packed.readUInt8(at++);
    if (how === ABSENT) continue;
    const bytesOfValue = how >= WORD ? 0 : kind === "time" && how === AS_ITS_KIND ? TIME_BYTES : packed.readUInt8(at++);
    groups[group][name] = valueOf(packed.subarray(at, at + bytesOfValue), how, kind);
    at += bytesOfValue;
  }
  if (at !== packed.length) throw new RangeError("a packed receipt has another length");
  const { document, receipt, engine, sampling, usage } = groups;
  const isDrawn = Object.keys(sampling).length > 0;
  return { ...document, receipt: { ...receipt, engine, usage, ...(isDrawn && { sampling }) } };
}

function valueOf(bytes: Buffer, how: number, kind: Kind): unknown {
  if (how >= WORD) return WORDS[how - WORD];
  if (how === AS_TEXT) return kind === "number" ? Number(bytes.toString()) : bytes.toString();
  if (kind === "time") return new Date(bytes.readUIntBE(0, TIME_BYTES)).toISOString();
  return bytes.toString(kind === "hex" ? "hex" : "base64");
}
