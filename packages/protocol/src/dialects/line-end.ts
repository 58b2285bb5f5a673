import { joinBytes } from "../bytes.ts";
import { endings, LINE_FEED, StreamMalformed, textOf } from "./stream-end.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Our renderer writes the type first. What begins with the network's own name is the network's alone to say. */
const typed = /^\{"type":"(?!darkbloom)([a-z_.]+)"[,}]/;
/** Where none of this is, no reader can find another type: `\u` may spell one. */
const mayHide = /message_stop|response\.(?:completed|incomplete|failed)|darkbloom|\\u/;

/**
 * `StreamEnd` for events that are lines of JSON, each of them one message over a WebSocket: keeps back the one that a client
 * takes for the end, and passes on everything before it, line by line.
 */
export class LineEnd {
  #waiting: Bytes[] = [];
  #waitingBytes = 0;
  #ending: Bytes | undefined;

  /** Bytes that were taken and may not go out yet. */
  get heldBytes(): number {
    return this.#waitingBytes + (this.#ending?.length ?? 0);
  }

  /**
   * @returns what may go out now
   * @throws StreamMalformed
   */
  push(bytes: Uint8Array): Bytes {
    const end = bytes.lastIndexOf(LINE_FEED) + 1;
    const lines = end > 0 ? joinBytes([...this.#waiting, bytes.subarray(0, end)]) : new Uint8Array(0);
    if (end > 0) this.#waiting = [];
    if (end < bytes.length) this.#waiting.push(bytes.slice(end));
    this.#waitingBytes = this.#waiting.reduce((sum, { length }) => sum + length, 0);
    if (lines.length === 0) return lines;
    const texts = textOf(lines).slice(0, -1).split("\n");
    const types = texts.map(typeOf);
    const endsAt = types.findIndex((type) => endings.has(type));
    if (this.#ending || (endsAt >= 0 && endsAt < types.length - 1)) throw new StreamMalformed();
    if (endsAt < 0) return lines;
    // The network adds a member behind the last one.
    if (!texts.at(-1)?.endsWith("}")) throw new StreamMalformed();
    const from = lines.lastIndexOf(LINE_FEED, lines.length - 2) + 1;
    this.#ending = lines.slice(from);
    return lines.slice(0, from);
  }

  /**
   * The answer is over.
   *
   * @returns the end that was kept back
   * @throws StreamMalformed where the stream has none, or bytes follow that are no line
   */
  end(): Bytes {
    if (!this.#ending || this.#waitingBytes > 0) throw new StreamMalformed();
    return this.#ending;
  }
}

/** Whether a client takes a line for the end of its response. */
export const endsResponse = (line: string): boolean => endings.has(typed.exec(line)?.[1] ?? "");

function typeOf(line: string): string {
  const type = typed.exec(line)?.[1];
  if (type === undefined || (mayHide.test(line) && !isOfType(type, line))) throw new StreamMalformed();
  return type;
}

/** To every reader, and without the member in which the network tells how the response was proved. */
function isOfType(type: string, line: string): boolean {
  try {
    const event = JSON.parse(line) as { readonly type: unknown };
    return event.type === type && !Object.hasOwn(event, "darkbloom");
  } catch {
    return false;
  }
}
