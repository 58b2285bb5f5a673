import type { Duplex } from "node:stream";
import type { Embedded, Engine } from "../../inference/engine.ts";
import { EngineRefusal } from "../../language/refusal.ts";
import { ModelFileError } from "../../files/weights.ts";
import { readOrders, type Order } from "./orders.ts";
import { FrameReader, RecordWriter } from "./records.ts";
import type { LoadedFacts, LoadingStep, Trouble } from "./words.ts";

/** What of an engine only its own process sees. */
export interface WatchedEngine extends Engine {
  /** How long the step that is under way has taken. */
  stepMs?(): number;
}

/** Loads the engine that is served. */
export type LoadEngine = (
  options: Extract<Order, { kind: "load" }>["options"],
  tell: (step: LoadingStep) => void,
) => Promise<{ engine: WatchedEngine; facts: Pick<LoadedFacts, "posture" | "attention" | "memory"> }>;

interface Running {
  readonly cancel: AbortController;
  /** Tokens that the reader will take. */
  ahead: number;
  /** Called when there are more. */
  more: (() => void) | undefined;
}

const FRAME_BYTES_ANY = Number.POSITIVE_INFINITY;
const FAULT_PLACES_MAX = 8;
const ENGINE_PROGRESS_EVERY_MS = 200;

/**
 * The engine's side of the line: does what it is ordered, tells what comes of it, and shows from time to time
 * that its loop still turns. It ends with the line.
 */
export class EngineServer {
  readonly #line: Duplex;
  readonly #load: LoadEngine;
  readonly #out = new RecordWriter();
  readonly #running = new Map<number, Running>();
  /** Prompts are worked out one after another, so that it is known which one a loop hangs in. */
  #prompts: Promise<void> = Promise.resolve();
  #engine: WatchedEngine | undefined;
  #beats: NodeJS.Timeout | undefined;
  #flushIsDue = false;
  readonly over: Promise<void>;

  constructor(line: Duplex, load: LoadEngine) {
    this.#line = line;
    this.#load = load;
    const frames = new FrameReader((frame) => {
      for (const order of readOrders(frame)) this.#obey(order);
    }, FRAME_BYTES_ANY);
    line.on("data", (chunk: Buffer) => frames.push(chunk));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    for (const end of ["end", "close", "error"]) line.on(end, () => resolve());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#beats);
    for (const { cancel } of this.#running.values()) cancel.abort(new Error("the engine ends"));
    await this.#engine?.[Symbol.asyncDispose]();
  }

  #obey(order: Order): void {
    switch (order.kind) {
      case "load":
        this.#beats = setInterval(() => this.#beat(), order.beatEveryMs);
        return void this.#begin(order.options);
      case "prompt": {
        const { cancel } = this.#open(order.id);
        this.#prompts = this.#prompts.then(() => this.#prompt(order, cancel.signal));
        return;
      }
      case "run":
        return void this.#run(order, this.#open(order.id, order.ahead));
      case "fit":
        return void this.#fit(order, this.#open(order.id).cancel.signal);
      case "embed":
        return void this.#embed(order, this.#open(order.id).cancel.signal);
      case "more": {
        const running = this.#running.get(order.id);
        if (!running) return;
        running.ahead += order.tokens;
        return running.more?.();
      }
      case "stop":
        return this.#running.get(order.id)?.cancel.abort(new Error("stopped"));
    }
  }

  async #begin(options: Extract<Order, { kind: "load" }>["options"]): Promise<void> {
    try {
      let toldAtMs = 0;
      const tell = (step: LoadingStep) => {
        if (performance.now() - toldAtMs < ENGINE_PROGRESS_EVERY_MS && step.done < 1) return;
        toldAtMs = performance.now();
        this.#tell("loading", 0, step);
      };
      const { engine, facts } = await this.#load(options, tell);
      this.#engine = engine;
      const { name, version, model, slots } = engine;
      this.#tell("loaded", 0, { name, version, model, slots, ...facts } satisfies LoadedFacts);
    } catch (error) {
      this.#tell("refused", 0, troubleOf(error));
    }
  }

  async #prompt({ id, job }: Extract<Order, { kind: "prompt" }>, signal: AbortSignal): Promise<void> {
    try {
      if (signal.aborted || !this.#engine) return;
      this.#mark(id);
      const prompt = await this.#engine.prompt(job);
      this.#out.prompt(id, prompt);
      this.#flushSoon();
    } catch (error) {
      this.#tell("fail", id, troubleOf(error));
    } finally {
      this.#running.delete(id);
      this.#mark(0);
    }
  }

  async #run(order: Extract<Order, { kind: "run" }>, running: Running): Promise<void> {
    const { id, prompt, generation, cacheScope } = order;
    const { cancel } = running;
    if (generation.constraint) {
      // A grammar compiles at once and on this thread, before anything else of the run.
      this.#mark(id);
      setImmediate(() => this.#mark(0));
    }
    let toldAtMs = performance.now();
    const onRead = (readTokens: number) => {
      if (performance.now() - toldAtMs < ENGINE_PROGRESS_EVERY_MS) return;
      toldAtMs = performance.now();
      this.#out.read(id, readTokens);
      this.#flushSoon();
    };
    const run = this.#engine?.run(prompt, generation, cancel.signal, cacheScope, onRead);
    try {
      for (;;) {
        while (running.ahead <= 0) await this.#more(running);
        const step = await run?.next();
        if (!step) break;
        if (step.done) {
          this.#out.end(id, step.value);
          break;
        }
        running.ahead--;
        this.#out.piece(id, step.value);
        this.#flushSoon();
      }
    } catch (error) {
      // Whoever stopped it expects nothing more.
      if (!cancel.signal.aborted) this.#tell("fail", id, troubleOf(error));
    } finally {
      this.#running.delete(id);
      this.#flushSoon();
      await run?.return({ finish: "stop", cachedTokens: 0, completionTokens: 0 });
    }
  }

  async #fit({ id, inputs }: Extract<Order, { inputs: unknown }>, signal: AbortSignal): Promise<void> {
    try {
      for (const input of inputs) {
        this.#mark(id);
        setImmediate(() => this.#mark(0));
        await this.#engine?.fit([input], signal);
      }
      this.#tell("fits", id, undefined);
    } catch (error) {
      if (!signal.aborted) this.#tell("fail", id, troubleOf(error));
    } finally {
      this.#running.delete(id);
    }
  }

  async #embed({ id, inputs }: Extract<Order, { inputs: unknown }>, signal: AbortSignal): Promise<void> {
    try {
      const run = this.#engine?.embed(inputs, signal);
      const vectors: Embedded[] = [];
      for (;;) {
        // A text becomes tokens at once and on this thread, before anything of it is waited for.
        this.#mark(id);
        setImmediate(() => this.#mark(0));
        const step = await run?.next();
        if (!step || step.done === true) break;
        vectors.push(step.value);
      }
      this.#out.vectors(id, vectors);
      this.#flushSoon();
    } catch (error) {
      if (!signal.aborted) this.#tell("fail", id, troubleOf(error));
    } finally {
      this.#running.delete(id);
    }
  }

  async #more(running: Running): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { signal } = running.cancel;
    running.more = resolve;
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    running.more = undefined;
    signal.throwIfAborted();
  }

  #open(id: number, ahead = 0): Running {
    const running: Running = { cancel: new AbortController(), ahead, more: undefined };
    this.#running.set(id, running);
    return running;
  }

  #beat(): void {
    this.#tell("beat", 0, { residentBytes: process.memoryUsage.rss(), stepMs: this.#engine?.stepMs?.() ?? 0 });
  }

  /** Written at once: the loop may not turn again for a while. */
  #mark(id: number): void {
    this.#out.tell("busy_with", id, undefined);
    this.#flush();
  }

  #tell(...told: Parameters<RecordWriter["tell"]>): void {
    this.#out.tell(...told);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#flushIsDue) return;
    this.#flushIsDue = true;
    // When all that can go on now has gone on: what several streams have to tell of one step goes together.
    process.nextTick(() => {
      this.#flushIsDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (!this.#out.isEmpty && this.#line.writable) this.#line.write(this.#out.take());
  }
}

/** What went wrong, without a word of anybody's prompt: our own sentences, codes, and places in code. */
function troubleOf(error: unknown): Trouble {
  if (error instanceof EngineRefusal) {
    const { code, promptTokens } = error;
    return { kind: "refusal", code, ...(promptTokens !== undefined && { promptTokens }) };
  }
  if (error instanceof ModelFileError) return { kind: "model", sentence: error.message };
  const { name = typeof error, stack = "" } = error instanceof Error ? error : {};
  const places = stack.split("\n").filter((line) => /^\s+at /.test(line));
  return { kind: "fault", name, places: places.slice(0, FAULT_PLACES_MAX).map((line) => line.trim().slice(0, 256)) };
}
