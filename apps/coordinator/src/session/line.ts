import type { AccountId, JobId, ProviderId, Serial, Sha256Hex } from "@darkbloom/protocol/ids";
import { FRAME_PADDING_BYTES } from "@darkbloom/protocol/limits";
import type { Envelope, HpkeContext } from "@darkbloom/protocol/sealing";
import type { FromProvider, Suite } from "@darkbloom/protocol/wire";
import type { Beginning, MeasuredAnswer } from "../fleet/pace.ts";
import type { ShownView } from "../fleet/view.ts";
import type { Mailbox } from "./mailbox.ts";

/** From a cancel that nobody waits for to the closing of its attempt. Longer than any step of a model. */
export const ABANDONED_WAIT_MS = 60_000;

/** One frame of a sealed answer is padded to this at least. */
export const ANSWER_PIECE_BYTES_MIN = FRAME_PADDING_BYTES;

type Of<Type extends FromProvider["type"]> = Extract<FromProvider, { type: Type }>;
export type Completion = Of<"inference_complete">;

/** What sealing for a machine needs; of the evidence in force at the moment of asking. */
export interface Sealing {
  readonly context: HpkeContext;
  readonly keyId: string;
  readonly suite: Suite;
  readonly evidenceSha256: Sha256Hex;
  /** Since 1970, in the time that this machine shares with us. */
  readonly nowMs: number;
}

/** What a provider says about one attempt, in the order in which it said it. */
export type LineEvent =
  | { readonly kind: "frames"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "complete"; readonly completion: Completion }
  | { readonly kind: "error"; readonly error: Of<"inference_error"> }
  /** The connection is lost; `silent` where nothing was heard for too long before. */
  | { readonly kind: "gone"; readonly silent: boolean };

/**
 * One attempt's line to its provider, and the slot that it takes there. The session owns it; the
 * attempt that opened it holds it until it leaves scope.
 *
 * - The slot is free again when the provider has closed the attempt or is gone, not when we lose
 *   interest: leaving the scope before that only sends a cancel.
 * - At most one `take` waits at a time.
 */
export interface Line extends Disposable {
  readonly jobId: JobId;
  readonly providerId: ProviderId;
  readonly serial: Serial;
  /** Both of the evidence that is in force now; whoever hands a request over keeps what they say. */
  sealing(): Sealing;
  machine(): ShownView;
  /** Hands the request over. Throws `provider_busy` if the provider's queue is full, `provider_gone` if it left. */
  send(request: { callerRequestId: string; account: AccountId; envelope: Envelope }): void;
  /** The next event, or undefined after `waitMs` without one. Throws the signal's reason when it aborts. */
  take(waitMs: number, signal?: AbortSignal): Promise<LineEvent | undefined>;
  /** Allows the provider to send so many bytes more. */
  credit(bytes: number): void;
  /** Asks the provider to stop between tokens and close; its closing still comes. */
  cancel(): void;
  /**
   * Tells routing how soon an answer began, that a good one came and, where its bytes say that, how fast, or that this
   * attempt was the machine's fault.
   */
  began(beginning: Beginning): void;
  measured(answer?: MeasuredAnswer): void;
  faulted(): void;
  /** The machine took no more work, although it had a free slot by our count. */
  wasBusy(): void;
  /** The answer is not what its machine signed. It is remembered of the machine, whichever connection it has by now, or none. */
  distrust(): void;
}

/** The same line as its session keeps it. */
export interface OpenLine {
  readonly mailbox: Mailbox<LineEvent>;
  /** Sealed bytes that the provider may still send. */
  windowBytes: number;
  /** Nobody listens any more; it only waits to be closed. */
  abandoned: boolean;
  closed: boolean;
}

/** Puts a piece of an answer on its line. @returns what the machine did wrong, if anything */
export function hearPiece(line: OpenLine, bytes: Uint8Array): "protocol" | "overrun" | undefined {
  // Whole frames of a sealed answer are never so short; many tiny pieces would cost more than the window says.
  if (bytes.length < ANSWER_PIECE_BYTES_MIN) return "protocol";
  line.windowBytes -= bytes.length;
  if (line.windowBytes < 0) return "overrun";
  // What is thrown away is given back at once, for the rest of what its machine closes with.
  if (line.abandoned) line.windowBytes += bytes.length;
  // A copy: a piece that waits for its caller would hold all that came with it.
  else line.mailbox.put({ kind: "frames", bytes: bytes.slice() });
  return undefined;
}
