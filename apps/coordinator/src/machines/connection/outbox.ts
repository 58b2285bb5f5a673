import { joinRecords, type FromCoordinator } from "@darkbloom/protocol/wire";
import type { Wire } from "./wire.ts";

/** More is handed to the socket only while less than this waits there, so that a cancel or a challenge behind a body is soon sent. */
export const PROVIDER_BUFFERED_BYTES_MAX = 1024 * 1024;
/** Bodies that may wait for one provider; above the slots of any machine, so only a fault reaches it. */
export const BODIES_WAITING_MAX = 1024;
/** Bodies go into one message until it is as long as this. */
export const JOINED_BODIES_BYTES = 64 * 1024;
/** Control frames that may wait for one provider; one that reads nothing reaches it, and is dropped. */
export const CONTROLS_WAITING_CHARS_MAX = 1024 * 1024;

/**
 * What goes out to one provider. While the socket is full everything waits, control frames before bodies; of
 * those that only say how things stand now, the newest. Bodies that are ready in one turn of the loop go out together, at its
 * end. `flush` is called when the socket has written something.
 */
export class Outbox {
  readonly #wire: Wire;
  readonly #defer: (act: () => void) => void;
  readonly #overflown: () => void;
  /** By what they are about: a later one of the same kind takes the place of the former. */
  readonly #controls = new Map<string, FromCoordinator>();
  #controlsChars = 0;
  #ordinal = 0;
  /** As records. */
  #bodies: { readonly record: Uint8Array<ArrayBuffer>; readonly wanted: () => boolean }[] = [];
  #isDeferred = false;

  /**
   * @param defer does it at the end of this turn
   * @param overflown the provider does not read
   */
  constructor(wire: Wire, defer: (act: () => void) => void, overflown: () => void) {
    this.#wire = wire;
    this.#defer = defer;
    this.#overflown = overflown;
  }

  control(message: FromCoordinator): void {
    if (this.#controls.size === 0 && this.#hasRoom) return this.#wire.send(JSON.stringify(message));
    const about = this.#subjectOf(message);
    const before = this.#controls.get(about);
    if (before) this.#controlsChars -= charsOf(before);
    const merged = before?.type === "credit" && message.type === "credit" ? sumOf(before, message) : message;
    this.#controls.set(about, merged);
    this.#controlsChars += charsOf(merged);
    if (this.#controlsChars > CONTROLS_WAITING_CHARS_MAX) this.#overflown();
  }

  /** @returns false if too many wait already. @param wanted asked again when its turn comes */
  body(record: Uint8Array<ArrayBuffer>, wanted: () => boolean): boolean {
    if (this.#bodies.length >= BODIES_WAITING_MAX) return false;
    this.#bodies.push({ record, wanted });
    if (!this.#isDeferred) this.#defer(this.#endTurn);
    this.#isDeferred = true;
    return true;
  }

  readonly #endTurn = (): void => {
    this.#isDeferred = false;
    this.flush();
  };

  /** Forgets the bodies that nobody wants any more; their memory is free at once. */
  sweep(): void {
    this.#bodies = this.#bodies.filter(({ wanted }) => wanted());
  }

  flush(): void {
    for (const [about, message] of this.#controls) {
      if (!this.#hasRoom) return;
      this.#controls.delete(about);
      this.#controlsChars -= charsOf(message);
      this.#wire.send(JSON.stringify(message));
    }
    while (this.#bodies.length > 0 && this.#hasRoom) {
      const [first, ...more] = this.#nextBodies();
      if (first) this.#wire.send(more.length === 0 ? first : joinRecords([first, ...more]));
    }
  }

  /** As many as there may be in one message, of those that are still wanted. */
  #nextBodies(): Uint8Array<ArrayBuffer>[] {
    const records: Uint8Array<ArrayBuffer>[] = [];
    let bytes = 0;
    while (bytes < JOINED_BODIES_BYTES) {
      const next = this.#bodies.shift();
      if (!next) break;
      if (!next.wanted()) continue;
      records.push(next.record);
      bytes += next.record.length;
    }
    return records;
  }

  get #hasRoom(): boolean {
    return this.#wire.bufferedBytes < PROVIDER_BUFFERED_BYTES_MAX;
  }

  #subjectOf(message: FromCoordinator): string {
    switch (message.type) {
      case "trust_status":
      case "provider_drain_ack":
        return message.type;
      case "credit":
      case "cancel":
        return `${message.type} ${message.job_id}`;
      case "registered":
      case "attestation_challenge":
        return `${message.type} ${this.#ordinal++}`;
    }
  }
}

const charsOf = (message: FromCoordinator): number => JSON.stringify(message).length;

const sumOf = (one: Credit, other: Credit): Credit => ({ ...other, bytes: one.bytes + other.bytes });
type Credit = Extract<FromCoordinator, { type: "credit" }>;
