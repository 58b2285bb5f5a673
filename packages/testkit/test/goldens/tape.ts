import type { Engine } from "@darkbloom/provider/inference/engine";

type Prompt = Awaited<ReturnType<Engine["prompt"]>>;
type Run = ReturnType<Engine["run"]>;
type Piece = Run extends AsyncGenerator<infer Step, unknown> ? Step : never;
type End = Run extends AsyncGenerator<unknown, infer Last> ? Last : never;

/** What a model made of one request, to its last piece. */
export interface Take extends Omit<Prompt, "tokens"> {
  readonly promptTokens: number;
  readonly pieces: Piece[];
  readonly end: End;
}

/** A model whose answers are kept as they are made. One request at a time. */
export class RecordingEngine implements Engine {
  readonly name: string;
  readonly version: string;
  readonly model: Engine["model"];
  readonly slots: number;
  readonly #engine: Engine;
  /** Of the last request that ended. */
  last: Take | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.name = engine.name;
    this.version = engine.version;
    this.model = engine.model;
    this.slots = engine.slots;
  }

  prompt(...args: Parameters<Engine["prompt"]>): Promise<Prompt> {
    return this.#engine.prompt(...args);
  }

  async *run(prompt: Prompt, ...rest: RestOf<Engine["run"]>): Run {
    const { tokens, ...told } = prompt;
    const pieces: Piece[] = [];
    const run = this.#engine.run(prompt, ...rest);
    // Where the story has enough, nobody asks for the end: it is whatever the model had come to.
    let end: End = { finish: "stop", cachedTokens: 0, completionTokens: 0 };
    try {
      for (;;) {
        const step = await run.next();
        if (step.done) return (end = step.value);
        pieces.push(step.value);
        yield step.value;
      }
    } finally {
      await run.return(end);
      this.last = { promptTokens: tokens.length, ...told, pieces, end };
    }
  }

  fit(...args: Parameters<Engine["fit"]>): ReturnType<Engine["fit"]> {
    return this.#engine.fit(...args);
  }

  embed(...args: Parameters<Engine["embed"]>): ReturnType<Engine["embed"]> {
    return this.#engine.embed(...args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine[Symbol.asyncDispose]();
  }
}

type RestOf<Method> = Method extends (first: never, ...rest: infer Rest) => unknown ? Rest : never;

/** Says again what was kept, piece by piece, whatever it is asked. */
export class ReplayEngine implements Engine {
  readonly name = "replay";
  readonly version = "1";
  readonly slots = 1;
  readonly model: Engine["model"];
  take: Take | undefined;

  constructor(model: Engine["model"]) {
    this.model = model;
  }

  async prompt(): Promise<Prompt> {
    const { promptTokens, pieces: _, end: _end, ...form } = this.#taken;
    return { tokens: Array.from({ length: promptTokens }, () => 0), ...form };
  }

  async *run(): Run {
    const { pieces, end } = this.#taken;
    yield* pieces;
    return end;
  }

  fit(): never {
    throw new RangeError("no vector was kept");
  }

  embed(): never {
    throw new RangeError("no vector was kept");
  }

  get #taken(): Take {
    if (!this.take) throw new RangeError("there is nothing to say again");
    return this.take;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
