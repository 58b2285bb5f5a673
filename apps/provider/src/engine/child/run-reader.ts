import { AHEAD_TOKENS_MAX, type Engine, type OnRead } from "../../inference/engine.ts";
import { EngineRefusal } from "../../language/refusal.ts";
import type { Piece } from "../../language/reply.ts";
import { EngineSpeechError, type EngineRecord } from "./records.ts";
import { moreOfPiece, trouble } from "./words.ts";

/** What may lie on the line, within what an engine may write ahead; and how many tokens are given back at once. */
export const ENGINE_LINE_TOKENS_MAX = AHEAD_TOKENS_MAX - 8;
export const GIVE_TOKENS = ENGINE_LINE_TOKENS_MAX / 2;

type End =
  Awaited<ReturnType<ReturnType<Engine["run"]>["next"]>> extends infer Step
    ? Step extends { done: true; value: infer Last }
      ? Last
      : never
    : never;

/** Whoever waits for what the process tells of one request. */
export interface Listener {
  take(record: EngineRecord): void;
  fail(error: Error): void;
  /** Something of it has been said already. */
  readonly begun: boolean;
}

/** What has come of one run and was not read yet: never more than it may write ahead. */
export class RunReader implements Listener {
  begun = false;
  ended: End | undefined;
  readonly #onRead: OnRead | undefined;
  #error: Error | undefined;
  #pieces: Piece[] = [];
  #at = 0;
  #wake: (() => void) | undefined;

  constructor(onRead?: OnRead) {
    this.#onRead = onRead;
  }

  get isOver(): boolean {
    return this.ended !== undefined || this.#error !== undefined;
  }

  take(record: EngineRecord): void {
    switch (record.kind) {
      case "piece":
        this.begun = true;
        if (this.#pieces.length - this.#at >= ENGINE_LINE_TOKENS_MAX + GIVE_TOKENS)
          throw new EngineSpeechError("too far ahead");
        this.#pieces.push(
          record.json === undefined ? record.piece : { ...record.piece, ...moreOfPiece.parse(record.json) },
        );
        break;
      case "end": {
        const { finish, cachedTokens, completionTokens } = record;
        this.ended = { finish, cachedTokens, completionTokens };
        break;
      }
      case "fail":
        this.#error = errorOf(record.json);
        break;
      case "read":
        return this.#onRead?.(record.readTokens);
      case "prompt":
      case "vectors":
      case "fits":
      case "busy_with":
      case "beat":
      case "loading":
      case "loaded":
      case "refused":
        throw new EngineSpeechError("not of a run");
    }
    this.wake();
  }

  fail(error: Error): void {
    this.#error = error;
    this.wake();
  }

  wake(): void {
    this.#wake?.();
  }

  shift(): Piece | undefined {
    const piece = this.#pieces[this.#at];
    if (piece === undefined) return undefined;
    if (++this.#at === this.#pieces.length) {
      this.#pieces = [];
      this.#at = 0;
    }
    return piece;
  }

  async more(): Promise<void> {
    if (this.#error) throw this.#error;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
    this.#wake = undefined;
  }
}

export function errorOf(json: unknown): Error {
  const found = trouble.parse(json);
  if (found.kind === "refusal") return new EngineRefusal(found.code, found.promptTokens);
  const error = new Error(found.kind === "fault" ? found.name : "the model failed");
  if (found.kind === "fault")
    error.stack = [`${found.name}: in the model's process`, ...found.places.map((at) => `    ${at}`)].join("\n");
  return error;
}
