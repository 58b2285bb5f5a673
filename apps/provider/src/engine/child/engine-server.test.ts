import { duplexPair } from "node:stream";
import { describe, expect, it } from "vitest";
import { said } from "../../inference/engine.contract.ts";
import { EngineServer, type WatchedEngine } from "./engine-server.ts";
import { orderFrame, type Order } from "./orders.ts";
import { FrameReader, readRecords } from "./records.ts";

const TOKENS = 40;
const model = {
  build: "counted",
  weightsSha256: "0".repeat(64),
  contextTokens: 4096,
  tokenBytesMax: 8,
  tasks: ["generate"] as const,
};

/** Streams that get a token each at every step, as from one batch of the model. */
class SteppedEngine implements WatchedEngine {
  readonly name = "stepped";
  readonly version = "1";
  readonly model = model;
  readonly slots = 4;
  #step = Promise.withResolvers<void>();

  step(): void {
    this.#step.resolve();
    this.#step = Promise.withResolvers<void>();
  }

  async *run(): ReturnType<WatchedEngine["run"]> {
    for (let count = 1; count <= TOKENS; count++) {
      await this.#step.promise;
      yield { text: " word", completionTokens: count, cachedTokens: 0 };
    }
    return { finish: "length", completionTokens: TOKENS, cachedTokens: 0 };
  }

  prompt = () => Promise.reject(new Error("no prompt"));
  fit = () => Promise.reject(new Error("no vectors"));
  embed = (): never => {
    throw new Error("no vectors");
  };
  [Symbol.asyncDispose] = () => Promise.resolve();
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Goal: a token costs one message over the line at most, and tokens of one step go in one. Method: count what is written, step by step. */
describe("the line of the model's process", () => {
  it.each([1, 4])("has one message a step, with %i streams", async (streams) => {
    const [line, far] = duplexPair();
    const engine = new SteppedEngine();
    await using server = new EngineServer(line, async () => ({ engine, facts: { posture: [] } }));
    let messages = 0;
    let pieces = 0;
    let ends = 0;
    const frames = new FrameReader((frame) => {
      for (const { kind } of readRecords(frame)) {
        if (kind === "piece") pieces++;
        if (kind === "end") ends++;
      }
    });
    far.on("data", (chunk: Buffer) => {
      messages++;
      frames.push(chunk);
    });
    const order = (...orders: Order[]) => far.write(orderFrame(orders));
    order({ kind: "load", options: { modelPath: "", build: "" }, beatEveryMs: 1e6 });
    await turn();
    for (let id = 1; id <= streams; id++)
      order({
        kind: "run",
        id,
        prompt: { tokens: [1], opensThinking: false },
        generation: said,
        cacheScope: undefined,
        ahead: 1e6,
      });
    await turn();
    messages = 0;
    for (let step = 0; step < TOKENS; step++) {
      engine.step();
      await turn();
    }
    await turn();
    expect({ pieces, ends }).toEqual({ pieces: streams * TOKENS, ends: streams });
    expect(messages).toBeLessThanOrEqual(TOKENS + 1);
    far.end();
    await server.over;
  });
});
