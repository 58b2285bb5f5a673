import { fromHex, fromUtf8, joinBytes, putU32be, toHex, utf8 } from "@darkbloom/protocol/bytes";
import type { CoordinatorId } from "@darkbloom/protocol/ids";
import { WIRE_MESSAGE_BYTES_MAX } from "@darkbloom/protocol/limits";
import type { BusSkip } from "../events/events.ts";
import type { Clock } from "@darkbloom/protocol/ports";
import type { NetworkKey } from "../machines/ports.ts";
import type { Bus } from "./bus.ts";

/** Another version is not understood. */
const POST_VERSION = 1;
/** Of HMAC-SHA-256, by whoever has the network's key: no other can make one. */
const SEAL_BYTES = 16;
const ID_BYTES = 16;
/** Version, whose it is, the batch's number, which piece this is, and of how many. */
const HEAD_BYTES = 1 + ID_BYTES + 4 + 2 + 2;
const BODY_AT = SEAL_BYTES + HEAD_BYTES;
/** Records go into one batch until it is as long as this; one that is longer goes by itself. */
export const BATCH_BYTES = 256 * 1024;
/** A batch, put together again: one body, and what came in front of it. */
export const BATCH_BYTES_MAX = WIRE_MESSAGE_BYTES_MAX + 2 * BATCH_BYTES;
/** What nobody waits for leaves with what is said next, or after this: each message wakes two processes and the server. */
const UNHURRIED_MS = 20;
/** Batches that may be in pieces at once, one of each sender for each subject. */
export const BATCHES_OPEN_MAX = 64;

const ids = /^coord_([0-9a-f]{32})$/;
const SEAL_TAG = "darkbloom:bus:v1\0";
const NAME_TAG = "darkbloom:bus-name:v1\0";

/** `words` are JSON; the others are about one line each, and as `addressed` has them. */
export const recordKinds = { words: 1, frames: 2, request: 3 } as const;
export type PostKind = keyof typeof recordKinds;
const kindsByCode = new Map<number, PostKind>(
  Object.entries(recordKinds).map(([kind, code]) => [code, kind as PostKind]),
);
const RECORD_HEAD_BYTES = 1 + 4;

interface Batch {
  /** Heads and what follows them. */
  readonly parts: Uint8Array[];
  bytes: number;
}
interface Pieces {
  readonly batch: number;
  readonly of: number;
  readonly parts: Uint8Array[];
  bytes: number;
}

export interface PostNet {
  readonly bus: Bus;
  readonly networkKey: NetworkKey;
  /** Does it at the end of this turn of the loop. */
  readonly defer: (act: () => void) => void;
  readonly clock: Pick<Clock, "sleep">;
}

/**
 * What one coordinator says to all others, or to one, over the bus. What is said in one turn of the loop leaves at its end, together, in
 * as many messages as the bus needs. Each is sealed with the network's key, for its subject: whoever has the bus but not that key can
 * neither speak for a coordinator nor hand what it heard to another. A batch of which a piece is lost is lost.
 */
export class Post implements Disposable {
  readonly self: CoordinatorId;
  readonly #net: PostNet;
  readonly #heard: (from: CoordinatorId, kind: PostKind, bytes: Uint8Array) => void;
  readonly #skipped: (why: BusSkip) => void;
  readonly #root: string;
  readonly #own: Uint8Array;
  readonly #subscriptions: readonly Disposable[];
  readonly #waiting = new Map<string, Batch>();
  readonly #open = new Map<string, Pieces>();
  #batches = 0;
  #isDeferred = false;
  #isUnhurried = false;

  /** @param heard is given bytes that may change after its turn */
  constructor(
    net: PostNet,
    self: CoordinatorId,
    heard: (from: CoordinatorId, kind: PostKind, bytes: Uint8Array) => void,
    skipped: (why: BusSkip) => void,
  ) {
    this.#net = net;
    this.self = self;
    this.#heard = heard;
    this.#skipped = skipped;
    this.#root = `darkbloom.${toHex(net.networkKey.mac(utf8(NAME_TAG))).slice(0, 16)}`;
    this.#own = bytesOf(self);
    this.#subscriptions = [this.#all, this.#to(self)].map((subject) =>
      net.bus.subscribe(subject, (payload) => this.#receive(subject, payload)),
    );
  }

  get #all(): string {
    return `${this.#root}.all`;
  }
  #to(id: CoordinatorId): string {
    return `${this.#root}.to.${id}`;
  }

  tellAll(words: object): void {
    this.#put(this.#all, "words", utf8(JSON.stringify(words)));
    this.#flushSoon();
  }
  tell(to: CoordinatorId, words: object): void {
    this.#put(this.#to(to), "words", utf8(JSON.stringify(words)));
    this.#flushSoon();
  }
  /** The same, where nobody waits for it. */
  mention(to: CoordinatorId, words: object): void {
    this.#put(this.#to(to), "words", utf8(JSON.stringify(words)));
    if (this.#isDeferred || this.#isUnhurried) return;
    this.#isUnhurried = true;
    void this.#net.clock.sleep(UNHURRIED_MS).then(() => this.flush());
  }
  /** @param parts one record; none of them changes before the end of this turn */
  hand(to: CoordinatorId, kind: Exclude<PostKind, "words">, parts: readonly Uint8Array[]): void {
    this.#put(this.#to(to), kind, ...parts);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#isDeferred) return;
    this.#isDeferred = true;
    this.#net.defer(() => this.flush());
  }

  /** What was said leaves now. */
  flush(): void {
    this.#isDeferred = false;
    this.#isUnhurried = false;
    for (const [subject, batch] of this.#waiting) this.#send(subject, batch);
    this.#waiting.clear();
  }

  #put(subject: string, kind: PostKind, ...parts: readonly Uint8Array[]): void {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    let batch = this.#waiting.get(subject);
    if (batch && batch.bytes + length > BATCH_BYTES) {
      this.#waiting.delete(subject);
      this.#send(subject, batch);
      batch = undefined;
    }
    if (!batch) {
      batch = { parts: [], bytes: 0 };
      this.#waiting.set(subject, batch);
    }
    const head = new Uint8Array(RECORD_HEAD_BYTES);
    head[0] = recordKinds[kind];
    putU32be(head, 1, length);
    batch.parts.push(head);
    for (const part of parts) batch.parts.push(part);
    batch.bytes += RECORD_HEAD_BYTES + length;
  }

  /** Each message is written once, into the memory that the bus is given. */
  #send(subject: string, { parts, bytes }: Batch): void {
    const room = this.#net.bus.payloadBytesMax - BODY_AT;
    const of = Math.max(1, Math.ceil(bytes / room));
    const batch = this.#batches++ >>> 0;
    const from = { part: 0, at: 0 };
    for (let n = 0; n < of; n++) {
      const message = new Uint8Array(BODY_AT + Math.min(room, bytes - n * room));
      message[SEAL_BYTES] = POST_VERSION;
      message.set(this.#own, SEAL_BYTES + 1);
      putU32be(message, SEAL_BYTES + 1 + ID_BYTES, batch);
      putU32be(message, SEAL_BYTES + 1 + ID_BYTES + 4, n * 0x10000 + of);
      for (let at = BODY_AT; at < message.length;) {
        const part = parts[from.part];
        if (!part) throw new RangeError("a batch is shorter than it is said to be");
        const taken = part.subarray(from.at, from.at + message.length - at);
        message.set(taken, at);
        at += taken.length;
        from.at += taken.length;
        if (from.at === part.length) Object.assign(from, { part: from.part + 1, at: 0 });
      }
      message.set(this.#sealOf(subject, message.subarray(SEAL_BYTES)));
      this.#net.bus.publish(subject, message);
    }
  }

  #sealOf(subject: string, piece: Uint8Array): Uint8Array {
    return this.#net.networkKey.mac(utf8(`${SEAL_TAG}${subject}\0`), piece).subarray(0, SEAL_BYTES);
  }

  #receive(subject: string, payload: Uint8Array): void {
    if (payload.length < BODY_AT) return this.#skipped("shape");
    const piece = payload.subarray(SEAL_BYTES);
    if (piece[0] !== POST_VERSION) return this.#skipped("version");
    if (!isSame(payload.subarray(0, SEAL_BYTES), this.#sealOf(subject, piece))) return this.#skipped("seal");
    const from = `coord_${toHex(piece.subarray(1, 1 + ID_BYTES))}` as CoordinatorId;
    if (from === this.self) return;
    const view = new DataView(piece.buffer, piece.byteOffset + 1 + ID_BYTES);
    const [batch, n, of] = [view.getUint32(0), view.getUint16(4), view.getUint16(6)];
    const bytes = piece.subarray(HEAD_BYTES);
    if (of === 1) return this.#read(from, bytes);
    const whole = this.#join(`${subject} ${from}`, { batch, n, of, bytes });
    if (typeof whole === "string") this.#skipped(whole);
    else if (whole) this.#read(from, whole);
  }

  /** @returns the batch, once its last piece has come; nothing before; or why it never will be whole */
  #join(
    whose: string,
    { batch, n, of, bytes }: { batch: number; n: number; of: number; bytes: Uint8Array },
  ): Uint8Array | BusSkip | undefined {
    const before = this.#open.get(whose);
    if (n === 0) {
      this.#open.delete(whose);
      if (this.#open.size >= BATCHES_OPEN_MAX) return "crowd";
      this.#open.set(whose, { batch, of, parts: [bytes.slice()], bytes: bytes.length });
      return before && "lost";
    }
    if (!before || before.batch !== batch || before.of !== of || before.parts.length !== n) {
      this.#open.delete(whose);
      return "lost";
    }
    before.bytes += bytes.length;
    before.parts.push(bytes.slice());
    if (before.bytes > BATCH_BYTES_MAX) {
      this.#open.delete(whose);
      return "shape";
    }
    if (before.parts.length < of) return undefined;
    this.#open.delete(whose);
    return joinBytes(before.parts);
  }

  #read(from: CoordinatorId, batch: Uint8Array): void {
    const view = new DataView(batch.buffer, batch.byteOffset, batch.length);
    for (let at = 0; at < batch.length;) {
      if (at + RECORD_HEAD_BYTES > batch.length) return this.#skipped("shape");
      const kind = kindsByCode.get(view.getUint8(at));
      const end = at + RECORD_HEAD_BYTES + view.getUint32(at + 1);
      if (end > batch.length) return this.#skipped("shape");
      if (kind) this.#heard(from, kind, batch.subarray(at + RECORD_HEAD_BYTES, end));
      else this.#skipped("shape");
      at = end;
    }
  }

  /** Nobody has said so much that this one could not have known of it: what is in pieces will never be whole. */
  forget(): void {
    this.#open.clear();
  }

  [Symbol.dispose](): void {
    this.flush();
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]();
  }
}

/** What is about one line: `u8 length ‖ job id ‖ u32 number on that line`, and what follows it. */
export function addressed(jobId: string, number: number, ...parts: readonly Uint8Array[]): readonly Uint8Array[] {
  const id = utf8(jobId);
  const head = new Uint8Array(1 + id.length + 4);
  head[0] = id.length;
  head.set(id, 1);
  putU32be(head, 1 + id.length, number);
  return [head, ...parts];
}

/** @returns undefined for what is none; its bytes are a view */
export function readAddressed(record: Uint8Array): { jobId: string; number: number; bytes: Uint8Array } | undefined {
  const at = 1 + (record[0] ?? 0);
  if (at === 1 || record.length < at + 4) return undefined;
  try {
    const number = new DataView(record.buffer, record.byteOffset + at).getUint32(0);
    return { jobId: fromUtf8(record.subarray(1, at)), number, bytes: record.subarray(at + 4) };
  } catch {
    return undefined;
  }
}

function bytesOf(id: CoordinatorId): Uint8Array {
  const hex = ids.exec(id)?.[1];
  if (hex === undefined) throw new RangeError("no id of a coordinator");
  return fromHex(hex);
}

/** Takes as long for any two of one length. */
function isSame(one: Uint8Array, other: Uint8Array): boolean {
  let differ = one.length ^ other.length;
  for (const [at, byte] of one.entries()) differ |= byte ^ (other[at] ?? 0);
  return differ === 0;
}
