/** Weight of the newest measurement in the moving averages; the first few count alike. */
const NEWEST = 0.2;
/** Bytes that a token comes to on its way to the caller: in an event of its own, and in the text of a plain answer. */
const STREAM_BYTES_PER_TOKEN = 200;
const PLAIN_BYTES_PER_TOKEN = 4;
/** Of a plain answer, what surrounds its text. */
const PLAIN_ENVELOPE_BYTES = 400;
/** A shorter answer says nothing of how fast the next ones come. */
const DECODE_TOKENS_MEASURED_MIN = 8;
/** Faster than this is as good as this: nobody reads it, and nobody is chosen for saying so. */
const DECODE_TOKENS_PER_SEC_MAX = 1_000;
/** A shorter prompt shows how soon a machine begins at all, a longer one how fast it reads. */
const SHORT_PROMPT_BYTES_MAX = 2_000;

/** The first content of an answer, as it came in here. */
export interface Beginning {
  readonly firstContentMs: number;
  readonly promptBytes: number;
}

/** A whole answer, by the bytes that were passed on and the time between them; nothing that its machine says of itself. */
export interface MeasuredAnswer {
  readonly decodeMs: number;
  readonly relayedBytes: number;
  readonly isStream: boolean;
}

/** How fast a machine is, by what was measured here. Undefined until it was. */
export interface PaceFigures {
  readonly firstContentMs: number | undefined;
  readonly promptMsPerByte: number | undefined;
  readonly decodeTokensPerSec: number | undefined;
  /** When it last began an answer, on the monotonic clock; −∞: never. */
  readonly measuredAtMs: number;
}

export const unmeasured: PaceFigures = {
  firstContentMs: undefined,
  promptMsPerByte: undefined,
  decodeTokensPerSec: undefined,
  measuredAtMs: Number.NEGATIVE_INFINITY,
};

/** When the first content of an answer to such a prompt is to be expected; undefined where nothing like it was measured. */
export function expectedFirstContentMs(
  { firstContentMs, promptMsPerByte }: PaceFigures,
  promptBytes: number,
): number | undefined {
  if (promptBytes <= SHORT_PROMPT_BYTES_MAX) return firstContentMs;
  return promptMsPerByte === undefined ? undefined : (firstContentMs ?? 0) + promptMsPerByte * promptBytes;
}

export class Pace {
  readonly #begins = new Average();
  readonly #reads = new Average();
  readonly #decodes = new Average();
  #figures = unmeasured;

  get figures(): PaceFigures {
    return this.#figures;
  }

  /** @param nowMs monotonic */
  began({ firstContentMs, promptBytes }: Beginning, nowMs: number): void {
    if (promptBytes <= SHORT_PROMPT_BYTES_MAX) this.#begins.add(firstContentMs);
    else this.#reads.add(Math.max(0, firstContentMs - (this.#begins.value ?? 0)) / promptBytes);
    this.#figures = {
      ...this.#figures,
      firstContentMs: this.#begins.value,
      promptMsPerByte: this.#reads.value,
      measuredAtMs: nowMs,
    };
  }

  answered({ decodeMs, relayedBytes, isStream }: MeasuredAnswer): void {
    const tokens = isStream
      ? relayedBytes / STREAM_BYTES_PER_TOKEN
      : (relayedBytes - PLAIN_ENVELOPE_BYTES) / PLAIN_BYTES_PER_TOKEN;
    if (tokens < DECODE_TOKENS_MEASURED_MIN) return;
    this.#decodes.add(Math.min(DECODE_TOKENS_PER_SEC_MAX, (tokens * 1000) / Math.max(1, decodeMs)));
    this.#figures = { ...this.#figures, decodeTokensPerSec: this.#decodes.value };
  }
}

class Average {
  #count = 0;
  value: number | undefined;

  add(newest: number): void {
    this.#count++;
    const weight = Math.max(NEWEST, 1 / this.#count);
    this.value = (this.value ?? newest) * (1 - weight) + newest * weight;
  }
}
