import { fromUtf8, joinBytes, utf8 } from "../bytes.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The events after which a client takes an answer for whole, in any dialect. */
export const endings: ReadonlySet<string> = new Set([
  "message_stop",
  "response.completed",
  "response.incomplete",
  "response.failed",
]);
/** Where none of this is, no reader can find an ending: `\u` may spell one. */
const mayEnd = /message_stop|response\.(?:completed|incomplete|failed)|\\u/;
/** What our renderers write, and nothing that some reader would take for another line, field or receipt. */
// eslint-disable-next-line no-control-regex
const foreign = /[\0-\x09\x0b-\x1f\x85\u2028\u2029]/;
const line = /^(?:|: ?(?!darkbloom-)[^\s].*|event: [a-z_.]+|data: \S.*)$/;

/** Events of data alone, none of them the mark of an end: most of what is ever sent. With no `mayEnd` in it, it ends nothing. */
const plainEvents = /^(?:(?:event: [a-z_.]+\n)?data: (?!\[DONE\])\S.*\n\n)+$/;

/** A stream that its own renderer cannot have written. */
export class StreamMalformed extends Error {
  override readonly name = "StreamMalformed";
}

/**
 * Keeps back the end of a stream of server-sent events: the event that a client takes for the end, in whatever frame it comes,
 * and all that follows. Everything before it may go out, event by event.
 *
 * The lines are read more strictly than any client reads them, so that none finds an end where this finds none.
 */
export class StreamEnd {
  /** Of an event that is not whole yet. */
  #waiting: Bytes[] = [];
  #waitingBytes = 0;
  #endsInLineFeed = false;
  #ending: Bytes[] = [];
  #ended = false;

  /** Bytes that were taken and may not go out yet. */
  get heldBytes(): number {
    return this.#waitingBytes + this.#ending.reduce((sum, { length }) => sum + length, 0);
  }

  /**
   * @returns what may go out now
   * @throws StreamMalformed
   */
  push(bytes: Bytes): Bytes {
    const whole = this.#wholeEvents(bytes);
    if (!whole) return new Uint8Array(0);
    if (this.#ended) {
      if (!isComment(textOf(whole))) throw new StreamMalformed();
      this.#ending.push(whole);
      return new Uint8Array(0);
    }
    const text = textOf(whole);
    if (plainEvents.test(text) && !mayEnd.test(text)) return whole;
    let passed = 0;
    for (const event of text.slice(0, -2).split("\n\n")) {
      if (this.#ended) {
        if (!isComment(`${event}\n\n`)) throw new StreamMalformed();
      } else if (isEnding(event)) this.#ended = true;
      else passed += event.length + 2;
    }
    if (!this.#ended) return whole;
    const at = utf8(text.slice(0, passed)).length;
    this.#ending.push(whole.slice(at));
    return whole.slice(0, at);
  }

  /**
   * The answer is over.
   *
   * @returns the end that was kept back
   * @throws StreamMalformed where the stream has none, or bytes follow that are no event
   */
  end(): Bytes {
    if (!this.#ended || this.#waitingBytes > 0) throw new StreamMalformed();
    return joinBytes(this.#ending);
  }

  /** The events that these bytes make whole, or undefined where they end in the middle of the first. */
  #wholeEvents(bytes: Bytes): Bytes | undefined {
    if (bytes.length === 0) return undefined;
    const end = lastBlankLine(bytes, this.#endsInLineFeed);
    this.#endsInLineFeed = bytes.at(-1) === LINE_FEED;
    const whole = end > 0 ? this.#behindWaiting(bytes.subarray(0, end)) : undefined;
    if (whole) {
      this.#waiting = [];
      this.#waitingBytes = 0;
    }
    if (end < bytes.length) {
      this.#waiting.push(bytes.slice(end));
      this.#waitingBytes += bytes.length - end;
    }
    // The blank line was the last that there was, so the next line feed alone makes no other.
    if (end === bytes.length) this.#endsInLineFeed = false;
    return whole;
  }

  #behindWaiting(bytes: Bytes): Bytes {
    return this.#waitingBytes === 0 ? bytes : joinBytes([...this.#waiting, bytes]);
  }
}

export const LINE_FEED = 10;

/** Where the last whole event ends, or 0. @param after whether the byte before these was a line feed */
function lastBlankLine(bytes: Uint8Array, after: boolean): number {
  for (let at = bytes.lastIndexOf(LINE_FEED); at >= 0; at = at === 0 ? -1 : bytes.lastIndexOf(LINE_FEED, at - 1))
    if (at === 0 ? after : bytes[at - 1] === LINE_FEED) return at + 1;
  return 0;
}

/** What our renderers may have written. @throws StreamMalformed */
export function textOf(bytes: Bytes): string {
  try {
    const text = fromUtf8(bytes);
    if (!foreign.test(text)) return text;
  } catch {
    // Half a character: no renderer writes that.
  }
  throw new StreamMalformed();
}

const isComment = (events: string): boolean => events.split("\n").every((one) => one === "" || one.startsWith(": "));

/** @param event its lines, without the blank one */
function isEnding(event: string): boolean {
  let ends = false;
  let data: string | undefined;
  for (const one of event.split("\n")) {
    if (one === "" || !line.test(one)) throw new StreamMalformed();
    if (one.startsWith("event: ")) ends ||= endings.has(one.slice(7));
    if (!one.startsWith("data: ")) continue;
    // Readers join several of them, or take each alone: none of our renderers writes a second.
    if (data !== undefined) throw new StreamMalformed();
    data = one.slice(6);
    ends ||= data.startsWith("[DONE]") || (mayEnd.test(data) && endings.has(typeOf(data)));
  }
  return ends;
}

function typeOf(data: string): string {
  try {
    const value: unknown = JSON.parse(data);
    if (typeof value === "object" && value !== null && "type" in value && typeof value.type === "string")
      return value.type;
    return "";
  } catch {
    throw new StreamMalformed();
  }
}
