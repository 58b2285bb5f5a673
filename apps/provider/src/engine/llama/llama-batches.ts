import { PromptBudget } from "./batch-plan.ts";
import type { BatchContext } from "./llama-binding.ts";
import type { Drawing, Drawn } from "./llama-sampling.ts";

/** What a run wants of the steps. */
export interface Wish {
  readonly sequence: BatchSequence;
  /** Of the prompt, without what the sequence holds already. */
  readonly tokens: readonly number[];
  readonly drawing: Drawing;
  readonly tokensMax: number;
  readonly isEnd: (token: number) => boolean;
  /** Hears after each step how many of `tokens` have been read. */
  readonly onRead?: (readTokens: number) => void;
}

/** Drawn tokens that may wait for whoever reads them: so the next step need not. */
const READY_TOKENS_MAX = 4;

/** One run on its way through the steps. */
class Turn {
  readonly wish: Wish;
  #left: readonly number[];
  /** Drawn, and not yet part of the sequence. */
  next: number | undefined;
  drawn: Drawn[] = [];
  count = 0;
  isOver = false;
  /** The step that is under way will draw from it. */
  isDrawing = false;
  error: unknown;
  wake: (() => void) | undefined;

  constructor(wish: Wish) {
    this.wish = wish;
    this.#left = wish.tokens;
  }

  get left(): number {
    return this.#left.length;
  }

  get wantsStep(): boolean {
    return !this.isOver && (this.left > 0 || (this.next !== undefined && this.drawn.length < READY_TOKENS_MAX));
  }

  read(count: number): readonly number[] {
    const part = this.#left.slice(0, count);
    this.#left = this.#left.slice(count);
    return part;
  }

  took(drawn: Drawn): void {
    this.drawn.push(drawn);
    this.count++;
    this.next = drawn.token;
    if (this.count >= this.wish.tokensMax || this.wish.isEnd(drawn.token)) this.isOver = true;
  }

  fail(error: unknown): void {
    this.error = error;
    this.isOver = true;
    this.wake?.();
  }
}

/** A sequence of the context. What it forgets, it forgets between two steps. */
export class BatchSequence {
  readonly id: number;
  readonly #batches: LlamaBatches;
  contextTokens: number[] = [];

  constructor(batches: LlamaBatches, id: number) {
    this.#batches = batches;
    this.id = id;
  }

  get nextTokenIndex(): number {
    return this.contextTokens.length;
  }

  async clearHistory(): Promise<void> {
    if (this.contextTokens.length > 0) await this.#batches.between(() => this.#keep(0));
  }

  async adaptStateToTokens(tokens: readonly number[], _allowShift: false): Promise<void> {
    const at = this.contextTokens.findIndex((token, index) => token !== tokens[index]);
    if (at !== -1) await this.#batches.between(() => this.#keep(at));
  }

  #keep(count: number): void {
    const { context, windowTokens, isClosed } = this.#batches;
    if (isClosed) return;
    const first = context.getSequenceKvCacheMinPosition(this.id);
    // A model with a sliding window has forgotten what lay before it.
    const isWhole = windowTokens === undefined ? first <= 0 : first <= Math.max(0, count - windowTokens);
    const kept =
      count > 0 && isWhole && context.removeTokenCellsFromSequence(this.id, count, this.contextTokens.length);
    if (!kept) context.disposeSequence(this.id);
    this.contextTokens.length = kept ? count : 0;
  }
}

/**
 * The steps of the model, one after another: in each, every run that writes gets its next token, and prompts that are
 * still read share what is left; now and then those that write wait for one step, in which a short prompt is read. Runs begin and end between two steps.
 */
export class LlamaBatches {
  readonly context: BatchContext;
  readonly windowTokens: number | undefined;
  readonly #batchTokens: number;
  readonly #turns = new Set<Turn>();
  readonly #between: (() => void)[] = [];
  readonly #budget: PromptBudget;
  readonly #nowMs: () => number;
  #isStepping = false;
  #haveWaited = false;
  #isClosed = false;
  #stepSinceMs: number | undefined;

  /**
   * @param batchTokens that one step may take
   * @param windowTokens of a model that sees no further back
   * @param msPerPromptToken as far as it was measured
   */
  constructor(
    context: BatchContext,
    batchTokens: number,
    windowTokens: number | undefined,
    { msPerPromptToken, nowMs }: { readonly msPerPromptToken?: number | undefined; readonly nowMs?: () => number } = {},
  ) {
    this.context = context;
    this.#batchTokens = batchTokens;
    this.windowTokens = windowTokens;
    this.#budget = new PromptBudget(msPerPromptToken);
    this.#nowMs = nowMs ?? (() => performance.now());
  }

  get stepMs(): number {
    return this.#stepSinceMs === undefined ? 0 : this.#nowMs() - this.#stepSinceMs;
  }

  /** Does something with the context while no step uses it. */
  between(task: () => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#between.push(() => {
      try {
        resolve(task());
      } catch (error) {
        reject(error instanceof Error ? error : new Error("the context failed"));
      }
    });
    this.#go();
    return promise;
  }

  /** Ends every run. Afterwards nothing uses the context, which may then be disposed of. */
  close(): Promise<void> {
    return this.between(() => {
      this.#isClosed = true;
      for (const turn of this.#turns) turn.fail(new Error("the model was closed"));
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Tokens as they are drawn, to the end of the run; a few may lie ready. */
  async *run(wish: Wish, signal: AbortSignal): AsyncGenerator<Drawn, void> {
    const turn = new Turn(wish);
    if (this.#isClosed) turn.fail(new Error("the model was closed"));
    const wake = () => turn.wake?.();
    signal.addEventListener("abort", wake, { once: true });
    this.#turns.add(turn);
    this.#go();
    try {
      for (;;) {
        signal.throwIfAborted();
        const drawn = turn.drawn.shift();
        if (drawn) {
          this.#go();
          yield drawn;
        } else if (turn.error !== undefined) {
          throw turn.error;
        } else if (turn.isOver) {
          return;
        } else {
          const { promise, resolve } = Promise.withResolvers<void>();
          turn.wake = resolve;
          await promise;
          turn.wake = undefined;
        }
      }
    } finally {
      signal.removeEventListener("abort", wake);
      turn.isOver = true;
      this.#turns.delete(turn);
      const end = () => wish.drawing[Symbol.dispose]();
      if (turn.isDrawing) await this.between(end);
      else end();
    }
  }

  #go(): void {
    if (this.#isStepping) return;
    this.#isStepping = true;
    void this.#steps();
  }

  async #steps(): Promise<void> {
    let drew: readonly Turn[] = [];
    try {
      for (;;) {
        for (const task of this.#between.splice(0)) task();
        const turns = [...this.#turns].filter((turn) => turn.wantsStep);
        // The model computes before anybody hears what it said last: words are made of that meanwhile.
        const step = turns.length > 0 ? this.#step(turns) : undefined;
        for (const turn of drew) turn.wake?.();
        drew = turns;
        if (step) await step;
        else if (this.#between.length === 0) return;
      }
    } finally {
      this.#isStepping = false;
    }
  }

  async #step(turns: readonly Turn[]): Promise<void> {
    const startedMs = this.#nowMs();
    this.#stepSinceMs = startedMs;
    const wanting = turns.filter(({ left }) => left === 0);
    const reading = turns.filter(({ left }) => left > 0);
    const lefts = reading.map(({ left }) => left);
    const { shares, writersWait } = this.#budget.plan(lefts, wanting.length, this.#batchTokens, this.#haveWaited);
    this.#haveWaited = writersWait;
    const writing = writersWait ? [] : wanting;
    const promptTokens = shares.reduce((sum, share) => sum + share, 0);
    try {
      await this.#decode(writing, reading, shares);
    } catch (error) {
      for (const turn of [...writing, ...reading]) turn.fail(error);
    }
    for (const turn of turns) turn.isDrawing = false;
    this.#stepSinceMs = undefined;
    this.#budget.took(this.#nowMs() - startedMs, promptTokens, writing.length);
  }

  async #decode(writing: readonly Turn[], reading: readonly Turn[], shares: readonly number[]): Promise<void> {
    this.context.initBatch(shares.reduce((sum, share) => sum + share, writing.length));
    const drawing: (readonly [Turn, number])[] = [];
    for (const turn of writing) drawing.push([turn, this.#add(turn, [turn.next ?? 0], true) ?? 0]);
    for (const [at, turn] of reading.entries()) {
      const share = shares[at] ?? 0;
      if (share === 0) continue;
      const logitsAt = this.#add(turn, turn.read(share), turn.left === 0);
      if (logitsAt !== undefined) drawing.push([turn, logitsAt]);
    }
    for (const [turn] of drawing) turn.isDrawing = true;
    await this.context.decodeBatch();
    for (const { wish, left } of reading) wish.onRead?.(wish.tokens.length - left);
    await Promise.all(drawing.map(([turn, logitsAt]) => this.#draw(turn, logitsAt)));
  }

  /** @returns where the logits of the last token will be */
  #add({ wish: { sequence } }: Turn, tokens: readonly number[], draws: boolean): number | undefined {
    const { id, nextTokenIndex } = sequence;
    const [logitsAt] = this.context.addToBatch(
      id,
      nextTokenIndex,
      Uint32Array.from(tokens),
      draws ? Uint32Array.of(tokens.length - 1) : new Uint32Array(0),
    );
    for (const token of tokens) sequence.contextTokens.push(token);
    return logitsAt;
  }

  async #draw(turn: Turn, logitsAt: number): Promise<void> {
    try {
      turn.took(await turn.wish.drawing.next(this.context, logitsAt));
    } catch (error) {
      turn.fail(error);
    }
  }
}
