import type { EmbedInput } from "@darkbloom/protocol/dialects";
import type { Llama } from "node-llama-cpp";
import type { Embedded, Engine, LoadedModel } from "../../inference/engine.ts";
import { engineVersion, type LoadFindings } from "./llama-open.ts";
import type { LlamaEmbedder } from "./llama-embedder.ts";

/** llama.cpp with a model that only embeds: it has no chat template, and no memory is taken for talking. */
export class LlamaEmbedEngine implements Engine {
  readonly name = "node-llama-cpp";
  readonly version = engineVersion;
  readonly model: LoadedModel;
  readonly slots: number;
  readonly findings: LoadFindings;
  readonly #llama: Llama;
  readonly #embedder: LlamaEmbedder;

  constructor(llama: Llama, embedder: LlamaEmbedder, slots: number, loaded: LoadedModel, findings: LoadFindings) {
    this.#llama = llama;
    this.#embedder = embedder;
    this.model = loaded;
    this.slots = slots;
    this.findings = findings;
  }

  stepMs(): number {
    return this.#embedder.stepMs;
  }

  fit(inputs: readonly EmbedInput[], signal: AbortSignal): Promise<void> {
    return this.#embedder.fit(inputs, signal);
  }

  embed(inputs: readonly EmbedInput[], signal: AbortSignal): AsyncGenerator<Embedded, void> {
    return this.#embedder.embed(inputs, signal);
  }

  async prompt(): Promise<never> {
    throw new RangeError("this model does not talk");
  }

  run(): never {
    throw new RangeError("this model does not talk");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#embedder[Symbol.asyncDispose]();
    await this.#llama.dispose();
  }
}
