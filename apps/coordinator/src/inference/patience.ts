/** From the hand-over to the first token, and between two signs of a prompt that is read. A frozen machine is noticed sooner by its silence. */
export const FIRST_CONTENT_WAIT_MS = 60_000;
/** Between two tokens of an answer. */
export const STREAM_IDLE_MS = 60_000;
/** Each token of a prompt that a machine says it has read buys it so much more time: what reads more slowly is not waited for. */
export const READ_TOKEN_MS_MAX = 100;
/** And all tokens together so much in one request. What a machine says of itself holds no caller for longer. */
export const READING_MS_MAX = 600_000;

/**
 * How long a machine's next word is waited for. That it reads is its own claim: it counts as far as it rises, up to the length
 * that the prompt can have.
 */
export class Patience {
  readonly #promptTokensMax: number;
  readonly #readingMsMax: number;
  #wordMs = FIRST_CONTENT_WAIT_MS;
  #readTokens = 0;
  /** Of the time that reading buys, what was bought before the last token. */
  #pastMs = 0;
  /** Waited since the last token, and since the last sign of any kind. */
  #idleMs = 0;
  #silentMs = 0;

  /** @param readingMsMax that may still be bought in this request */
  constructor(promptTokensMax: number, readingMsMax: number) {
    this.#promptTokensMax = promptTokensMax;
    this.#readingMsMax = readingMsMax;
  }

  /** Whether it has said that it reads. */
  get hasRead(): boolean {
    return this.#readTokens > 0;
  }
  get idleMs(): number {
    return this.#idleMs;
  }

  /** For the next sign; none where nothing is left of it. */
  get waitMs(): number {
    const untilWordMs = this.#wordMs + this.#boughtMs - this.#pastMs - this.#idleMs;
    return Math.max(0, Math.min(this.#wordMs - this.#silentMs, untilWordMs));
  }

  waited(ms: number): void {
    this.#idleMs += ms;
    this.#silentMs += ms;
  }

  /** It says that so many tokens are read. */
  read(tokens: number): void {
    const readTokens = Math.min(tokens, this.#promptTokensMax);
    if (readTokens <= this.#readTokens) return;
    this.#readTokens = readTokens;
    this.#silentMs = 0;
  }

  /** A token came, or a vector. */
  spoke(): void {
    this.#wordMs = STREAM_IDLE_MS;
    this.#pastMs = this.#boughtMs;
    this.#idleMs = 0;
    this.#silentMs = 0;
  }

  get #boughtMs(): number {
    return Math.min(this.#readingMsMax, this.#readTokens * READ_TOKEN_MS_MAX);
  }
}
