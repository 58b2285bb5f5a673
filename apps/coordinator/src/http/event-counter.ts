const LINE_FEED = 10;
const COLON = 58;

/**
 * Counts the events of a stream of server-sent events, cut anywhere, for dialects that number them: an
 * error event of ours goes on where the provider's numbers end. Comments do not count.
 */
export class EventCounter {
  #count = 0;
  #atLineStart = true;
  /** Of the event that is being read: whether it has had a line that is no comment. */
  #hasField = false;

  get count(): number {
    return this.#count;
  }

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#atLineStart) {
        if (bytes[at] === LINE_FEED) {
          if (this.#hasField) this.#count++;
          this.#hasField = false;
          at++;
          continue;
        }
        this.#atLineStart = false;
        if (bytes[at] !== COLON) this.#hasField = true;
      }
      const end = bytes.indexOf(LINE_FEED, at);
      if (end < 0) return;
      this.#atLineStart = true;
      at = end + 1;
    }
  }
}
