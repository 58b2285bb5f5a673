import { FRAME_PADDING_BYTES } from "@darkbloom/protocol/limits";
import type { Deadlines } from "@darkbloom/protocol/time";
import type { LineEvent } from "../ports.ts";
import { Mailbox } from "./mailbox.ts";

/** From a cancel that nobody waits for to the closing of its attempt. Longer than any step of a model. */
export const ABANDONED_WAIT_MS = 60_000;

/** One frame of a sealed answer is padded to this at least. */
export const ANSWER_PIECE_BYTES_MIN = FRAME_PADDING_BYTES;

/** An attempt's line, as its session keeps it. */
export interface OpenLine {
  readonly mailbox: Mailbox<LineEvent>;
  /** The one event of its kind, with the newest figure, so that however often it is said, one waits. */
  readonly reading: { readonly kind: "reading"; readTokens: number };
  /** Sealed bytes that the provider may still send. */
  windowBytes: number;
  /** Nobody listens any more; it only waits to be closed. */
  abandoned: boolean;
  closed: boolean;
}

export const newLine = (deadlines: Deadlines): OpenLine => ({
  mailbox: new Mailbox(deadlines),
  reading: { kind: "reading", readTokens: 0 },
  windowBytes: 0,
  abandoned: false,
  closed: false,
});

/** Tells whoever waits how far a prompt is read. */
export function hearReading({ mailbox, reading, abandoned }: OpenLine, readTokens: number): void {
  reading.readTokens = readTokens;
  if (!abandoned && mailbox.newest !== reading) mailbox.put(reading);
}

/** Puts a piece of an answer on its line. @returns what the machine did wrong, if anything */
export function hearPiece(line: OpenLine, bytes: Uint8Array): "protocol" | "overrun" | undefined {
  // Whole frames of a sealed answer are never so short; many tiny pieces would cost more than the window says.
  if (bytes.length < ANSWER_PIECE_BYTES_MIN) return "protocol";
  line.windowBytes -= bytes.length;
  if (line.windowBytes < 0) return "overrun";
  // What is thrown away is given back at once, for the rest of what its machine closes with.
  if (line.abandoned) line.windowBytes += bytes.length;
  // A copy, unless it is taken at once: a piece that waits for its caller would hold all that came with it.
  else line.mailbox.put({ kind: "frames", bytes: line.mailbox.isAwaited ? bytes : bytes.slice() });
  return undefined;
}
