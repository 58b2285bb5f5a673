import { toHex } from "@darkbloom/protocol/bytes";
import type { Sha256Stream } from "@darkbloom/protocol/ports";
import type { ReceiptDocument } from "@darkbloom/protocol/receipts";
import {
  AnswerOpener,
  AnswerRecordReader,
  frameRecord,
  readAnswerTail,
  type AnswerError,
  type AnswerTail,
} from "@darkbloom/protocol/sealing";
import { cutOff } from "./answer-stream.ts";
import { DarkbloomError } from "./errors.ts";
import type { Ports } from "./ports.ts";
import type { Candidate } from "./sealed-request.ts";

/** How a sealed answer came to its end. */
export type SealedEnding =
  | {
      readonly kind: "answer";
      readonly tail: Extract<AnswerTail, { kind: "answer" }>;
      readonly document: ReceiptDocument;
      /** Over all frames, as the receipt has it. */
      readonly recordsSha256: string;
    }
  | { readonly kind: "refusal"; readonly tail: Extract<AnswerTail, { kind: "refusal" }> }
  /** In the clear: the coordinator's word. */
  | { readonly kind: "error"; readonly error: AnswerError };

/** Opens an answer as it comes. Nothing goes out of it that the candidate's own key did not seal, in that order. */
export class SealedAnswer {
  readonly #opener: AnswerOpener;
  readonly #records = new AnswerRecordReader();
  readonly #hash: Sha256Stream;
  #tail: AnswerTail | undefined;
  #document: ReceiptDocument | undefined;
  #error: AnswerError | undefined;

  constructor({ hpke, crypto }: Pick<Ports, "hpke" | "crypto">, { secret }: Candidate) {
    this.#opener = new AnswerOpener(hpke, secret);
    this.#hash = crypto.newSha256();
  }

  /** @returns the body's next pieces. @throws DarkbloomError */
  push(bytes: Uint8Array): Uint8Array<ArrayBuffer>[] {
    try {
      return this.#push(bytes);
    } catch (cause) {
      throw tampered(cause);
    }
  }

  #push(bytes: Uint8Array): Uint8Array<ArrayBuffer>[] {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    for (const record of this.#records.push(bytes)) {
      if (record.kind === "receipt") this.#document = record.document;
      else if (record.kind === "error") this.#error = record.error;
      else {
        this.#hash.update(frameRecord(record.bytes));
        for (const { plaintext, final } of this.#opener.push(record.bytes)) {
          if (final) this.#tail = readAnswerTail(plaintext);
          else pieces.push(plaintext);
        }
      }
    }
    return pieces;
  }

  /** No more comes. @throws DarkbloomError where that is no end */
  end(): SealedEnding {
    if (this.#error) return { kind: "error", error: this.#error };
    if (!this.#opener.finished) throw cutOff();
    const tail = this.#tail;
    if (!tail) throw tampered();
    // A refusal is one frame and has no receipt; an answer that ends without one was cut off.
    if (tail.kind === "refusal") return { kind: "refusal", tail };
    const document = this.#document;
    if (!document) throw cutOff();
    return { kind: "answer", tail, document, recordsSha256: toHex(this.#hash.digest()) };
  }
}

const tampered = (cause?: unknown): DarkbloomError =>
  new DarkbloomError("answer_false", "These are not the bytes that the machine sealed, or not in that order.", {
    cause,
  });
