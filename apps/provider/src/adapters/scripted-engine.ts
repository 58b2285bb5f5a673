import type { Clock, Message } from "@darkbloom/protocol";
import { EngineRefusal, type Engine, type LoadedModel, type Piece, type Prompt } from "../inference/engine.ts";
import { Slots } from "./slots.ts";

/** The message of a fault that a script asked for. */
export const SCRIPTED_FAULT = "scripted fault";

/** What a scripted model does with one prompt. */
export interface Script {
  /** What it says, token by token. */
  readonly pieces: readonly string[];
  /** Before the first token, and between two. */
  readonly firstTokenMs?: number;
  readonly tokenMs?: number;
  /** After so many tokens it throws, or says nothing more. */
  readonly failAfter?: number;
  readonly hangAfter?: number;
}

export interface ScriptedOptions {
  readonly clock: Clock;
  readonly script: (messages: readonly Message[]) => Script;
  readonly slots?: number;
  readonly model?: Partial<LoadedModel>;
}

/** Each word is a token, and so is the space before it. */
const wordsOf = (text: string): string[] => text.match(/\s*\S+|\s+$/g) ?? [];

/**
 * An engine that is told what to say, how fast and when to fail: for tests and benchmarks, where a
 * model's own time and words would be in the way. Everything around it is the real thing.
 */
export class ScriptedEngine implements Engine {
  readonly name = "scripted";
  readonly version = "1";
  readonly model: LoadedModel;
  readonly slots: number;
  readonly #options: ScriptedOptions;
  readonly #scripts = new WeakMap<readonly number[], Script>();
  readonly #free: Slots<number>;
  /** Runs that have not ended: zero when all is closed properly. */
  running = 0;
  /** Tokens that were made, over all runs. */
  generated = 0;

  constructor(options: ScriptedOptions) {
    this.#options = options;
    this.slots = options.slots ?? 4;
    this.#free = new Slots(Array.from({ length: this.slots }, (_, slot) => slot));
    this.model = { build: "scripted", weightsSha256: "0".repeat(64), contextTokens: 2048, ...options.model };
  }

  prompt(messages: readonly Message[]): Prompt {
    const tokens = messages.flatMap(({ role, text }) => [role, ...wordsOf(text)]).map((_, at) => at);
    this.#scripts.set(tokens, this.#options.script(messages));
    return { tokens, opensThinking: false };
  }

  async *run(
    prompt: Prompt,
    sampling: { readonly maxTokens: number },
    signal: AbortSignal,
  ): AsyncGenerator<Piece, { finish: "stop" | "length"; cachedTokens: number; completionTokens: number }> {
    const script = this.#scripts.get(prompt.tokens);
    if (!script) throw new RangeError("this prompt was not made by this engine");
    const room = Math.min(sampling.maxTokens, this.model.contextTokens - prompt.tokens.length);
    if (room <= 0) throw new EngineRefusal("context_exceeded");
    const slot = await this.#free.take(signal);
    this.running++;
    try {
      for (const [at, text] of script.pieces.entries()) {
        if (at >= room) return { finish: "length", cachedTokens: 0, completionTokens: at };
        if (script.failAfter === at) throw new Error(SCRIPTED_FAULT);
        await this.#pause(script.hangAfter === at ? Infinity : at === 0 ? script.firstTokenMs : script.tokenMs, signal);
        signal.throwIfAborted();
        this.generated++;
        yield { text, completionTokens: at + 1 };
      }
      const completionTokens = Math.min(script.pieces.length + 1, room);
      return { finish: completionTokens > script.pieces.length ? "stop" : "length", cachedTokens: 0, completionTokens };
    } finally {
      this.running--;
      this.#free.give(slot);
    }
  }

  async #pause(ms: number | undefined, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (ms === undefined || ms === 0) return;
    if (ms !== Infinity) return this.#options.clock.sleep(ms, signal);
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
