import {
  batchContextOf,
  newSampler,
  type BatchContext,
  type OpenedModel,
  type SamplerConfig,
} from "@darkbloom/provider/engine-parts";
import { counting, perToken, type Cost } from "./cost.ts";

/** Longer than any prompt and answer that it is asked for. */
export const CONTEXT_TOKENS = 1024;

/** The library without any of ours: batches as large as they may be, and nobody who waits for anything. */
export class BareLibrary implements AsyncDisposable {
  readonly context: BatchContext;
  readonly #opened: OpenedModel;
  readonly #dispose: () => Promise<void>;

  private constructor(opened: OpenedModel, context: BatchContext, dispose: () => Promise<void>) {
    this.#opened = opened;
    this.context = context;
    this.#dispose = dispose;
  }

  static async open(
    opened: OpenedModel,
    options: { sequences: number; threads: number; flashAttention: boolean },
  ): Promise<BareLibrary> {
    const context = await opened.model.createContext({ contextSize: CONTEXT_TOKENS, ...options });
    return new BareLibrary(opened, batchContextOf(context), async () => context.dispose());
  }

  /**
   * Reads a prompt into so many sequences, and writes so many tokens to each: all in one step, again and again.
   *
   * @returns what a token took, the first of each left out
   */
  async write(
    {
      tokens,
      config,
      streams,
    }: { readonly tokens: readonly number[]; readonly config: SamplerConfig; readonly streams: number },
    tokensEach: number,
  ): Promise<Cost> {
    const { context } = this;
    const ids = Array.from({ length: streams }, (_, id) => id);
    const samplers = ids.map((at) => {
      const sampler = newSampler(this.#opened.model);
      sampler.applyConfig({ ...config, seed: config.seed + at });
      return sampler;
    });
    let next = ids.map(() => tokens);
    let cost = counting();
    for (let count = 0, position = 0; count < tokensEach; count++) {
      const drawnAt = this.#step(position, next);
      position += next[0]?.length ?? 0;
      await context.decodeBatch();
      const drawn = await Promise.all(samplers.map((sampler, at) => context.sampleToken(drawnAt[at] ?? 0, sampler)));
      if (count === 0) cost = counting();
      next = drawn.map((token) => [token]);
    }
    const took = perToken(cost(), streams * (tokensEach - 1));
    for (const sampler of samplers) sampler.dispose();
    for (const id of ids) context.disposeSequence(id);
    return took;
  }

  /** Reads one prompt and draws its first token; `drawn` may go on with what was read. */
  async first(
    tokens: readonly number[],
    config: SamplerConfig,
    drawn?: (logitsAt: number) => Promise<void>,
  ): Promise<Cost> {
    const sampler = newSampler(this.#opened.model);
    sampler.applyConfig(config);
    const cost = counting();
    const [logitsAt = 0] = this.#step(0, [tokens]);
    await this.context.decodeBatch();
    await this.context.sampleToken(logitsAt, sampler);
    const took = cost();
    await drawn?.(logitsAt);
    sampler.dispose();
    this.context.disposeSequence(0);
    return took;
  }

  /** @returns where the logits of each sequence's last token will be */
  #step(position: number, parts: readonly (readonly number[])[]): number[] {
    this.context.initBatch(parts.reduce((sum, { length }) => sum + length, 0));
    return parts.map((tokens, id) => {
      const last = Uint32Array.of(tokens.length - 1);
      return this.context.addToBatch(id, position, Uint32Array.from(tokens), last)[0] ?? 0;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispose();
    await this.#opened.llama.dispose();
  }
}
